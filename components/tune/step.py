"""The `tune` step: hyperparameters searched with Optuna, on a subsample, with the loop that `train` uses."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.trial import FrozenTrial, TrialState

from components.tune import search, space
from components.tune.result import Study, TrialResult
from estafet.errors import ConfigError, StepFailed
from estafet.records.manifest import Manifest
from estafet.runfile.steps import TuneSettings
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from estafet.training import feeding, loop, models
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.callbacks.keeper import best_epoch
from estafet.training.checkpoints import Epoch
from estafet.training.feeding import Source
from estafet.training.models import ModelSpec
from estafet.training.models.building import whole
from estafet.training.objectives import JUDGED_BY

Settings = TuneSettings
DEFAULT_LEARNING_RATE = 1e-3
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class _Search:
    """What all trials share."""

    settings: Settings
    spec: ModelSpec
    pairs: tuple[tuple[Source, Source], ...]
    """What a trial learns from and is judged on: one pair, or one for each fold of a cross-validation."""
    distributions: dict[str, optuna.distributions.BaseDistribution]
    fixed: dict[str, Any]
    progress: Progress

    @property
    def objective(self) -> str:
        return JUDGED_BY[self.spec.task]


def tune(
    settings: Settings,
    dataset_folder: str | Path,
    out_folder: str | Path,
    *,
    scratch: str | Path,
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Study:
    """Search the hyperparameters that give the least validation loss, and write the study into `out_folder`.

    The objective is the log loss (classification), RMSE (regression) or MAE (forecasting) of a trial's best epoch on
    the whole validation split. Where the data set has folds, a trial is trained once for each and its objective is the
    mean over them; the first fold alone decides about pruning. The first trial has the model's defaults, so the result
    is never worse than they are.

    Args:
        settings: The run file's `tune` section, the model and the task.
        dataset_folder: A data set, as `ingest` wrote it.
        out_folder: Where `study.json` and `history.png` go.
        scratch: Folder in which the trials are kept while it runs; a killed search goes on from them.
        progress: Told how far it is.
        tracker: Given each trial's objective, and the picture.

    Raises:
        ConfigError: A range or hyperparameter is wrong, or the user's model cannot be built.
        DataError: A split is empty or a shard is damaged.
        StepFailed: Every trial failed.
    """
    tracker, scratch = tracker or NullTracker(), Path(scratch)
    manifest = Manifest.load(dataset_folder)
    spec = ModelSpec.from_manifest(manifest)
    progress("reading the examples")
    fixed = {name: whole(value) for name, value in settings.model.hyperparameters.items()}
    shared = _Search(
        settings,
        spec,
        _pairs(settings, dataset_folder, len(manifest.folds)),
        _distributions(settings, spec, fixed),
        fixed,
        progress,
    )
    tracker.log_dataset(manifest.name, manifest.version, str(dataset_folder), "tuning")
    study = search.open_study(settings, scratch)
    _run(study, shared, tracker)
    result = _result(study, shared, manifest.version)
    result.save(out_folder)
    tracker.log_parameters(
        {"best": result.hyperparameters, "objective": result.objective, "best_trial": result.best.number}
    )
    tracker.log_file(out_folder)
    with contextlib.suppress(OSError):
        shutil.rmtree(scratch)
    return result


def summary(study: Study) -> str:
    """Return the result in a few words."""
    num_pruned = sum(trial.state == "pruned" for trial in study.trials)
    pruned = f" ({num_pruned} pruned)" if num_pruned else ""
    count = "1 trial" if len(study.trials) == 1 else f"{len(study.trials)} trials"
    folds = f" over {study.num_folds} folds" if study.num_folds > 1 else ""
    return f"{count}{pruned} · best validation {study.objective.replace('_', ' ')} {study.best.value:.4g}{folds}"


def _pairs(settings: Settings, folder: str | Path, num_folds: int) -> tuple[tuple[Source, Source], ...]:
    folds = range(num_folds) if num_folds else (None,)
    in_memory = {"max_bytes_in_memory": feeding.MAX_BYTES_IN_MEMORY // len(folds)}
    share, augment = settings.subsample, settings.augment
    return tuple(
        (
            feeding.load(folder, "train", share=share, fold=fold, augment=augment, **in_memory),
            feeding.load(folder, "validation", fold=fold, **in_memory),
        )
        for fold in folds
    )


def _distributions(settings: Settings, spec: ModelSpec, fixed: Mapping[str, Any]):
    ranges = settings.search or models.search_space(spec, settings.model.build)
    # In the order of names: Kubeflow hands maps over in any order, and the sampler draws in the order that it is given.
    return {name: space.distribution(name, ranges[name]) for name in sorted(ranges) if name not in fixed}


def _run(study: optuna.Study, shared: _Search, tracker: Tracker) -> None:
    settings = shared.settings
    num_wanted = settings.trials if shared.distributions else 1
    defaults = space.inside(shared.distributions, _defaults(shared))
    points = [defaults]
    if settings.sampler == "grid":
        points = space.grid(shared.distributions, num_wanted, settings.seed, first=defaults)
        num_wanted = min(num_wanted, len(points))
    search.enqueue(study, points)
    deadline = None if settings.timeout_s is None else time.monotonic() + settings.timeout_s
    for number, trial in enumerate(search.finished(study)):
        _track(number, trial, tracker)
    while (num_done := len(search.finished(study))) < num_wanted:
        if deadline is not None and num_done and time.monotonic() > deadline:
            break
        _try(study, shared, num_done, num_wanted)
        _track(num_done, search.finished(study)[-1], tracker)


def _defaults(shared: _Search) -> dict[str, Any]:
    return {
        **models.default_hyperparameters(shared.spec, shared.settings.model.build),
        "learning_rate": DEFAULT_LEARNING_RATE,
        "batch_size": shared.settings.batch_size,
    }


def _try(study: optuna.Study, shared: _Search, num_done: int, num_wanted: int) -> None:
    """Train one configuration, on each fold where there are some, and tell the study how it ended."""
    trial, num_epochs, losses = study.ask(), 0, []
    chosen = {**_defaults(shared), **shared.fixed, **space.suggest(trial, shared.distributions)}
    begun = time.monotonic()

    def on_epoch(epoch: int, values: Epoch) -> None:
        nonlocal num_epochs
        num_epochs += 1
        trial.set_user_attr("epochs", num_epochs)
        trial.set_user_attr("seconds", round(time.monotonic() - begun, 3))
        if not losses:  # later folds are easier or harder than the first, and comparing across them would be unfair
            trial.report(values[f"val_{shared.objective}"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned()

    def progress(message: str, done: float | None = None, total: float | None = None) -> None:
        share = (len(losses) + (done or 0) / (total or 1)) / len(shared.pairs)
        shared.progress(f"trial {num_done + 1}/{num_wanted}{_best_so_far(study, shared)}", num_done + share, num_wanted)

    try:
        for train, validation in shared.pairs:
            history = _fit(shared, train, validation, chosen, on_epoch, progress).history
            losses.append(history[best_epoch(history, shared.objective)][f"val_{shared.objective}"])
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except StepFailed as error:
        trial.set_user_attr(search.REASON, error.message)
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, sum(losses) / len(losses))


def _fit(
    shared: _Search, train: Source, validation: Source, chosen: Mapping[str, Any], on_epoch, progress: Progress
) -> loop.Outcome:
    batch_size, rate = chosen["batch_size"], chosen["learning_rate"]
    if not isinstance(batch_size, int) or batch_size < 1 or not rate > 0:
        raise ConfigError(
            f"a trial got batch_size {batch_size!r} and learning_rate {rate!r}.",
            hint="correct tune.search: batch_size is a whole number from 1 (integer: true), learning_rate above 0.",
        )
    keras.utils.clear_session()
    plan = loop.Plan(
        shared.settings.epochs,
        BatchSchedule.constant(batch_size),
        float(rate),
        devices="single",
        xla="off",
        seed=shared.settings.seed,
    )
    return loop.fit(
        shared.spec,
        shared.settings.model.build,
        chosen,
        train,
        validation,
        plan,
        on_epoch=on_epoch,
        progress=progress,
    )


def _best_so_far(study: optuna.Study, shared: _Search) -> str:
    values = [trial.value for trial in search.finished(study) if trial.state is TrialState.COMPLETE]
    return f" · best {shared.objective.replace('_', ' ')} {min(values):.4g}" if values else ""


def _track(number: int, trial: FrozenTrial, tracker: Tracker) -> None:
    if trial.value is not None:
        numbers = {k: v for k, v in trial.params.items() if isinstance(v, int | float) and not isinstance(v, bool)}
        searched = {f"trial/{name}": value for name, value in numbers.items()}
        tracker.log_metrics({"objective": trial.value, **searched}, step=number)


def _value(trial: FrozenTrial) -> float | None:
    if trial.state is TrialState.COMPLETE:
        return trial.value
    return min(trial.intermediate_values.values(), default=trial.value)


def _result(study: optuna.Study, shared: _Search, dataset_version: str) -> Study:
    found = [
        TrialResult(
            number=number,
            state=STATES[trial.state],
            hyperparameters=trial.params,
            value=_value(trial),
            epochs=trial.user_attrs.get("epochs", 0),
            seconds=trial.user_attrs.get("seconds", 0.0),
            reason=trial.user_attrs.get(search.REASON),
        )
        for number, trial in enumerate(search.finished(study))
    ]
    complete = [trial for trial in found if trial.state == "complete"]
    if not complete:
        raise StepFailed(
            f"none of {len(found)} trials succeeded; the first failed because {found[0].reason}",
            hint="lower the learning rates in tune.search, or look for extreme values among the features.",
        )
    settings = shared.settings
    return Study(
        objective=shared.objective,
        sampler=settings.sampler,
        pruner=settings.pruner,
        subsample=settings.subsample,
        num_examples=shared.pairs[0][0].num_examples,
        num_folds=len(shared.pairs),
        dataset_version=dataset_version,
        seconds=round(sum(trial.seconds for trial in found), 3),
        trials=found,
        best=min(complete, key=lambda trial: trial.value),
    )
