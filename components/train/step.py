"""The `train` step: one model, trained on all of the training split, with a batch-size schedule."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.train import workers, writing
from components.train.company import training as company
from components.train.company.surroundings import Surroundings
from components.train.planning import plan_for
from components.train.summary import summary
from estafet.records import reading
from estafet.records.manifest import Manifest
from estafet.runfile.steps import TrainSettings
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from estafet.training import feeding, loop
from estafet.training.models import ModelSpec
from estafet.training.trained import Trained

__all__ = ["Settings", "plan_for", "summary", "train", "train_here"]

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
        StepFailed: A loss or metric is NaN or infinite, or the training diverges.
        Preempted: The process was told to end; the same call goes on from where it was.
    """
    train_with = workers.train if workers.are_wanted(settings) else train_here
    trained = train_with(
        settings,
        dataset_folder,
        out_folder,
        hyperparameters=hyperparameters,
        scratch=scratch,
        progress=progress,
        tracker=tracker,
    )
    with contextlib.suppress(OSError):
        shutil.rmtree(scratch)
    return trained


def train_here(
    settings: Settings,
    dataset_folder: str | Path,
    out_folder: str | Path,
    *,
    hyperparameters: Mapping[str, Any],
    scratch: str | Path,
    progress: Progress = silent,
    tracker: Tracker | None = None,
    writes: bool = True,
) -> Trained:
    """Train in this process, and leave `scratch` to the caller; otherwise as `train`.

    Args:
        writes: Whether this process writes the model; of several workers, only the chief does.
    """
    tracker, out_folder, scratch = tracker or NullTracker(), Path(out_folder), Path(scratch)
    manifest = Manifest.load(dataset_folder)
    if settings.ensemble or settings.distill:
        around = Surroundings(Path(dataset_folder), manifest, out_folder, scratch, progress, tracker, writes)
        return company.train(settings, hyperparameters, around)
    spec, build = ModelSpec.from_manifest(manifest), settings.model.build
    plan, chosen = plan_for(settings, spec, hyperparameters, reading.num_examples(manifest, "train"), out_folder)
    progress("reading the examples")
    examples = feeding.load(dataset_folder, "train", augment=settings.augment)
    validation = feeding.load(dataset_folder, "validation")
    tracker.log_dataset(manifest.name, manifest.version, str(dataset_folder), "training")
    progress("building the model", 0, plan.epochs)
    outcome = loop.fit(
        spec, build, chosen, examples, validation, plan, scratch=scratch, progress=progress, tracker=tracker
    )
    trained = writing.describe(outcome, spec, build, chosen, manifest.version)
    if writes:
        progress("writing the model", plan.epochs, plan.epochs)
        writing.write(writing.rebuilt(outcome, spec, build, chosen), trained, out_folder)
        writing.track(trained, out_folder, tracker)
    return trained
