"""Publishing by renaming: numbers, races, leftovers, pruning."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from estafet.errors import ConfigError, DataError
from serving.targets.local import LocalTarget


@pytest.fixture
def servable(tmp_path) -> Path:
    folder = tmp_path / "servable"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    return folder


@pytest.fixture
def target(tmp_path) -> LocalTarget:
    return LocalTarget(tmp_path / "models", "m")


def publish(target: LocalTarget, servable: Path, wanted: int | None = None) -> int:
    with target.stage(servable) as stage:
        return stage.publish(wanted)


def names(target: LocalTarget) -> list[str]:
    return sorted(path.name for path in target.folder.iterdir() if path != target.release_folder)


def test_versions_count_up_and_hold_what_was_published(target, servable):
    assert [publish(target, servable), publish(target, servable)] == [1, 2]
    assert names(target) == ["1", "2"]
    assert (target.folder / "2" / "variables" / "data").read_bytes() == b"weights"


def test_a_wanted_number_is_taken_only_above_all_others(target, servable):
    assert publish(target, servable, wanted=7) == 7
    assert publish(target, servable, wanted=7) == 8
    assert publish(target, servable, wanted=3) == 9


def test_numbers_are_compared_as_numbers(target, servable):
    (target.folder / "0010").mkdir(parents=True)
    (target.folder / "9").mkdir()

    assert publish(target, servable) == 11


def test_a_stage_is_not_among_the_versions_and_goes_when_it_is_not_published(target, servable):
    with target.stage(servable) as stage:
        assert target.versions() == {}
        assert (stage.models_dir / "m" / "1" / "saved_model.pb").exists()

    assert names(target) == []


def test_releases_at_once_never_share_a_number(target, servable):
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(publish(target, servable, 5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(5, 13))
    assert len(target.versions()) == 8


def test_a_number_that_was_taken_since_it_was_chosen_is_not_overwritten(target, servable, monkeypatch):
    publish(target, servable)
    (target.folder / "1" / "mark").touch()
    looks = iter([{}, target.versions()])
    with target.stage(servable) as stage:
        monkeypatch.setattr(target, "versions", lambda: next(looks))
        number = stage.publish()

    assert number == 2
    assert (target.folder / "1" / "mark").exists()


def test_a_killed_release_leaves_no_version_and_the_next_one_cleans_up(target, servable):
    killed = (
        "import os, signal, sys\n"
        "from serving.targets.local import LocalTarget\n"
        "LocalTarget(sys.argv[1], 'm').stage(sys.argv[2])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(target.folder.parent), str(servable)], check=False)
    assert [name.startswith(".tmp-") for name in names(target)] == [True]
    assert target.versions() == {}

    publish(target, servable)

    assert names(target) == ["1"]


def test_the_copy_of_a_running_release_is_not_a_leftover(target, servable):
    with target.stage(servable) as first, target.stage(servable) as second:
        assert [second.publish(), first.publish()] == [1, 2]


def test_pruning_keeps_the_newest(target, servable):
    for _ in range(4):
        publish(target, servable)

    assert target.prune(2) == [2, 1]
    assert names(target) == ["3", "4"]


def test_nothing_to_publish_is_an_error(target, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataError, match="no model"):
        target.stage(tmp_path / "empty")


def test_a_file_where_the_folder_should_be_is_named(tmp_path, servable):
    (tmp_path / "models").write_text("a file")

    with pytest.raises(ConfigError, match=r"models_dir|cannot be written"):
        LocalTarget(tmp_path / "models", "m").stage(servable)
