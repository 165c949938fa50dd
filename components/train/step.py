"""The `train` step: one model, trained on all of the training split, with a batch-size schedule."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.train import curves
from estafet.errors import ConfigError
from estafet.records.manifest import Manifest
from estafet.runfile.steps import TrainSettings
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from estafet.training import feeding, loop, models
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.models import ModelSpec
from estafet.training.models.building import whole
from estafet.training.objectives import JUDGED_BY
from estafet.training.trained import CURVES_FILE, Trained, as_hyperparameters, count_parameters, save_model, version_of

Settings = TrainSettings


def train(
    settings: Settings,
    dataset_folder: str | Path,
    out_folder: str | Path,
    *,
    hyperparameters: Mapping[str, Any],
    scratch: str | Path,
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Trained:
    """Train a model and write it, with what is known of its training, into `out_folder`.

    Args:
        settings: The run file's `train` section, the model and the task.
        dataset_folder: A data set, as `ingest` wrote it.
        out_folder: Where the model goes.
        hyperparameters: What `tune` found; the run file's `model.hyperparameters` win over it, and it wins over the
            model's defaults, `train.learning_rate` and `train.batch.start`.
        scratch: Folder for checkpoints, from which a killed training goes on; removed at the end.
        progress: Told how far it is.
        tracker: Given parameters, each epoch's values and the curves.

    Raises:
        ConfigError: The model cannot be built, or does not fit the task; `augment` is set, and there are no images.
        DataError: A split is empty or a shard is damaged.
        StepFailed: A loss or metric is NaN or infinite.
    """
    tracker, out_folder, scratch = tracker or NullTracker(), Path(out_folder), Path(scratch)
    manifest = Manifest.load(dataset_folder)
    spec, build = ModelSpec.from_manifest(manifest), settings.model.build
    plan, chosen = _plan(settings, spec, hyperparameters)
    progress("reading the examples")
    examples = feeding.load(dataset_folder, "train", augment=settings.augment)
    validation = feeding.load(dataset_folder, "validation")
    tracker.log_dataset(manifest.name, manifest.version, str(dataset_folder), "training")
    progress("building the model", 0, plan.epochs)
    outcome = loop.fit(
        spec, build, chosen, examples, validation, plan, scratch=scratch, progress=progress, tracker=tracker
    )
    trained = Trained(
        version=version_of(outcome.weights),
        task=spec.task,
        build=build,
        hyperparameters=as_hyperparameters(chosen),
        dataset_version=manifest.version,
        num_parameters=count_parameters(outcome.weights),
        epochs=len(outcome.history),
        epoch=outcome.epoch + 1,
        judged_by=JUDGED_BY[spec.task],
        history=outcome.history,
        strategy=plan.strategy if outcome.num_replicas > 1 else "single",
        num_replicas=outcome.num_replicas,
    )
    progress("writing the model", plan.epochs, plan.epochs)
    _write(trained, spec, chosen, outcome, out_folder, tracker)
    with contextlib.suppress(OSError):
        shutil.rmtree(scratch)
    return trained


def summary(trained: Trained) -> str:
    """Return the result in a few words."""
    shown = "accuracy" if "accuracy" in trained.validation else trained.judged_by
    value = trained.validation[shown]
    count = "1 epoch" if trained.epochs == 1 else f"{trained.epochs} epochs"
    return f"validation {shown} {value:.4g} · {count} · {trained.num_parameters:,} parameters"


def _plan(settings: Settings, spec: ModelSpec, found: Mapping[str, Any]) -> tuple[loop.Plan, dict[str, Any]]:
    """Return how to train, and all hyperparameters, learning_rate and batch_size of the first epoch among them."""
    chosen = {
        **models.default_hyperparameters(spec, settings.model.build),
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch.start,
        **found,
        **settings.model.hyperparameters,
    }
    chosen = {name: whole(value) for name, value in chosen.items()}
    _check(chosen)
    schedule = BatchSchedule.from_settings(settings.batch, chosen["batch_size"])
    chosen["batch_size"] = schedule.start
    plan = loop.Plan(
        settings.epochs,
        schedule,
        float(chosen["learning_rate"]),
        settings.optimizer,
        settings.strategy,
        settings.early_stopping_patience,
        settings.seed,
    )
    return plan, chosen


def _check(chosen: Mapping[str, Any]) -> None:
    rate, batch_size = chosen["learning_rate"], chosen["batch_size"]
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
        raise ConfigError(
            f"learning_rate must be a number above 0, not {rate!r}.", hint="correct model.hyperparameters."
        )
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigError(
            f"batch_size must be a whole number of at least 1, not {batch_size!r}.",
            hint="correct model.hyperparameters.",
        )


def _write(
    trained: Trained,
    spec: ModelSpec,
    hyperparameters: Mapping[str, Any],
    outcome: loop.Outcome,
    folder: Path,
    tracker: Tracker,
) -> None:
    model = models.build(spec, trained.build, hyperparameters)  # anew: outside any strategy, and without an optimiser
    model.set_weights(outcome.weights)
    save_model(model, folder)
    curves.plot(trained, folder / CURVES_FILE)
    trained.save(folder)
    tracker.log_parameters(
        {
            "hyperparameters": trained.hyperparameters,
            "num_parameters": trained.num_parameters,
            "num_replicas": trained.num_replicas,
            "distribution": trained.strategy,
            "dataset_version": trained.dataset_version,
            "model_version": trained.version,
        }
    )
    tracker.log_file(folder / CURVES_FILE)
