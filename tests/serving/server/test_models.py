"""The life of versions, with a fake in place of TensorFlow."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from serving.server.models import ServedModel, State
from serving.server.status import Code, StatusError


class FakeModel:
    """A model that is nothing but a folder; a file named `corrupt` in it makes it refuse to load."""

    def __init__(self, folder: Path):
        self.signatures, self.signature_def = {}, {}
        if (folder / "corrupt").exists():
            raise StatusError(Code.DATA_LOSS, "corrupt")
        self.closed = False

    def run(self, feeds, signature_name="serving_default"):
        return feeds

    def close(self):
        self.closed = True


@pytest.fixture
def model(tmp_path) -> ServedModel:
    (tmp_path / "m").mkdir()
    return ServedModel("m", tmp_path / "m", FakeModel)


def add(model: ServedModel, name: str, *, corrupt: bool = False) -> None:
    (model.folder / name).mkdir()
    if corrupt:
        (model.folder / name / "corrupt").touch()


def states(model: ServedModel) -> dict[int, str]:
    return {version.number: version.state.name for version in model.status()}


def test_the_newest_version_is_served(model):
    for name in ("1", "002", "10", ".tmp-11", "1.5", "abc"):
        add(model, name)

    model.poll()

    assert states(model) == {10: "AVAILABLE"}


def test_a_newer_version_replaces_the_older_one(model):
    add(model, "1")
    model.poll()
    with model.use() as version:
        first = version.model
    add(model, "2")

    model.poll()

    assert list(states(model).items()) == [(2, "AVAILABLE"), (1, "END")]
    assert first.closed


def test_a_version_is_not_freed_before_its_requests_are_answered(model):
    add(model, "1")
    model.poll()
    add(model, "2")
    with model.use() as version:
        polling = threading.Thread(target=model.poll)
        polling.start()
        while states(model)[1] == "AVAILABLE":
            time.sleep(0.001)
        assert states(model) == {2: "AVAILABLE", 1: "UNLOADING"}
        assert not version.model.closed
        with model.use() as newer:
            assert newer.number == 2
    polling.join()

    assert states(model) == {2: "AVAILABLE", 1: "END"}


def test_a_corrupt_version_ends_with_its_error_and_the_older_one_stays(model):
    add(model, "1")
    model.poll()
    add(model, "2", corrupt=True)

    model.poll()
    model.poll()

    assert states(model) == {2: "END", 1: "AVAILABLE"}
    assert model.status(2)[0].error.message == "corrupt"


def test_a_server_that_starts_on_a_corrupt_newest_version_takes_the_next(model):
    add(model, "1")
    add(model, "2", corrupt=True)

    model.poll()

    assert states(model) == {2: "END", 1: "AVAILABLE"}
    assert model.settled


def test_a_version_that_was_mended_in_another_folder_is_tried_again(model):
    add(model, "1", corrupt=True)
    model.poll()
    shutil.rmtree(model.folder / "1")
    model.poll()
    add(model, "1")

    model.poll()

    assert states(model) == {1: "AVAILABLE"}


def test_an_emptied_folder_unloads_and_a_missing_one_does_not(model):
    add(model, "1")
    model.poll()
    model.folder.rename(model.folder.with_name("away"))
    model.poll()
    assert states(model) == {1: "AVAILABLE"}
    model.folder.mkdir()

    model.poll()

    assert states(model) == {1: "END"}


def test_what_is_not_ready_is_not_found(model):
    with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(m\)"), model.use():
        pass
    with pytest.raises(StatusError, match=r"Servable not found for request: Specific\(m, 3\)"), model.use(3):
        pass
    with pytest.raises(StatusError, match="Could not find any versions of model m"):
        model.status()
    add(model, "1")
    model.poll()
    with pytest.raises(StatusError, match="Could not find version 3 of model m"):
        model.status(3)


def test_what_waits_to_be_loaded_counts_as_a_version(model):
    assert not model.has_versions
    add(model, "1")

    assert model.has_versions


def test_nothing_is_settled_before_a_version_was_tried(model):
    model.poll()
    assert not model.settled
    add(model, "1", corrupt=True)

    model.poll()

    assert model.settled
    assert model.status()[0].state == State.END
