"""The Optuna study: where it is kept, how it samples and prunes, and how a killed one goes on."""

from __future__ import annotations

from pathlib import Path

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, PercentilePruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from estafet.runfile.tune import Tune

JOURNAL_FILE = "study.journal"
STUDY_NAME = "tune"
LOCK_GRACE_S = 5
NUM_TRIALS_NEVER_PRUNED = 4
NUM_EPOCHS_NEVER_PRUNED = 1
REASON = "reason"


def open_study(settings: Tune, scratch: Path) -> optuna.Study:
    """Return the study in `scratch`; a trial that a kill interrupted is set down as such and will be tried again."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    scratch.mkdir(parents=True, exist_ok=True)
    path = str(scratch / JOURNAL_FILE)
    lock = JournalFileOpenLock(path, grace_period=LOCK_GRACE_S)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(path, lock_obj=lock)),
        study_name=STUDY_NAME,
        direction="minimize",
        pruner=_pruner(settings),
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        if params := {**trial.system_attrs.get("fixed_params", {}), **trial.params}:
            study.enqueue_trial(params)
    study.sampler = _sampler(settings, num_finished=len(finished(study)))
    return study


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: complete, pruned or failed, but not those that a kill interrupted."""
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    trials = study.get_trials(deepcopy=False, states=ended)
    return [trial for trial in trials if trial.state is not TrialState.FAIL or REASON in trial.user_attrs]


def enqueue(study: optuna.Study, points: list[dict[str, object]]) -> None:
    """Put points ahead of what the sampler proposes, those that were tried already excepted."""
    for point in points:
        if point:
            study.enqueue_trial(point, skip_if_exists=True)


def _sampler(settings: Tune, num_finished: int) -> BaseSampler:
    seed = settings.seed + num_finished  # or a study that goes on would draw its first points again
    if settings.sampler == "tpe":
        return TPESampler(seed=seed, n_startup_trials=max(4, min(10, settings.trials // 3)))
    return RandomSampler(seed=seed)


def _pruner(settings: Tune) -> BasePruner:
    limits = {"n_startup_trials": NUM_TRIALS_NEVER_PRUNED, "n_warmup_steps": NUM_EPOCHS_NEVER_PRUNED}
    if settings.pruner == "percentile":
        return PercentilePruner(25.0, **limits)
    return MedianPruner(**limits) if settings.pruner == "median" else NopPruner()
