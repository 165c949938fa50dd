"""The life of versions, with a fake in place of TensorFlow."""

from __future__ import annotations

import logging
import shutil
import threading

import pytest

from serving.server.models import State
from serving.server.models.arrivals import PATIENT_LOOKS
from serving.server.models.places import LocalPlace
from serving.server.models.policies import All, Latest, Specific
from serving.server.status import StatusError

from .conftest import FakeModel, add, settle, states, wait_until


def test_the_newest_version_is_served(model, base):
    for name in ("1", "002", "10", ".tmp-11", "1.5", "abc"):
        add(base, name)

    settle(model)

    assert states(model) == {10: "AVAILABLE"}
    assert FakeModel.loaded == ["10"]


def test_a_newer_version_replaces_the_older_one(model, base):
    add(base, "1")
    settle(model)
    with model.use() as version:
        first = version.model
    add(base, "2")

    settle(model)

    assert list(states(model).items()) == [(2, "AVAILABLE"), (1, "END")]
    assert first.closed.is_set()


def test_the_new_version_is_ready_before_the_old_one_goes(model, base, monkeypatch):
    add(base, "1")
    settle(model)
    seen = []
    monkeypatch.setattr(model, "_load", lambda folder: (seen.append(states(model)), FakeModel(folder))[1])
    add(base, "2")

    settle(model)

    assert seen == [{2: "LOADING", 1: "AVAILABLE"}]


def test_a_version_is_not_freed_before_its_requests_are_answered(model, base):
    add(base, "1")
    settle(model)
    add(base, "2")
    with model.use() as version:
        for _ in range(3):
            while model.step():
                pass
        assert states(model) == {2: "AVAILABLE", 1: "UNLOADING"}
        assert not version.model.closed.is_set()
        with model.use() as newer:
            assert newer.number == 2
    settle(model)

    assert states(model) == {2: "AVAILABLE", 1: "END"}


def test_a_request_that_never_ends_does_not_keep_a_third_version_away(model, base):
    add(base, "1")
    settle(model)
    with model.use():
        for name in ("2", "3"):
            add(base, name)
            for _ in range(3):
                while model.step():
                    pass

        assert states(model)[3] == "AVAILABLE"
        assert states(model)[1] == "UNLOADING"


def test_a_corrupt_version_ends_with_its_error_and_the_older_one_stays(model, base):
    add(base, "1")
    settle(model)
    add(base, "2", corrupt=True)

    settle(model)

    assert states(model) == {2: "END", 1: "AVAILABLE"}
    assert model.status(2)[0].error.message == "corrupt"
    assert FakeModel.loaded == ["1", "2"]


def test_a_server_that_starts_on_a_corrupt_newest_version_takes_the_next(model, base):
    add(base, "1")
    add(base, "2", corrupt=True)

    settle(model)

    assert states(model) == {2: "END", 1: "AVAILABLE"}
    assert model.settled


def test_a_version_that_was_mended_in_place_is_tried_again(model, base):
    folder = add(base, "1", corrupt=True)
    settle(model)
    (folder / "corrupt").unlink()

    settle(model)

    assert states(model) == {1: "AVAILABLE"}


def test_a_version_that_was_mended_in_another_folder_is_tried_again(model, base):
    add(base, "1", corrupt=True)
    settle(model)
    shutil.rmtree(base / "1")
    settle(model)
    add(base, "1")

    settle(model)

    assert states(model) == {1: "AVAILABLE"}


def test_a_version_that_failed_is_tried_as_often_as_was_said_and_no_more(make, base):
    """Two retries, 60 s apart: loads at 0, 60 and 120 s of a clock that the test turns."""
    now = [1000.0]
    model = make(clock=lambda: now[0], max_num_load_retries=2, retry_s=60)
    add(base, "1", corrupt=True)
    settle(model)
    assert len(FakeModel.loaded) == 1

    for later, num_loads in ((59, 1), (61, 2), (119, 2), (122, 3), (1000, 3), (9999, 3)):
        now[0] = 1000.0 + later
        settle(model)
        assert len(FakeModel.loaded) == num_loads, later
    assert states(model) == {1: "END"}


def test_a_clock_that_jumps_to_and_fro_loads_nothing_twice(make, base):
    now = [1000.0]
    model = make(clock=lambda: now[0], max_num_load_retries=0)
    add(base, "1")
    for time_s in (1000.0, -5.0, 1e9, 3.0):
        now[0] = time_s
        settle(model)

    assert FakeModel.loaded == ["1"]


def test_half_a_copy_is_not_loaded_before_it_is_whole(model, base):
    folder = add(base, "1")
    (folder / "saved_model.pb").unlink()
    (folder / "variables").mkdir()
    for _ in range(PATIENT_LOOKS - 1):
        assert not model.step()
    (folder / "saved_model.pb").write_bytes(b"gra")
    model.step()
    (folder / "saved_model.pb").write_bytes(b"graph")
    model.step()
    assert FakeModel.loaded == []
    assert states(model) == {1: "START"}

    model.step()

    assert FakeModel.loaded == ["1"]


