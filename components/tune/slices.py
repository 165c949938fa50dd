"""What trials learn from and are judged on: a slice of the training split, and about as much of validation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from estafet.errors import ConfigError
from estafet.records import reading, sampling
from estafet.records.manifest import Manifest
from estafet.records.sampling import By
from estafet.records.selection import split_of
from estafet.runfile.steps import TuneSettings
from estafet.runfile.tasks import Task
from estafet.training import feeding
from estafet.training.feeding import Source


@dataclass(frozen=True)
class Slice:
    """What a trial learns from and is judged on, for one fold where there are some.

    Attributes:
        train: A part of the training split.
        validation: The validation split, or a part of it, about as large as `train` where it is larger.
    """

    train: Source
    validation: Source


def taken_by(settings: TuneSettings, task: Task) -> By:
    """Return how the slice is taken: `tune.subsample.by`, or what `auto` is for the task."""
    if settings.subsample.by != "auto":
        return settings.subsample.by
    if task == Task.FORECASTING:
        return "newest"
    return "stratified" if task.is_classification else "random"


def slices(settings: TuneSettings, dataset_folder: str | Path, manifest: Manifest, share: float) -> tuple[Slice, ...]:
    """Return what trials learn from and are judged on: one slice, or one for each fold of the data set.

    Args:
        settings: The run file's `tune` section and the task.
        dataset_folder: A data set, as `ingest` wrote it.
        manifest: Its manifest.
        share: Share of the training split, above 0 up to 1; a larger one has all examples of a smaller one.

    Raises:
        ConfigError: The share leaves a class empty, or cannot be taken as `tune.subsample.by` says.
        DataError: A split is empty or a shard is damaged.
    """
    folds = range(len(manifest.folds)) if manifest.folds else (None,)
    return tuple(_slice(settings, Path(dataset_folder), manifest, share, fold, len(folds)) for fold in folds)


def _slice(
    settings: TuneSettings, folder: Path, manifest: Manifest, share: float, fold: int | None, num_folds: int
) -> Slice:
    by, seed = taken_by(settings, manifest.task), settings.seed
    sampling.check(manifest, by)
    if manifest.task.is_classification:
        _check_classes(settings, folder, manifest, share, fold)
    more = {"fold": fold, "by": by, "seed": seed, "max_bytes_in_memory": feeding.MAX_BYTES_IN_MEMORY // num_folds}
    train = feeding.load(folder, "train", share=share, augment=settings.augment, **more)
    num_validation = reading.num_examples(manifest, "validation", fold=fold)
    judging = min(1.0, train.num_examples / max(1, num_validation))
    return Slice(train, feeding.load(folder, "validation", share=judging, **more))


def _check_classes(settings: TuneSettings, folder: Path, manifest: Manifest, share: float, fold: int | None) -> None:
    """Refuse a share, or the smallest rung of it, that has no example of a class of the training split."""
    rung = min((rung.share for rung in settings.rungs), default=1.0)
    if share * rung == 1:
        return
    found, by = split_of(manifest, "train", fold), taken_by(settings, manifest.task)
    counts = sampling.class_counts(folder, manifest, found, share * rung, by, settings.seed)
    empty = [i for i, count in enumerate(counts) if count == 0 and found.class_counts[i]]
    if not empty:
        return
    rarest = min(empty, key=lambda i: found.class_counts[i])
    name, count = manifest.data_schema.label.classes[rarest], found.class_counts[rarest]
    enough = math.ceil(100 / count / rung) / 100
    where = "" if rung == 1 else f", of which the first rung takes {rung:g},"
    stratified = "" if by == "stratified" else " and by to stratified"
    advice = f"set tune.subsample.share to {enough:g} or more{stratified}"
    if enough > 1:
        advice = f"set the share of the first of tune.rungs to {math.ceil(100 / count) / 100:g} or more"
    raise ConfigError(
        f"a share of {share:g} of the training split{where} leaves class '{name}' empty: it has {count} of "
        f"{found.num_examples:,} examples there.",
        hint=f"{advice}, or bring more examples of that class.",
    )
