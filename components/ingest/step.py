"""The work of `ingest`: raw data to a data set of TFRecord shards with a schema, versioned by its contents."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from components.ingest.batches import Table, TypeChanged
from components.ingest.images.writing import write_images
from components.ingest.quality.anomalies import Anomalies
from components.ingest.quality.validation import Validator
from components.ingest.rows.writing import write_rows
from components.ingest.series.writing import write_series
from components.ingest.sources import open_table
from components.ingest.sources.find import find
from components.ingest.written import Written
from estafet.errors import ConfigError
from estafet.files import replacing_folder
from estafet.records.manifest import Anomaly, BadExample, Manifest, WindowSpec
from estafet.runfile.steps import IngestSettings
from estafet.runfile.tasks import Task
from estafet.source_schema import SOURCE_SCHEMA_FILE
from estafet.storage import local_copies
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker

Settings = IngestSettings


def ingest(
    settings: Settings,
    out_path: str | Path,
    *,
    scratch: str | Path | None = None,
    progress: Progress = silent,
    tracker: Tracker | None = None,
    num_threads: int | None = None,
) -> Manifest:
    """Read raw data, split them and write them as a data set.

    Args:
        settings: The run file's `data` section, its sources absolute paths or `gs://…`, and the task.
        out_path: The data set's folder; one that is there is replaced, at the end and at once.
        scratch: Folder in which downloads are kept until they are ingested; a killed step goes on from them.
        progress: Told what is being done.
        tracker: Told what was found.
        num_threads: How many threads work; as many as there are cores where it is not given. The data set does not
            depend on it.

    Returns:
        The manifest, as it stands in the folder.

    Raises:
        ConfigError: The run file names a column that is not there, or asks for what does not go together.
        DataError: The data are missing, unreadable or do not suit the task.
        ServiceUnavailable: A bucket does not answer.
    """
    progress("reading")
    labels = () if settings.labels is None else (settings.labels,)
    with local_copies((*settings.source, *labels), folder=scratch, progress=progress) as paths:
        local = settings.model_copy(
            update={"source": paths[: len(settings.source)], "labels": paths[-1] if labels else None}
        )
        with replacing_folder(out_path) as folder, Anomalies(settings, folder) as anomalies:
            written = _write(local, folder, anomalies, progress, num_threads or os.cpu_count() or 1)
            written.source_schema.save(folder / SOURCE_SCHEMA_FILE)
            manifest = _manifest(written, settings, anomalies)
            manifest.save(folder)
    _record(manifest, tracker or NullTracker())
    return manifest


def summary(manifest: Manifest) -> str:
    """Say in a few words what a data set holds."""
    own = {split: found.num_examples - found.num_context_steps for split, found in manifest.splits.items()}
    counts = " · ".join(f"{num:,} {split}" for split, num in own.items() if num)
    if manifest.data_schema.text:
        counts += f" · text: {', '.join(feature.name for feature in manifest.data_schema.text)}"
    if manifest.task == Task.FORECASTING:
        num, what = sum(anomaly.count for anomaly in manifest.anomalies if anomaly.kind == "gap"), "filled in"
    if manifest.task != Task.FORECASTING or not num:
        num, what = manifest.num_bad_examples, "left out"
    return f"{counts} · {num:,} {what}" if num else counts


def _write(settings: Settings, folder: Path, anomalies: Anomalies, progress: Progress, num_threads: int) -> Written:
    _check_pinned(settings)
    has_labels = settings.labels is not None
    files, data_format = find(settings.source, settings.format, settings.task, has_labels=has_labels)
    if settings.task == Task.IMAGE_CLASSIFICATION:
        return write_images(files, data_format, settings, folder, anomalies, progress, num_threads)
    table = open_table(files, data_format, settings)
    while True:
        try:
            return _write_table(table, settings, folder, anomalies, progress, num_threads)
        except TypeChanged as changed:
            table = changed.table
            anomalies.clear()
            progress(f"reading again: {changed.message}")


def _check_pinned(settings: Settings) -> None:
    """Refuse a pinned schema that speaks of other things than the data, and so would check nothing."""
    pinned, is_images = settings.expected, settings.task == Task.IMAGE_CLASSIFICATION
    if pinned is None or (pinned.images if is_images else pinned.columns):
        return
    if pinned.columns or pinned.images:
        wanted, held = ("images", "columns") if is_images else ("columns", "images")
        raise ConfigError(
            f"the schema of data.schema_file says what {held} must be like, and the data have {wanted}.",
            hint="write one with `estafet inspect SOURCE --schema FILE`, or remove data.schema_file.",
        )


def _write_table(
    table: Table, settings: Settings, folder: Path, anomalies: Anomalies, progress: Progress, num_threads: int
) -> Written:
    validator = Validator(settings, settings.expected)
    extra = validator.check_columns(table.schema)
    if settings.features is None:
        for name in extra:
            anomalies.note(_extra_column(name))
        settings = settings.model_copy(update={"ignore": (*settings.ignore, *extra)})
    if settings.task == Task.FORECASTING:
        return write_series(table, settings, folder, anomalies, progress)
    return write_rows(table, settings, folder, anomalies, validator, progress=progress, num_threads=num_threads)


def _extra_column(name: str) -> Anomaly:
    reason = "the schema of data.schema_file does not have it, so the model does not learn from it"
    return Anomaly(column=name, kind="extra_column", count=1, first=(BadExample(where="all rows", reason=reason),))


def _manifest(written: Written, settings: Settings, anomalies: Anomalies) -> Manifest:
    return Manifest(
        task=settings.task,
        version=_version(written, settings),
        splits=dict(written.splits),
        folds=written.folds,
        data_schema=written.schema,
        layout=settings.layout,
        compression=settings.compression,
        image_shape=written.image_shape,
        window=WindowSpec(**settings.window.model_dump()) if settings.task == Task.FORECASTING else None,
        bad_examples=anomalies.bad,
        num_bad_examples=anomalies.num_left_out,
        anomalies=anomalies.found,
        num_duplicates=written.num_duplicates,
        overlap=written.overlap,
        sources=settings.source,
    )


def _version(written: Written, settings: Settings) -> str:
    """Return a fingerprint of what a model can see of a data set.

    How it is cut into shards and how a record is laid out are no part of it, nor are statistics, which follow from the
    contents but may differ in their last digit from machine to machine.
    """
    schema = written.schema
    seen = {
        "task": settings.task,
        "numeric": [feature.name for feature in schema.numeric],
        "categorical": [[feature.name, feature.categories] for feature in schema.categorical],
        **({"text": [[feature.name, feature.vocabulary] for feature in schema.text]} if schema.text else {}),
        "label": [schema.label.name, schema.label.classes],
        "calendar": schema.calendar,
        "image_shape": written.image_shape,
        "window": settings.window.model_dump(mode="json") if settings.task == Task.FORECASTING else None,
        "segments": {
            split: [segment.model_dump(mode="json") for segment in found.segments]
            for split, found in written.splits.items()
        },
        "contents": dict(written.contents),
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _record(manifest: Manifest, tracker: Tracker) -> None:
    schema, splits = manifest.data_schema, manifest.splits
    tracker.log_parameters(
        {
            "dataset_version": manifest.version,
            "num_features": len(schema.numeric) + len(schema.categorical) + len(schema.text),
            **({"num_classes": len(schema.label.classes)} if schema.label.classes else {}),
        }
    )
    metrics = {f"examples/{split}": found.num_examples for split, found in splits.items()}
    metrics["examples/left_out"] = manifest.num_bad_examples
    metrics["examples/duplicates"] = manifest.num_duplicates
    metrics["examples/overlap"] = manifest.overlap.examples
    metrics |= {f"anomalies/{anomaly.kind}": 0 for anomaly in manifest.anomalies}
    for anomaly in manifest.anomalies:
        metrics[f"anomalies/{anomaly.kind}"] += anomaly.count
    metrics["bytes"] = sum(shard.num_bytes for found in splits.values() for shard in found.shards)
    tracker.log_metrics(metrics)
    tracker.log_dataset(manifest.name, manifest.version, manifest.sources[0], "training")
