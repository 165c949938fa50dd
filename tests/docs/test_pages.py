"""What the pages in docs/ say of the code is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from estafet import errors

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md"), ROOT / "CONTRIBUTING.md"])
PACKAGES = ("estafet", "components", "pipelines", "serving", "monitoring", "cli")
ERRORS = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


def source_text() -> str:
    """Return our source, with the pieces of messages that go over two lines put together."""
    text = "".join(path.read_text(encoding="utf-8") for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_the_table_of_exit_statuses_is_that_of_the_classes():
    told = {name: int(status) for status, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", ERRORS, re.MULTILINE)}

    assert told == {name: kind.exit_status for name, kind in errors.BY_NAME.items() if name != "EstafetError"}


def test_every_error_on_the_page_is_one_that_the_code_can_say():
    table = ERRORS.split("## The commonest")[1].split("## A killed run")[0]
    said = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    source = source_text()

    assert len(said) > 10
    assert [words for words in said if words not in source] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    linked = [page.parent / link for link in re.findall(r"\]\(([\w./-]+)\)", text)]
    named = [
        ROOT / path
        for path in re.findall(r"`([\w./-]+/[\w./-]*\.(?:py|yaml|md|toml))`", text)
        if path.split("/")[0] in (*PACKAGES, "docs", "tests", "examples")
    ]

    assert [str(path) for path in [*linked, *named] if not path.exists()] == []


def test_every_decision_is_listed():
    pages = {path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")}
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")

    assert set(re.findall(r"\((0[\w-]+\.md)\)", index)) == pages
