"""Reading an ingested data set: the one way in for tune, train, evaluate and export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.errors import DataError
from estafet.records import augmentation, pictures, rows, sampling, windows
from estafet.records.manifest import Manifest
from estafet.records.pictures import decode_image
from estafet.records.sampling import By
from estafet.records.selection import check_sizes, select, split_of
from estafet.records.verify import naming_bad_records
from estafet.records.windows import window_starts
from estafet.runfile.tasks import Task
from estafet.runfile.train import Augment

if TYPE_CHECKING:
    import tensorflow as tf

    from estafet.records.stream import Order, Stream

__all__ = ["SPLITS", "dataset", "decode_image", "num_examples", "raw_examples", "series", "window_starts"]

SPLITS = ("train", "validation", "test")
MAX_CACHED_BYTES = 512 * 2**20
NUM_PARSED_AT_ONCE = 2**10
NUM_IMAGES_AT_ONCE = 2**6
NO_AUGMENT = Augment()


def dataset(
    folder: str | Path,
    split: str,
    *,
    batch_size: int | None,
    shuffle: bool = False,
    seed: int = 0,
    epoch: tf.Variable | None = None,
    share: float = 1.0,
    fold: int | None = None,
    worker: tuple[int, int] = (0, 1),
    augment: Augment = NO_AUGMENT,
    cache: bool = True,
    by: By | None = None,
    share_seed: int = 0,
) -> tf.data.Dataset:
    """Return one split as pairs of features and labels.

    Features are a dict: for tables `numeric` float32 (B, num_numeric), `categorical` string (B, num_categorical) and
    `text` string (B, num_text), each only where there are such columns; for images `image` uint8 (B, height, width,
    channels); for forecasting `values` float32 (B, lookback, channels), calendar features last. Labels: int64 (B,),
    the class's index; float32 (B,) for regression; float32 (B, horizon) for forecasting, of the first channel. The
    cardinality is always known.

    Args:
        folder: A data set's folder, as `ingest` wrote it.
        split: `train`, `validation` or `test`.
        batch_size: Examples in a batch, the last one being smaller where they do not divide; None for no batches.
        shuffle: Whether the order is another one in each epoch.
        seed: Makes shuffling and augmentation repeatable: the first epoch, the second and so on have the same order in
            every process.
        epoch: Where given, its value takes the place of counting the epochs, so that a reader that begins anew can go
            on with any of them.
        share: Share of the examples, above 0 up to 1.
        fold: For cross-validation: `validation` is this fold of the manifest, from 0, and `train` are the others.
        worker: This worker's index and the number of workers; every example is read by one of them.
        augment: How images are changed at random; for the training split only.
        cache: Whether what fits into memory is decoded only once, in the first epoch.
        by: Which examples a share is made of: newest, stratified or random. None for the newest of a series and the
            first of others, which for classification is a share of each class, but for chance.
        share_seed: Which examples a random share is made of.

    Raises:
        ConfigError: There is no such fold, examples that are no images are to be augmented, or a share of such
            examples cannot be taken as `by` says.
        DataError: The split is empty or not there, or a shard is missing or has the wrong size.
    """
    import tensorflow as tf

    from estafet.records.stream import NUM_PREFETCHED, Order, Stream

    folder, manifest = Path(folder), Manifest.load(folder)
    augmentation.check(augment, manifest.task)
    total = _num_required(folder, manifest, split, share, fold, worker, by)
    order, of_all = Order(shuffle, seed, epoch), num_examples(manifest, split, share, fold, by=by)
    if manifest.window:
        mix = order.of_examples if shuffle else None
        drawn_by = share_seed if by == "random" else None
        examples = windows.windows(folder, manifest, split, of_all, batch_size, mix, worker=worker, drawn_by=drawn_by)
    else:
        found = split_of(manifest, split, fold)
        check_sizes(folder, found)
        taken = sampling.take(folder, manifest, found, of_all, share, by, share_seed)
        stream = Stream(taken.part(*worker), manifest.compression)
        if manifest.task == Task.IMAGE_CLASSIFICATION:
            at_once = batch_size or NUM_IMAGES_AT_ONCE
            examples = _image_batches(manifest, stream, total, at_once, order, cache, augment)
        else:
            examples = _row_batches(manifest, stream, total, batch_size or NUM_PARSED_AT_ONCE, order, cache)
        examples = examples if batch_size else examples.unbatch()
    num_elements = total if batch_size is None else -(-total // batch_size)
    return examples.apply(tf.data.experimental.assert_cardinality(num_elements)).prefetch(NUM_PREFETCHED)


def num_examples(
    data: str | Path | Manifest,
    split: str,
    share: float = 1.0,
    fold: int | None = None,
    worker: tuple[int, int] = (0, 1),
    *,
    by: By | None = None,
) -> int:
    """Return how many examples `dataset` gives; for forecasting, the number of windows.

    Args:
        data: A data set's folder or its manifest.
        split: `train`, `validation` or `test`.
        share: As for `dataset`; a share of something is at least one example.
        fold: As for `dataset`.
        worker: As for `dataset`.
        by: As for `dataset`.

    Raises:
        ConfigError: There is no such fold, or a share of such examples cannot be taken as `by` says.
        DataError: There is no such split.
        ValueError: `share` is not above 0 and up to 1, or there is no such worker.
    """
    index, num_workers = worker
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and up to 1, not {share}")
    if not 0 <= index < num_workers:
        raise ValueError(f"there is no worker {index} of {num_workers}")
    manifest = data if isinstance(data, Manifest) else Manifest.load(data)
    found = split_of(manifest, split, fold)
    sampling.check(manifest, by)
    total = len(window_starts(manifest, split)) if manifest.window else found.num_examples
    wanted = int(sampling.quotas(found.class_counts, share).sum()) if by == "stratified" else round(share * total)
    total = min(total, max(1, wanted))
    if manifest.window or (by is not None and total < found.num_examples):
        return len(range(index, total, num_workers))
    return select(Path(), found, total).part(index, num_workers).num_examples


def raw_examples(folder: str | Path, split: str, limit: int | None = None) -> dict[str, np.ndarray]:
    """Return the first examples of a split as they look to a client of the model, in the order of `dataset`.

    Args:
        folder: A data set's folder.
        split: `train`, `validation` or `test`.
        limit: How many examples at most, 1 or more; None for all. (For classification any first part is stratified.)

    Returns:
        For tables one array for each column, by name: float32 with NaN, or str with "" where it is missing. For images
        `image_bytes`, objects of type bytes, PNG or JPEG files. For forecasting `values` float32
        (N, lookback, num_channels) and, with calendar features, `time` int64 (N, lookback). And `label` as in
        `dataset`: the class's index, a number, or (N, horizon).

    Raises:
        DataError: As for `dataset`, or a shard is damaged.
    """
    from estafet.records.stream import Stream

    folder, manifest = Path(folder), Manifest.load(folder)
    total = _num_required(folder, manifest, split)
    total = total if limit is None else min(total, limit)
    with naming_bad_records(folder):
        if manifest.window:
            return windows.raw_windows(folder, manifest, split, total)
        found, raw, done = split_of(manifest, split), {}, 0
        check_sizes(folder, found)
        for part in _raw_parts(manifest, Stream(select(folder, found, total), manifest.compression)):
            raw = raw or {name: np.empty(total, values.dtype) for name, values in part.items()}
            for name, values in part.items():
                raw[name][done : done + len(values)] = values
            done += len(part["label"])
    return raw


def series(folder: str | Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps of a forecasting split, context included: values float32 (T, num_channels), time int64 (T,)."""
    with naming_bad_records(folder):
        return windows.steps(folder, Manifest.load(folder), split)


