"""The work of `ingest`: raw data to a data set of TFRecord shards with a schema, versioned by its contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from components.ingest import images, rows, series, sources, statistics, tables
from components.ingest.examples import Examples, named
from components.ingest.splitting import split_examples
from components.ingest.writing import Columns, write_splits
from estafet.errors import ConfigError
from estafet.files import replacing_folder
from estafet.records.manifest import BadExample, Manifest, WindowSpec
from estafet.records.manifest import Split as SplitOfManifest
from estafet.records.reading import SPLITS
from estafet.runfile.steps import IngestSettings
from estafet.runfile.tasks import Task
from estafet.schema import Label, Schema
from estafet.storage import local_copies
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker

Settings = IngestSettings

STEPS_AT_ONCE = 4096


@dataclass(frozen=True)
class _Content:
    """A data set that is ready to be written.

    Attributes:
        schema: Features and label.
        splits: For each split the numbers of its examples in order, and what gives their columns.
        digest: Digest of each split's examples in order.
        chunk: Number of examples that are encoded at once.
        bad: What was left out.
        image_shape: For images, what the model is given.
        class_counts: For classification, examples of each class in each split.
        num_context_steps: For forecasting, in each split.
    """

    schema: Schema
    splits: Mapping[str, tuple[np.ndarray, Columns]]
    digest: Mapping[str, str]
    chunk: int
    bad: tuple[BadExample, ...]
    image_shape: tuple[int, int, int] | None = None
    class_counts: Mapping[str, tuple[int, ...]] | None = None
    num_context_steps: Mapping[str, int] | None = None


def ingest(
    settings: Settings, out_path: str | Path, *, progress: Progress = silent, tracker: Tracker | None = None
) -> Manifest:
    """Read raw data, split them and write them as a data set.

    Args:
        settings: The run file's `data` section, its sources absolute paths or `gs://…`, and the task.
        out_path: The data set's folder; one that is there is replaced, at the end and at once.
        progress: Told what is being done.
        tracker: Told what was found.

    Returns:
        The manifest, as it stands in the folder.

    Raises:
        ConfigError: The run file names a column that is not there, or asks for what does not go together.
        DataError: The data are missing, unreadable or do not suit the task.
        ServiceUnavailable: A bucket does not answer.
    """
    progress("reading")
    with local_copies(settings.source) as paths:
        content = _content(settings, paths, progress)
        with replacing_folder(out_path) as folder:
            shard_bytes = int(settings.shard_mb * 1e6)
            shards = write_splits(
                folder, content.splits, chunk=content.chunk, shard_bytes=shard_bytes, progress=progress
            )
            manifest = _manifest(content, settings, shards)
            manifest.save(folder)
    _record(manifest, tracker or NullTracker())
    return manifest


def summary(manifest: Manifest) -> str:
    """Say in a few words what a data set holds."""
    own = {split: found.num_examples - found.num_context_steps for split, found in manifest.splits.items()}
    counts = " · ".join(f"{num:,} {split}" for split, num in own.items() if num)
    what = "filled in" if manifest.task == Task.FORECASTING else "left out"
    return f"{counts} · {manifest.num_bad_examples:,} {what}" if manifest.num_bad_examples else counts


def _content(settings: Settings, paths: tuple[str, ...], progress: Progress) -> _Content:
    files, data_format = sources.find(paths, settings.format, settings.task)
    if settings.task == Task.FORECASTING:
        return _series_content(tables.read(files, data_format, settings), settings)
    if settings.task == Task.IMAGE_CLASSIFICATION:
        pictures = images.from_arrays(files) if data_format == "npz" else images.from_folders(files)
        return _image_content(*images.examples_from(pictures, settings, progress), settings)
    return _row_content(*rows.examples_from(tables.read(files, data_format, settings), settings), settings)


def _row_content(examples: Examples, features: rows.Features, settings: Settings) -> _Content:
    members = split_examples(examples, settings)
    train = members["train"]
    label = Label(name=settings.label or "label", classes=examples.classes)
    if examples.classes is None:
        targets = examples.labels[train].astype(np.float64)
        label = label.model_copy(update={"mean": float(targets.mean()), "std": float(targets.std())})
    numeric = [
        statistics.numeric_feature(name, features.numeric[train, i]) for i, name in enumerate(features.numeric_names)
    ]
    categorical = [
        statistics.categorical_feature(name, features.categorical[train, i])
        for i, name in enumerate(features.categorical_names)
    ]
    schema = Schema(numeric=tuple(numeric), categorical=tuple(categorical), label=label)
    return _example_content(examples, members, schema)


def _image_content(examples: Examples, image_shape: tuple[int, int, int], settings: Settings) -> _Content:
    schema = Schema(label=Label(name=settings.label or "label", classes=examples.classes))
    return replace(_example_content(examples, split_examples(examples, settings), schema), image_shape=image_shape)


def _example_content(examples: Examples, members: Mapping[str, np.ndarray], schema: Schema) -> _Content:
    counts = None
    if examples.classes is not None:
        num_classes = len(examples.classes)
        counts = {
            split: tuple(np.bincount(examples.labels[chosen], minlength=num_classes).tolist())
            for split, chosen in members.items()
        }
    return _Content(
        schema=schema,
        splits={split: (chosen, examples.columns) for split, chosen in members.items()},
        digest={
            split: _sha256(examples.digests[chosen].tobytes(), examples.labels[chosen].tobytes())
            for split, chosen in members.items()
        },
        chunk=examples.chunk,
        bad=examples.bad,
        class_counts=counts,
    )


def _series_content(table: tables.Table, settings: Settings) -> _Content:
    if settings.split.by == "hash":
        raise ConfigError("a series is split by time, and data.split.by is 'hash'.", hint="set it to time or auto.")
    steps = series.steps_from(table, settings)
    parts = series.split_steps(steps, settings)
    channels = [statistics.numeric_feature(name, parts["train"].values[:, i]) for i, name in enumerate(steps.channels)]
    schema = Schema(numeric=tuple(channels), label=Label(name=settings.label), time=settings.time)
    return _Content(
        schema=schema,
        splits={split: (np.arange(len(part)), _columns_of(part)) for split, part in parts.items()},
        digest={split: _sha256(part.values.tobytes(), part.times.tobytes()) for split, part in parts.items()},
        chunk=STEPS_AT_ONCE,
        bad=steps.bad,
        num_context_steps={split: part.num_context for split, part in parts.items()},
    )


def _columns_of(steps: series.Steps) -> Columns:
    return lambda chosen: {"values": steps.values[chosen], "time": steps.times[chosen]}


def _manifest(content: _Content, settings: Settings, shards: Mapping[str, tuple]) -> Manifest:
    splits = {
        split: SplitOfManifest(
            shards=shards[split],
            num_examples=len(content.splits[split][0]),
            num_context_steps=(content.num_context_steps or {}).get(split, 0),
            class_counts=(content.class_counts or {}).get(split),
        )
        for split in SPLITS
    }
    is_series = settings.task == Task.FORECASTING
    return Manifest(
        task=settings.task,
        version=_version(content, settings),
        splits=splits,
        data_schema=content.schema,
        image_shape=content.image_shape,
        window=WindowSpec(**settings.window.model_dump()) if is_series else None,
        bad_examples=named(content.bad),
        num_bad_examples=len(content.bad),
        sources=settings.source,
    )


def _version(content: _Content, settings: Settings) -> str:
    """Return a fingerprint of what a model can see of a data set; how it is cut into shards is no part of it."""
    seen = {
        "task": settings.task,
        "schema": content.schema.model_dump(mode="json"),
        "image_shape": content.image_shape,
        "window": settings.window.model_dump(mode="json") if settings.task == Task.FORECASTING else None,
        "context": content.num_context_steps,
        "contents": {split: content.digest[split] for split in SPLITS},
    }
    return _sha256(json.dumps(seen, sort_keys=True).encode())


def _sha256(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _record(manifest: Manifest, tracker: Tracker) -> None:
    schema, splits = manifest.data_schema, manifest.splits
    tracker.log_parameters(
        {
            "dataset_version": manifest.version,
            "num_features": len(schema.numeric) + len(schema.categorical),
            **({"num_classes": len(schema.label.classes)} if schema.label.classes else {}),
        }
    )
    metrics = {f"examples/{split}": found.num_examples for split, found in splits.items()}
    metrics["examples/left_out"] = manifest.num_bad_examples
    metrics["bytes"] = sum(shard.num_bytes for found in splits.values() for shard in found.shards)
    tracker.log_metrics(metrics)
    tracker.log_dataset(manifest.name, manifest.version, manifest.sources[0], "training")
