"""What README.md promises exists: its commands, its make targets, its run file and its pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.main import COMMANDS
from estafet.runfile import load

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"^estafet ([\w-]+)", "\n".join(blocks("sh")), re.MULTILINE))))
def test_every_command_in_it_is_a_command(name):
    assert name in COMMANDS


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake (\w+)", "\n".join(blocks("sh"))))))
def test_every_make_target_in_it_is_one(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_its_run_file_is_whole(tmp_path):
    (block,) = blocks("yaml")
    (tmp_path / "run.yaml").write_text(block, encoding="utf-8")

    run = load(tmp_path / "run.yaml").run

    assert (run.name, run.evaluate.gates["accuracy"].min) == ("digits", 0.97)


def test_it_begins_with_a_picture_that_is_there():
    picture = re.search(r"!\[[^\]]+\]\(([^)]+)\)", README)

    assert picture.start() < README.index("```")
    assert (ROOT / picture[1]).stat().st_size > 10_000
