"""A canary in the server: which versions are served, who answers, and what is counted."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import Future

import pytest

from serving.server.models import Models
from serving.server.models.config import ModelConfig
from serving.server.models.policies import All
from serving.server.status import Code, StatusError
from serving.targets import canary
from serving.targets.history import HISTORY_FILE
from serving.targets.local import RELEASE_FOLDER

from .conftest import FakeModel, add, settle, states, wait_until


@pytest.fixture
def hidden(base):
    folder = base / RELEASE_FOLDER
    folder.mkdir()
    return folder


@pytest.fixture
def trying(model, base, hidden):
    """Version 1 served, version 2 tried out on a quarter of the requests."""
    add(base, "1")
    settle(model)
    marker = canary.begin(hidden, stable=1, canary=2, share=0.25)
    add(base, "2")
    settle(model)
    return marker


def answering(model, times: int = 400) -> Counter:
    random.seed(7)
    found: Counter = Counter()
    for _ in range(times):
        with model.use() as version:
            found[version.number] += 1
    return found


def ask(model, outcome: object, number: int | None = None, *, looks: bool = True) -> int:
    """Make one request that ends like `outcome`: an error, or a value, or "refused" before it runs."""
    future: Future = Future()
    with model.use(number) as version:
        version.model._model.submit = lambda *_, **__: future
        if looks:
            _ = version.model.signatures
        if outcome != "refused":
            version.model.submit({}, [])
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            elif outcome == "given up":
                future.cancel()
            else:
                future.set_result([outcome])
    return version.number


def reported(hidden, marker, tried: bool = True) -> tuple[int, int]:
    (report,) = canary.read_reports(hidden, marker)
    found = report.canary if tried else report.stable
    return found.num_requests, found.num_errors


def test_both_versions_answer_by_the_share(model, trying):
    assert states(model) == {2: "AVAILABLE", 1: "AVAILABLE"}
    assert 60 < answering(model)[2] < 140  # 100 of 400 expected, with a deviation of 8.7


def test_a_version_that_is_asked_for_answers_and_is_not_counted(model, trying, hidden):
    for number in (1, 2):
        with model.use(number) as version:
            assert version.number == number
            assert isinstance(version.model, FakeModel)
    settle(model)

    assert reported(hidden, trying) == (0, 0)


def test_before_the_new_version_is_there_the_old_one_answers_alone(model, base, hidden):
    add(base, "1")
    canary.begin(hidden, stable=1, canary=2, share=0.9)
    settle(model)

    assert answering(model, 50) == {1: 50}


def test_a_server_that_starts_meanwhile_loads_the_served_version_first(make, base, hidden):
    add(base, "1")
    add(base, "2")
    canary.begin(hidden, stable=1, canary=2, share=0.9)
    model = make()
    settle(model)

    assert FakeModel.loaded == ["1", "2"]


def test_when_the_canary_ends_the_newest_answers_alone(model, trying, hidden):
    canary.end(hidden)
    settle(model)

    assert states(model) == {2: "AVAILABLE", 1: "END"}
    assert answering(model, 50) == {2: 50}


def test_when_the_new_version_is_withdrawn_the_old_one_answers_alone(model, trying, base, hidden):
    (base / "2").rename(hidden / "2")
    settle(model)

    assert states(model) == {2: "END", 1: "AVAILABLE"}
    assert answering(model, 50) == {1: 50}


def test_what_becomes_of_requests_is_counted(model, trying, hidden, monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 0.0)  # every request goes to the canary
    for outcome in (1, StatusError(Code.INTERNAL, "broken"), "refused", 2, "given up"):
        assert ask(model, outcome) == 2
    ask(model, "refused", looks=False)  # a request for metadata
    monkeypatch.setattr(random, "random", lambda: 0.999)
    assert ask(model, 1) == 1
    settle(model)

    assert reported(hidden, trying) == (4, 2)
    assert reported(hidden, trying, tried=False) == (1, 0)


def test_a_version_that_does_not_load_is_reported(model, base, hidden):
    add(base, "1")
    settle(model)
    marker = canary.begin(hidden, stable=1, canary=2, share=0.25)
    add(base, "2", corrupt=True)
    settle(model)

    (report,) = canary.read_reports(hidden, marker)
    assert (report.is_ready, report.problem) == (False, "corrupt")
    assert answering(model, 50) == {1: 50}


def test_without_a_canary_nothing_is_counted(model, base, hidden):
    add(base, "1")
    settle(model)

    with model.use() as version:
        assert isinstance(version.model, FakeModel)


def test_a_marker_that_is_no_marker_is_ignored(model, trying, hidden):
    (hidden / canary.MARKER_FILE).write_text('{"id": "x", "stable": 1, "canary": 2, "share": 7}')
    settle(model)

    assert states(model) == {2: "AVAILABLE", 1: "END"}


def test_with_another_policy_there_is_no_canary(make, base, hidden):
    model = make(policy=All())
    add(base, "1")
    add(base, "2")
    canary.begin(hidden, stable=1, canary=2, share=0.9)
    settle(model)

    assert answering(model, 50) == {2: 50}


@pytest.fixture
def models(base):
    models = Models(FakeModel)
    yield models
    models.stop()


def test_the_labels_stable_and_canary_follow_a_release(models, base, hidden):
    add(base, "1")
    add(base, "2")
    canary.begin(hidden, stable=1, canary=2, share=0.5)
    (hidden / HISTORY_FILE).write_text('{"versions": []}')
    models.configure([ModelConfig("m", str(base))])
    wait_until(lambda: next(iter(models)).available == [2, 1])

    found = {}
    for label in ("stable", "canary"):
        with models.use("m", label=label) as version:
            found[label] = version.number

    assert found == {"stable": 1, "canary": 2}


def test_without_releases_no_label_is_known(models, base):
    add(base, "1")
    models.configure([ModelConfig("m", str(base))])
    wait_until(lambda: next(iter(models)).available == [1])

    with pytest.raises(StatusError, match="Unrecognized servable version label: stable"):
        models.use("m", label="stable")