def _row_batches(
    manifest: Manifest, stream: Stream, num_rows: int, batch_size: int, order: Order, cache: bool
) -> tf.data.Dataset:
    from estafet.records.stream import NUM_CALLS

    parse, at_once = rows.parser(manifest), max(batch_size, NUM_PARSED_AT_ONCE)
    if cache and num_rows * rows.row_bytes(manifest) <= MAX_CACHED_BYTES:
        batches = stream.in_order().batch(at_once).map(parse, num_parallel_calls=NUM_CALLS)
        return order.from_memory(batches, num_rows, batch_size)
    return order.of(stream).batch(batch_size).map(parse, num_parallel_calls=NUM_CALLS)


def _image_batches(
    manifest: Manifest,
    stream: Stream,
    num_images: int,
    batch_size: int,
    order: Order,
    cache: bool,
    augment: Augment,
) -> tf.data.Dataset:
    import tensorflow as tf

    from estafet.records.stream import NUM_CALLS

    shape = manifest.image_shape

    def decode(record: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        content, label = pictures.parse(record)
        return {"image": pictures.decode_image(content, shape)}, label

    def decode_part(record: tf.Tensor, seeds: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        content, label = pictures.parse(record)
        return {"image": pictures.decode_random_crop(content, shape, augment.crop, seeds)}, label

    if augment.crop:
        records = tf.data.Dataset.zip(order.of(stream), order.seeds())
        batches = records.map(decode_part, num_parallel_calls=NUM_CALLS).batch(batch_size)
    elif cache and num_images * pictures.image_bytes(manifest) <= MAX_CACHED_BYTES:
        decoded = stream.in_order().map(decode, num_parallel_calls=NUM_CALLS)
        if order.shuffle:
            batches = order.of_examples(decoded.cache(), num_images).batch(batch_size)
        else:
            batches = decoded.batch(batch_size).cache()
    else:
        batches = order.of(stream).map(decode, num_parallel_calls=NUM_CALLS).batch(batch_size)
    return augmentation.apply(batches, augment, order)


def _num_required(
    folder: Path,
    manifest: Manifest,
    split: str,
    share: float = 1.0,
    fold: int | None = None,
    worker: tuple[int, int] = (0, 1),
    by: By | None = None,
) -> int:
    total = num_examples(manifest, split, share, fold, worker, by=by)
    if total == 0 and (of_all := num_examples(manifest, split, share, fold, by=by)):
        raise DataError(
            f"of {of_all:,} examples of the {split} split of '{folder}', none is left for worker {worker[0]} of "
            f"{worker[1]}.",
            hint="take fewer workers.",
        )
    if total == 0:
        raise DataError(
            f"the {split} split of '{folder}' holds no example.",
            hint=f"give data.split.{split} a larger share, or bring more data.",
        )
    return total


def _raw_parts(manifest: Manifest, stream: Stream) -> Iterator[dict[str, np.ndarray]]:
    """Return the examples of a stream as a client sees them, some at a time."""
    is_of_images = manifest.task == Task.IMAGE_CLASSIFICATION
    parse = pictures.parse_many if is_of_images else rows.parser(manifest)
    at_once = NUM_IMAGES_AT_ONCE if is_of_images else NUM_PARSED_AT_ONCE
    for features, labels in stream.in_order().batch(at_once).map(parse).as_numpy_iterator():
        columns = {"image_bytes": features} if is_of_images else rows.columns(manifest, features)
        yield {**columns, "label": labels}
