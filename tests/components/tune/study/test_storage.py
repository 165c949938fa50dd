"""A database that is locked, away, gone or wrong: waited for, then said, and the same command goes on."""

from __future__ import annotations

import sqlite3
import threading
import time

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import BaseStorage, InMemoryStorage, get_storage
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from components.tune.running.owners import is_shared
from components.tune.study import storage as storage_
from components.tune.study.steady import Steady, steadily
from components.tune.study.storage import open_storage
from components.tune.study.testing import try_out
from estafet.errors import ConfigError, ServiceUnavailable, StepFailed

X = {"x": FloatDistribution(0, 1)}


@pytest.fixture
def open_(tmp_path, monkeypatch):
    """Open the study in a SQLite file."""
    monkeypatch.setattr(storage_, "BUSY_WAIT_S", 0.05)

    def make(patience_s=0.2) -> optuna.Study:
        storage = open_storage(f"sqlite:///{tmp_path}/db/study.db", tmp_path, patience_s=patience_s)
        return optuna.create_study(storage=storage, study_name="s", load_if_exists=True)

    return make


def _tell(study, num_trials=1):
    try_out(study, num_trials, X, lambda params: params["x"])


def test_a_lock_is_waited_for_and_then_said_and_nothing_is_lost(open_, tmp_path):
    study = open_()
    _tell(study)
    other = sqlite3.connect(tmp_path / "db" / "study.db")
    other.execute("begin exclusive")

    with pytest.raises(ServiceUnavailable, match="did not answer for 0 s: database is locked") as caught:
        study.ask()

    other.rollback()
    _tell(study)
    assert caught.value.exit_status == 4
    assert "no other program holds it" in caught.value.hint
    assert [trial.state for trial in open_().trials] == [TrialState.COMPLETE] * 2


def test_a_lock_that_is_given_up_in_time_is_not_noticed(open_, tmp_path):
    study = open_(patience_s=30)
    other = sqlite3.connect(tmp_path / "db" / "study.db", check_same_thread=False)
    other.execute("begin exclusive")
    threading.Timer(0.4, other.rollback).start()

    _tell(study)

    assert len(study.trials) == 1


def test_a_file_that_is_removed_is_missed_and_goes_on_when_it_is_back(open_, tmp_path):
    study, file = open_(), tmp_path / "db" / "study.db"
    _tell(study)
    aside = file.rename(tmp_path / "aside")

    with pytest.raises(ServiceUnavailable, match=r"sqlite:///.*study\.db went away while the search ran") as caught:
        study.ask()

    assert "put the file back" in caught.value.hint
    aside.replace(file)
    _tell(study)
    assert len(open_().trials) == 2


def test_a_file_that_is_no_database_is_said_at_once(open_, tmp_path):
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "study.db").write_text("no database at all, but a text that is long enough" * 9)

    with pytest.raises(StepFailed, match="file is not a database"):
        open_(patience_s=5)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ServiceUnavailable, match="Not a directory|File exists"):  # noqa: RUF043
        open_storage(f"sqlite:///{tmp_path}/file/study.db", tmp_path, patience_s=0)


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql://me:s3cret@h/d"])
def test_no_place_and_a_password_are_refused_here_too(url, tmp_path):
    with pytest.raises(ConfigError) as caught:
        open_storage(url, tmp_path)

    assert "s3cret" not in str(caught.value)


def test_a_database_has_heartbeats_and_a_journal_has_none(open_, tmp_path):
    journal = optuna.create_study(storage=open_storage(None, tmp_path))

    assert is_shared(open_())
    assert not is_shared(journal)


def test_a_heart_that_stopped_is_seen_by_the_others(open_, monkeypatch):
    """After a grace of a second, the trial whose heart does not beat is stale, and the other one is not."""
    monkeypatch.setattr(storage_, "GRACE_S", 1)
    study = open_()
    dead, alive = study.ask(), study.ask()
    for trial in (dead, alive):
        study._storage.record_heartbeat(trial._trial_id)
    until = time.monotonic() + 30
    while not (stale := study._storage._get_stale_trial_ids(study._study_id)) and time.monotonic() < until:
        study._storage.record_heartbeat(alive._trial_id)
        time.sleep(0.2)

    assert stale == [dead._trial_id]


def test_all_of_optuna_s_storage_is_passed_on():
    """A method that a new Optuna adds must be waited for too."""
    own = {name for name, value in vars(BaseStorage).items() if callable(value) and not name.startswith("_")}

    assert own <= vars(Steady).keys()
    assert isinstance(get_storage(Steady(InMemoryStorage(), "memory", patience_s=0)), Steady)


class Flaky(InMemoryStorage):
    """Does what it is told, and loses the answer of each first call."""

    lost: tuple[str, ...] = ()

    def set_trial_state_values(self, *args, **kwargs):
        return self._lose("state", super().set_trial_state_values(*args, **kwargs))

    def _lose(self, name, answer):
        if name not in self.lost:
            self.lost += (name,)
            raise OperationalError(
                "UPDATE trials SET …", {"value": "s3cret"}, Exception("server closed the connection")
            )
        return answer


def test_a_state_that_arrived_without_an_answer_is_told_once():
    study = optuna.create_study(storage=Steady(Flaky(), "flaky", patience_s=10))

    _tell(study)

    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]


def test_statements_and_their_values_are_not_shown():
    def fail():
        raise OperationalError("SELECT 's3cret'", {"password": "s3cret"}, Exception("connection refused\nand more"))

    with pytest.raises(ServiceUnavailable) as caught:
        steadily(fail, "postgresql://me@host/db", patience_s=0)

    assert "connection refused" in caught.value.message
    assert "s3cret" not in str(caught.value)
    assert "and more" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_no_trouble_of_the_storage_comes_through_at_once():
    def fail():
        raise KeyError("no such study")

    with pytest.raises(KeyError):
        steadily(fail, "here", patience_s=5)
