"""The journal: what killed processes left by half, locks of the dead, and a file that goes away."""

from __future__ import annotations

import fcntl
import subprocess
import sys

import optuna
import pytest
from optuna.distributions import FloatDistribution

from components.tune.study import journal
from components.tune.study.storage import JOURNAL_FILE, open_storage
from components.tune.study.testing import try_out
from estafet.errors import ServiceUnavailable, StepFailed

X = {"x": FloatDistribution(0, 1)}


@pytest.fixture
def open_(tmp_path):
    """Open the study in the journal, as another process would."""

    def make() -> optuna.Study:
        storage = open_storage(None, tmp_path, patience_s=0.3)
        return optuna.create_study(storage=storage, study_name="s", load_if_exists=True)

    return make


def _tell(study, num_trials=1):
    try_out(study, num_trials, X, lambda params: params["x"])


@pytest.mark.parametrize("half", [b"{", b'{"op_code":4,"worker_id":"a', b"x" * 200_000])
def test_half_a_line_of_a_killed_process_is_cut_off_by_whoever_writes_next(open_, tmp_path, half):
    study = open_()
    _tell(study, 2)
    with (tmp_path / JOURNAL_FILE).open("ab") as file:
        file.write(half)

    _tell(study)  # a process that was there before
    _tell(open_())  # and one that comes new

    assert len(open_().trials) == 4


def test_the_lock_of_a_dead_process_holds_nobody_up(open_, tmp_path):
    """The file of the lock stays behind; the lock itself went with its process."""
    (tmp_path / f"{JOURNAL_FILE}.lock").touch()

    _tell(open_())

    assert len(open_().trials) == 1


def test_a_lock_that_is_held_is_waited_for_and_then_said(open_, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "LOCK_WAIT_S", 0.1)
    study = open_()
    with (tmp_path / f"{JOURNAL_FILE}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(ServiceUnavailable, match="another process holds it") as caught:
            study.ask()

    assert caught.value.exit_status == 4
    assert "the same command goes on" in caught.value.hint
    _tell(study)
    assert len(study.trials) == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_a_journal_that_is_removed_is_missed_and_not_begun_anew(open_, tmp_path, replaced):
    study = open_()
    _tell(study)
    aside = (tmp_path / JOURNAL_FILE).rename(tmp_path / "aside")
    if replaced:
        (tmp_path / JOURNAL_FILE).touch()

    with pytest.raises(ServiceUnavailable, match="went away while the search ran"):
        study.ask()

    assert (tmp_path / JOURNAL_FILE).exists() == replaced
    aside.replace(tmp_path / JOURNAL_FILE)
    _tell(study)
    assert len(open_().trials) == 2


def test_a_line_that_is_damaged_is_said_with_its_file(open_, tmp_path):
    _tell(open_(), 2)
    lines = (tmp_path / JOURNAL_FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / JOURNAL_FILE).write_bytes(b"".join([lines[0], b"garbage\n", *lines[1:]]))

    with pytest.raises(StepFailed, match="is damaged") as caught:
        open_()

    assert str(tmp_path) in caught.value.hint


WRITES = """
import sys
from pathlib import Path
import optuna
from components.tune.study.storage import open_storage

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.load_study(storage=open_storage(None, Path(sys.argv[1])), study_name="s")
for _ in range(20):
    trial = study.ask()
    study.tell(trial, trial.suggest_float("x", 0, 1))
"""


@pytest.mark.slow
def test_several_processes_lose_no_trial(open_, tmp_path):
    open_()
    processes = [subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path)]) for _ in range(2)]

    assert [process.wait() for process in processes] == [0, 0]
    assert [trial.number for trial in open_().trials] == list(range(40))
    assert all(trial.state.is_finished() for trial in open_().trials)
