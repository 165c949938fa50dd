"""The lock and the memory of releases on a cluster: who holds it, when it expires, and what a late one may still do."""

from __future__ import annotations

import re
import time

import pytest

from estafet.errors import DataError, ServiceUnavailable
from serving.targets.cluster import lease
from serving.targets.cluster.known import VERSIONS_FILE
from serving.targets.journal import locked
from serving.targets.opening import open_target

from .conftest import speaking_as
from .playing import eventually


@pytest.fixture
def open_(settings, models_dir, kubeconfig):
    """Return a function that opens the target as another process would."""
    return lambda: open_target(settings, models_dir, "toy")


def test_two_releases_at_once_are_refused_with_who_holds_the_lock(open_):
    with locked(open_()):
        with pytest.raises(ServiceUnavailable, match=r"another release of 'toy' is going on \(.+@.+, process \d+"):
            with locked(open_()):
                pass

    with locked(open_()):
        pass


def test_a_release_that_lives_keeps_its_lease(open_, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    with locked(open_()):
        time.sleep(1.3)
        with pytest.raises(ServiceUnavailable):
            with locked(open_()):
                pass


def test_the_lease_of_one_that_was_killed_expires(open_, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_S", 100)
    dead = open_().lock()
    assert dead.take()

    with locked(open_(), wait_s=5):
        pass
    dead._ended.set()


def test_one_that_was_taken_for_dead_can_change_nothing_any_more(open_, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_S", 100)
    late = open_()
    lock = late.lock()
    assert lock.take()
    late.memory.write("journal.json", {"by": "late"})
    with locked(open_(), wait_s=5) as journal:
        other = journal._memory
        other.write("journal.json", {"by": "other"})

        with pytest.raises(
            ServiceUnavailable, match="another release took over: it changed the ConfigMap models/toy-rel"
        ):
            late.memory.write("history.json", {})

        assert other.read("journal.json") == {"by": "other"}
    lock._ended.set()


def test_a_write_whose_answer_is_lost_is_no_conflict(open_, api, monkeypatch):
    target = open_()
    with locked(target):
        target.memory.write("a.json", 1)
        replace = type(target._cluster).replace
        monkeypatch.setattr(type(target._cluster), "replace", lambda c, r: (replace(c, r), replace(c, r))[1])

        target.memory.write("a.json", 2)
        target.memory.write("a.json", 3)

    assert target.memory.read("a.json") == 3


def test_documents_are_there_for_who_never_released(open_, api):
    with locked(open_()) as journal:
        journal._memory.write("history.json", {"versions": []})

    assert open_().memory.read("history.json") == {"versions": []}
    assert open_().memory.read("journal.json") is None
    assert not open_().exists()


def test_a_list_of_versions_that_nobody_understands_is_named(open_, api):
    admin = speaking_as(api.url, "admin")
    admin.create({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "toy-releases"}, "data": {VERSIONS_FILE: "[1]"},
    })  # fmt: skip

    with pytest.raises(DataError, match=re.escape("versions.json in the ConfigMap models/toy-releases")):
        open_().versions()


def test_an_answer_that_fails_is_asked_for_again(open_, api):
    api.faults += [("GET", 503, "leader lost"), ("GET", 500, "etcd")]

    assert open_().versions() == {}
    eventually(lambda: not api.faults)
