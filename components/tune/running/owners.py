"""Which process runs a trial, and whether that process is still alive."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import optuna
from optuna.storages._heartbeat import is_heartbeat_enabled
from optuna.trial import FrozenTrial, TrialState

from components.tune.running.marks import OWNER
from estafet.process import is_running

UNSIGNED_GRACE_S = 120
"""How long a process may take from beginning a trial to signing it, before it is taken for dead."""


def this_process() -> str:
    """Return the name of this process: host, id, and when it was started, since ids are used again."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"


def is_shared(study: optuna.Study) -> bool:
    """Return whether processes of other machines may be working on the study: it is in a database, with heartbeats."""
    return is_heartbeat_enabled(study._storage)


def orphans(study: optuna.Study, *, signed_only: bool = False) -> list[FrozenTrial]:
    """Return the running trials whose process is dead.

    On this machine, processes are looked up. Of other machines' processes, those are dead whose heartbeat has stopped.

    Args:
        study: The study.
        signed_only: Whether trials that nobody has signed yet are left out: some process of this machine may just have
            begun one. Else those of a study that is not shared are orphans, and of a shared one those that are old.
    """
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    if not running:
        return []
    shared = is_shared(study)
    silent = set(study._storage._get_stale_trial_ids(study._study_id)) if shared else set()
    if signed_only:
        running = [trial for trial in running if OWNER in trial.user_attrs]
    return [trial for trial in running if trial._trial_id in silent or _is_dead(trial, shared)]


def _is_dead(trial: FrozenTrial, shared: bool) -> bool:
    if OWNER not in trial.user_attrs:
        return not shared or (datetime.now() - trial.datetime_start).total_seconds() > UNSIGNED_GRACE_S
    host, process, started = trial.user_attrs[OWNER].split("/")
    if host != socket.gethostname():
        return not shared
    return not is_running(int(process)) or _started(int(process)) != started


def _started(process: int) -> str:
    """Return when a process was started, in the kernel's ticks; empty on a system without /proc."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@contextlib.contextmanager
def owning(study: optuna.Study, trial: optuna.Trial) -> Iterator[None]:
    """Sign a trial, and while the block runs, tell a database that the process of the trial is alive.

    The heart beats before the trial is signed. A beat that fails is left out: the next may come through, and what the
    trial itself writes tells of a database that is gone.
    """
    storage, ended = study._storage, threading.Event()

    def beat() -> None:
        while not ended.wait(storage.get_heartbeat_interval()):
            with contextlib.suppress(Exception):
                storage.record_heartbeat(trial._trial_id)

    thread = threading.Thread(target=beat, name="trial-heartbeat", daemon=True) if is_shared(study) else None
    if thread is not None:
        storage.record_heartbeat(trial._trial_id)
        thread.start()
    try:
        trial.set_user_attr(OWNER, this_process())
        yield
    finally:
        if thread is not None:
            ended.set()
            thread.join()