def test_what_never_becomes_whole_is_reported_and_taken_up_when_it_does(model, base):
    (base / "1").mkdir()
    settle(model, PATIENT_LOOKS)
    assert states(model) == {1: "END"}
    assert model.status()[0].error.message == (
        "Specified file path does not appear to contain a SavedModel bundle (should have a file called "
        f"`saved_model.pb`)\nSpecified file path: {base / '1'}"
    )
    assert FakeModel.loaded == []

    (base / "1" / "saved_model.pb").write_bytes(b"graph")
    settle(model)

    assert states(model) == {1: "AVAILABLE"}


@pytest.mark.parametrize("gone", ["the version", "the base path"])
def test_a_version_that_is_deleted_while_it_serves_serves_on(model, base, gone):
    add(base, "1")
    settle(model)
    shutil.rmtree(base / "1" if gone == "the version" else base)

    settle(model)

    assert states(model) == {1: "AVAILABLE"}
    with model.use() as version:
        assert version.number == 1


def test_what_is_deleted_is_replaced_by_the_next_version_that_is_there(model, base):
    add(base, "1")
    add(base, "2")
    settle(model)
    shutil.rmtree(base / "2")

    settle(model)

    assert states(model) == {2: "END", 1: "AVAILABLE"}


def test_a_version_that_comes_back_is_loaded_again(make, base):
    model = make(policy=All())
    add(base, "1")
    add(base, "2")
    settle(model)
    shutil.rmtree(base / "1")
    settle(model)
    add(base, "1")

    settle(model)

    assert states(model) == {2: "AVAILABLE", 1: "AVAILABLE"}
    assert FakeModel.loaded == ["2", "1", "1"]


def test_two_versions_at_once_leave_the_newest(model, base):
    add(base, "1")
    settle(model)
    add(base, "2")
    add(base, "3")

    settle(model)

    assert states(model) == {3: "AVAILABLE", 1: "END"}


def test_of_two_folders_with_one_number_the_first_is_served_and_the_other_named(model, base, caplog):
    add(base, "1")
    add(base, "001")

    with caplog.at_level(logging.WARNING):
        settle(model)

    assert FakeModel.loaded == ["001"]
    assert [record.message for record in caplog.records] == [f"{base}: '1' is version 1 too, and is ignored"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Latest(2), {3: "AVAILABLE", 2: "AVAILABLE"}),
        (Latest(0), {3: "AVAILABLE"}),
        (All(), {3: "AVAILABLE", 2: "AVAILABLE", 1: "AVAILABLE"}),
        (Specific((1, 9)), {1: "AVAILABLE"}),
    ],
)
def test_the_policy_says_which_versions_are_served(make, base, policy, expected):
    model = make(policy=policy)
    for name in ("1", "2", "3"):
        add(base, name)

    settle(model)

    assert states(model) == expected


def test_a_policy_that_names_no_version_unloads_all(model, base):
    add(base, "1")
    settle(model)
    model.change(model.place, Specific(()))

    settle(model)

    assert states(model) == {1: "END"}


def test_a_specific_version_that_is_not_there_yet_replaces_nothing(make, base):
    model = make(policy=Specific((1,)))
    add(base, "1")
    settle(model)
    model.change(model.place, Specific((2,)))
    settle(model)
    assert states(model) == {1: "AVAILABLE"}
    add(base, "2")

    settle(model)

    assert states(model) == {2: "AVAILABLE", 1: "END"}


def test_a_model_may_move_to_another_base_path(model, base, tmp_path):
    add(base, "1")
    settle(model)
    add(tmp_path / "other", "2")
    model.change(LocalPlace(tmp_path / "other"), Latest())

    settle(model)

    assert states(model) == {2: "AVAILABLE", 1: "END"}


def test_what_is_not_ready_is_not_found(model, base):
    with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(m\)"), model.use():
        pass
    with pytest.raises(StatusError, match=r"Servable not found for request: Specific\(m, 3\)"), model.use(3):
        pass
    with pytest.raises(StatusError, match="Could not find any versions of model m"):
        model.status()
    add(base, "1")
    settle(model)
    with pytest.raises(StatusError, match="Could not find version 3 of model m"):
        model.status(3)


def test_nothing_is_settled_before_a_version_was_tried(model, base):
    settle(model)
    assert not model.settled
    add(base, "1", corrupt=True)

    settle(model)

    assert model.settled
    assert model.status()[0].state == State.END


@pytest.mark.parametrize(("poll_s", "first", "second"), [(0, 1, 1), (-1, None, None), (0.01, 1, 2)])
def test_the_base_path_is_looked_at_once_never_or_again_and_again(make, base, poll_s, first, second):
    model = make(poll_s=poll_s)
    add(base, "1")
    model.start()
    if first:
        wait_until(lambda: model.available == [first])
    add(base, "2")
    if second == 2:
        wait_until(lambda: model.available == [2])
    model._wake.set()
    model._wake.set()

    assert model.available == ([second] if second else [])
    model.retire()
    model.join()
    assert not model.available


def test_a_hundred_switches_leave_no_thread_behind(make, base):
    model = make(poll_s=0.001)
    before = threading.active_count()
    model.start()
    for number in range(1, 101):
        add(base, f".{number}").rename(base / str(number))
        wait_until(lambda number=number: model.available == [number])
    wait_until(lambda: all(state == "END" for number, state in states(model).items() if number < 100))

    assert threading.active_count() <= before + 2  # the model's own, and perhaps one that is just ending
    model.retire()
    model.join()
