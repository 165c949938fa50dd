"""Images become a data set: read and written at once where their contents tell their split, else in two passes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from components.ingest.images.arrays import from_arrays
from components.ingest.images.examining import PartsOf
from components.ingest.images.folders import from_folders
from components.ingest.images.labelled import from_labels
from components.ingest.images.ledger import LEFT_OUT, Ledger
from components.ingest.images.passes import Passes
from components.ingest.images.pictures import Classes, Pictures
from components.ingest.parts import check_parts, splits_and_folds
from components.ingest.quality.anomalies import Anomalies
from components.ingest.splitting import Divider, digests, draws, part_names
from components.ingest.written import Written
from estafet.errors import ConfigError, DataError
from estafet.records.manifest import Shard
from estafet.records.shards import SplitWriters
from estafet.runfile.data import Split
from estafet.runfile.steps import IngestSettings
from estafet.schema import Label, Schema
from estafet.source_schema import SourceSchema
from estafet.telemetry import Progress


def write_images(
    files: list[Path],
    data_format: str,
    settings: IngestSettings,
    folder: Path,
    anomalies: Anomalies,
    progress: Progress,
    num_threads: int,
) -> Written:
    """Write images as a data set, in bounded memory, each with its bytes as they came.

    Args:
        files: The folders or `.npz` files.
        data_format: `images` or `npz`.
        settings: The step's settings, `labels` being a local file.
        folder: Where the shards go.
        anomalies: Told what is wrong with images.
        progress: Told how far it is.
        num_threads: How many threads work; the result does not depend on it.

    Raises:
        ConfigError: The run file asks for what does not go together.
        DataError: The source does not look as it should, or too many images have anomalies.
    """
    _check_settings(files, settings)
    progress("listing images")
    pictures = _listed(files, data_format, settings, anomalies)
    num_images = len(pictures.names) + anomalies.num_left_out
    classes = Classes.of(pictures)
    names, ledger = part_names(settings.split), Ledger(classes.labels)
    passes = Passes(pictures, ledger, settings, anomalies, progress, num_threads)
    shards = _write(passes, pictures, ledger, settings, folder)
    anomalies.check(num_images, "images")
    _check_classes(classes, ledger)
    parts = ledger.splits(names, shards, len(classes.names))
    check_parts(parts, settings, classes.names, ledger.num_duplicates())
    splits, folds = splits_and_folds(parts)
    height, width, channels = ledger.image_shape()
    return Written(
        splits=splits,
        folds=folds,
        schema=Schema(label=Label(name=settings.label or "label", classes=classes.names)),
        source_schema=SourceSchema(images=ledger.bounds()),
        contents=ledger.contents(names),
        image_shape=(*(settings.image_size or (height, width)), settings.channels or channels),
        num_duplicates=ledger.num_duplicates(),
        overlap=ledger.overlap(pictures.groups),
    )


def _check_settings(files: list[Path], settings: IngestSettings) -> None:
    if settings.split.by == "time":
        raise ConfigError("images have no time to split by.", hint="set data.split.by: hash.")
    if settings.labels is None and settings.split.group_by is not None:
        raise ConfigError(
            f"images have no column '{settings.split.group_by}' to group by.",
            hint="give a CSV file that has it with data.labels, or remove data.split.group_by.",
        )
    single = next((path for path in files if not path.is_dir()), None)
    if settings.labels is not None and single is not None:
        raise ConfigError(
            f"data.labels is for folders of images, and '{single}' is a file.",
            hint="set data.source to the folder from which the paths in data.labels start, or remove data.labels.",
        )


def _listed(files: list[Path], data_format: str, settings: IngestSettings, anomalies: Anomalies) -> Pictures:
    if data_format == "npz":
        pictures = from_arrays(files)
    elif settings.labels is not None:
        pictures = from_labels(files, settings, anomalies)
    else:
        pictures = from_folders(files)
    for anomaly in pictures.noted:
        anomalies.note(anomaly)
    return pictures


def _write(
    passes: Passes, pictures: Pictures, ledger: Ledger, settings: IngestSettings, folder: Path
) -> dict[str, tuple[Shard, ...]]:
    """Read all images, and write them into shards; return those of each part."""
    names, is_stratified = part_names(settings.split), settings.split.by == "stratified"
    if is_stratified:
        passes.examine()
        ledger.parts = _exact_parts(ledger, settings.split)
    shard_bytes = int(settings.shard_mb * 1e6)
    with SplitWriters(folder, names, shard_bytes=shard_bytes, compression=settings.compression) as writers:
        write = partial(_write_to, writers, names)
        if is_stratified:
            passes.frame(lambda numbers, _: ledger.parts[numbers], write)
        else:
            parts_of = _parts_by_draw(pictures, settings.split)
            passes.examine(parts_of, write)
            kept = np.flatnonzero(ledger.is_kept)
            ledger.parts[kept] = parts_of(kept, draws(ledger.digests[kept]))
    return writers.shards


def _write_to(writers: SplitWriters, names: tuple[str, ...], part: int, framed: bytes, num_examples: int) -> None:
    writers.write(names[part], framed, num_examples)


def _parts_by_draw(pictures: Pictures, shares: Split) -> PartsOf:
    divider = Divider(shares)
    if pictures.groups is None:
        return lambda _, draws_N: divider.parts(draws_N)
    known = {group: i for i, group in enumerate(dict.fromkeys(pictures.groups))}
    draws_of_groups = draws(digests((group.encode() for group in known), shares.seed))
    draws_of_images = draws_of_groups[[known[group] for group in pictures.groups]]
    return lambda numbers, _: divider.parts(draws_of_images[numbers])


def _exact_parts(ledger: Ledger, shares: Split) -> np.ndarray:
    """Return the part of each image, int8 (N,), so that each class is divided by its exact shares."""
    kept = np.flatnonzero(ledger.is_kept)
    draws_K = draws(ledger.digests[kept])
    by_draw = np.argsort(draws_K, kind="stable")
    labels_K = ledger.labels[kept][by_draw]
    parts_N = np.full(len(ledger.labels), LEFT_OUT, np.int8)
    parts_N[kept[by_draw]] = Divider(shares, np.bincount(labels_K)).parts(draws_K[by_draw], labels_K)
    return parts_N


def _check_classes(classes: Classes, ledger: Ledger) -> None:
    counts = np.bincount(ledger.labels[ledger.is_kept], minlength=len(classes.names))
    without = [name for name, count in zip(classes.names, counts, strict=True) if not count]
    if without:
        raise DataError(
            f"no image of {len(without):,} of the {len(classes.names):,} classes can be used: "
            f"{', '.join(map(repr, without[:5]))}.",
            hint="mend their images, or take the classes away from data.source (or from data.labels).",
        )
