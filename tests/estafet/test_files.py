"""Files appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from estafet import files
from estafet.files import read_json, replacing, replacing_folder, write_json


def test_a_written_file_has_the_text_and_leaves_nothing_beside_it(tmp_path):
    with replacing(tmp_path / "deep" / "a.txt") as file:
        file.write("grüße")

    assert (tmp_path / "deep" / "a.txt").read_bytes() == "grüße".encode()
    assert os.listdir(tmp_path / "deep") == ["a.txt"]


def test_bytes_are_written_as_they_are(tmp_path):
    with replacing(tmp_path / "a.bin", "wb") as file:
        file.write(b"\r\n\xff")

    assert (tmp_path / "a.bin").read_bytes() == b"\r\n\xff"


def test_until_the_block_ends_readers_see_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    with replacing(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"

    assert path.read_text() == "new"


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write("half")
        raise KeyboardInterrupt

    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    program = (
        "import os, signal; from estafet.files import replacing\n"
        f"with replacing({str(path)!r}) as file:\n"
        "    file.write('half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    killed = subprocess.run([sys.executable, "-c", program], check=False)

    assert killed.returncode == -9
    assert path.read_text() == "old"


def test_other_users_may_read_what_was_written(tmp_path):
    with replacing(tmp_path / "a.txt") as file:
        file.write("x")

    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_json_comes_back_as_it_went(tmp_path):
    value = {"a": [1, 2.5, None, True], "ü": {"b": "c"}}

    write_json(tmp_path / "a.json", value)

    assert read_json(tmp_path / "a.json") == value
    assert "ü" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_say_is_refused_and_the_old_file_stays(tmp_path, value):
    write_json(tmp_path / "a.json", 1)

    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "a.json", {"a": value})

    assert read_json(tmp_path / "a.json") == 1
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_has_the_permissions_that_the_umask_leaves_it(tmp_path):
    code = "import os; os.umask(0o077)\nfrom estafet.files import write_json\nwrite_json('a.json', 1)\n"

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)

    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


def test_of_two_writers_of_one_folder_both_end_and_the_later_one_stays(tmp_path):
    path = tmp_path / "out"

    with replacing_folder(path) as first:
        (first / "a").touch()
        with replacing_folder(path) as second:
            (second / "b").touch()
        assert os.listdir(path) == ["b"]

    assert os.listdir(path) == ["a"]
    assert os.listdir(tmp_path) == ["out"]


def test_what_another_writer_puts_there_at_the_last_moment_steps_aside(tmp_path, monkeypatch):
    path, replace, targets = tmp_path / "out", os.replace, []

    def with_another(source, target):
        targets.append(target)
        if targets == [targets[0], path]:
            path.mkdir()
            (path / "another").touch()
        replace(source, target)

    with replacing_folder(path) as folder:
        (folder / "a").touch()
        monkeypatch.setattr(files.os, "replace", with_another)

    assert targets.count(path) == 2
    assert os.listdir(path) == ["a"]
    assert os.listdir(tmp_path) == ["out"]
