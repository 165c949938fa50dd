"""Tries a trial again whose process was killed, twice at most; then it is a failed trial that says what killed it.

The new trial is there before the old one ends, so that the old one's place in the budget is never free. If two
processes take back the same trial, the one that was written first counts (budget.py).
"""

from __future__ import annotations

import contextlib

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from components.tune.running.marks import REASON, RETRY, first_number
from components.tune.running.owners import orphans

MAX_RETRIES = 2
KILLED = "was killed, or its machine went away"


def take_back(study: optuna.Study, trial: FrozenTrial, how: str) -> None:
    """Let a trial be tried again whose process died, or, after `MAX_RETRIES`, let it fail.

    Args:
        study: The study.
        trial: A running trial that nobody runs any more.
        how: How its process ended, as the end of a sentence that begins with `its process`.
    """
    deaths = _deaths(trial) + 1
    if deaths <= MAX_RETRIES:
        _try_again(study, trial, deaths)
        return
    reason = f"its process {how}, and so ended {deaths} tries; if memory ran out, lower tune.workers or the model"
    marks = {RETRY: _again(trial, deaths), REASON: reason}
    study.add_trial(
        create_trial(state=TrialState.FAIL, params=trial.params, distributions=trial.distributions, user_attrs=marks)
    )
    _end(study, trial.number)


def take_back_orphans(study: optuna.Study, how: str = KILLED, *, signed_only: bool = False) -> int:
    """Take back every running trial whose process is dead, and return how many there were; see `orphans`."""
    found = orphans(study, signed_only=signed_only)
    for trial in found:
        take_back(study, trial, how)
    return len(found)


def give_back(study: optuna.Study, number: int) -> None:
    """Let a trial be tried again that this process does not bring to its end; nobody has died of it."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if trial.number == number:
            _try_again(study, trial, _deaths(trial))


def _try_again(study: optuna.Study, trial: FrozenTrial, deaths: int) -> None:
    """Put its hyperparameters, as far as they are known, in front of what the sampler draws; it draws the others."""
    known = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    study.enqueue_trial(known, user_attrs={RETRY: _again(trial, deaths)})
    _end(study, trial.number)


def _again(trial: FrozenTrial, deaths: int) -> dict[str, int]:
    return {"of": trial.number, "first": first_number(trial), "deaths": deaths}


def _deaths(trial: FrozenTrial) -> int:
    return trial.user_attrs[RETRY]["deaths"] if RETRY in trial.user_attrs else 0


def _end(study: optuna.Study, number: int) -> None:
    """Mark a trial as interrupted, unless it has ended meanwhile."""
    with contextlib.suppress(UpdateFinishedTrialError, ValueError):
        study.tell(number, state=TrialState.FAIL)
