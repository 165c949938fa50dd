"""Reading an ingested data set: the one way in for tune, train, evaluate and export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.errors import DataError
from estafet.records.manifest import Manifest, Split
from estafet.runfile.tasks import Task

if TYPE_CHECKING:
    import tensorflow as tf

SPLITS = ("train", "validation", "test")
MAX_CACHED_IMAGE_BYTES = 512 * 2**20
NUM_RECORDS_SHUFFLED = 2**16
NUM_ENCODED_IMAGES_SHUFFLED = 2**12
NUM_PARSED_AT_ONCE = 2**10


def dataset(
    folder: str | Path,
    split: str,
    *,
    batch_size: int | None,
    shuffle: bool = False,
    seed: int = 0,
    share: float = 1.0,
) -> tf.data.Dataset:
    """Return one split as pairs of features and labels.

    Features are a dict: for tables `numeric` float32 (B, num_numeric) and `categorical` string (B, num_categorical),
    each only where there are such columns; for images `image` uint8 (B, height, width, channels); for forecasting
    `values` float32 (B, lookback, num_channels). Labels: int64 (B,), the class's index; float32 (B,) for regression;
    float32 (B, horizon) for forecasting, of the first channel. The cardinality is always known.

    Args:
        folder: A data set's folder, as `ingest` wrote it.
        split: `train`, `validation` or `test`.
        batch_size: Examples in a batch, the last one being smaller where they do not divide; None for no batches.
        shuffle: Whether the order is another one in each epoch.
        seed: Makes the shuffling repeatable.
        share: Share of the examples, above 0 up to 1: stratified for classification, the newest for forecasting.

    Raises:
        DataError: The split is empty or not there, or a shard is missing or has the wrong size.
    """
    folder, manifest = Path(folder), Manifest.load(folder)
    total = _num_required(folder, manifest, split, share)
    build = {Task.FORECASTING: _windows, Task.IMAGE_CLASSIFICATION: _images}.get(manifest.task, _rows)
    examples = build(folder, manifest, split, total, batch_size, _Shuffle(seed) if shuffle else None)
    num_elements = total if batch_size is None else -(-total // batch_size)
    return examples.apply(_cardinality(num_elements)).prefetch(_autotune())


def num_examples(data: str | Path | Manifest, split: str, share: float = 1.0) -> int:
    """Return how many examples `dataset` gives; for forecasting, the number of windows.

    Args:
        data: A data set's folder or its manifest.
        split: `train`, `validation` or `test`.
        share: As for `dataset`; a share of something is at least one example.

    Raises:
        DataError: There is no such split.
        ValueError: `share` is not above 0 and up to 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and up to 1, not {share}")
    manifest = data if isinstance(data, Manifest) else Manifest.load(data)
    found = _split_of(manifest, split)
    total = len(window_starts(manifest, split)) if manifest.window else found.num_examples
    return min(total, max(1, round(share * total)))


def window_starts(manifest: Manifest, split: str) -> np.ndarray:
    """Return the first step of each forecasting window among the split's records, int64 (num_windows,), in order.

    A window is `lookback` steps to look back on and then `horizon` steps to forecast; those to forecast begin after the
    split's context steps.
    """
    found, window = _split_of(manifest, split), manifest.window
    if window is None:
        raise ValueError(f"a data set for {manifest.task} has no windows")
    first = max(0, found.num_context_steps - window.lookback)
    end = found.num_examples - window.lookback - window.horizon + 1
    return np.arange(first, max(first, end), window.stride, dtype=np.int64)


def raw_examples(folder: str | Path, split: str, limit: int | None = None) -> dict[str, np.ndarray]:
    """Return the first examples of a split as they look to a client of the model, in the order of `dataset`.

    Args:
        folder: A data set's folder.
        split: `train`, `validation` or `test`.
        limit: How many examples at most, 1 or more; None for all. (For classification any first part is stratified.)

    Returns:
        For tables one array for each column, by name: float32 with NaN, or str with "" where it is missing. For images
        `image_bytes`, objects of type bytes, PNG or JPEG files. For forecasting `values` float32
        (N, lookback, num_channels). And `label` as in `dataset`: the class's index, a number, or (N, horizon).

    Raises:
        DataError: As for `dataset`.
    """
    folder, manifest = Path(folder), Manifest.load(folder)
    total = _num_required(folder, manifest, split)
    total = total if limit is None else min(total, limit)
    if manifest.window:
        return _raw_windows(folder, manifest, split, total)
    parts = list(_parsed(folder, manifest, split, total))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if manifest.task == Task.IMAGE_CLASSIFICATION:
        return {"image_bytes": columns["image"], "label": columns["label"]}
    schema = manifest.data_schema
    raw = {feature.name: columns["numeric"][:, i] for i, feature in enumerate(schema.numeric)}
    for i, feature in enumerate(schema.categorical):
        raw[feature.name] = np.array([value.decode() for value in columns["categorical"][:, i]], dtype=object)
    return {**raw, "label": columns["label"]}


def series(folder: str | Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps of a forecasting split, context included: values float32 (T, num_channels), time int64 (T,)."""
    folder, manifest = Path(folder), Manifest.load(folder)
    parts = list(_parsed(folder, manifest, split, _split_of(manifest, split).num_examples))
    return tuple(np.concatenate([part[name] for part in parts]) for name in ("values", "time"))


def decode_image(content: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Decode one PNG or JPEG file and resize it, in graph; training and serving both read images with this.

    Args:
        content: A scalar string, the file's bytes.
        image_shape: Height, width and channels to give; a colour image becomes grey where there is one channel.

    Returns:
        Pixels, uint8 of `image_shape`; bilinear, antialiased, where the file's size differs.
    """
    import tensorflow as tf

    height, width, channels = image_shape
    image_HWC = tf.io.decode_image(content, channels=channels, expand_animations=False)
    image_HWC.set_shape((None, None, channels))

    def resized() -> tf.Tensor:
        smooth_HWC = tf.image.resize(image_HWC, (height, width), antialias=True)
        return tf.cast(tf.clip_by_value(tf.round(smooth_HWC), 0, 255), tf.uint8)

    fits = tf.reduce_all(tf.shape(image_HWC)[:2] == (height, width))
    return tf.ensure_shape(tf.cond(fits, lambda: image_HWC, resized), image_shape)


class _Shuffle:
    """Shuffling with a seed, another order in each epoch."""

    def __init__(self, seed: int):
        self.seed = seed

    def __call__(self, examples: tf.data.Dataset, buffer: int) -> tf.data.Dataset:
        return examples.shuffle(buffer, seed=self.seed, reshuffle_each_iteration=True)


def _split_of(manifest: Manifest, split: str) -> Split:
    if split not in manifest.splits:
        raise DataError(f"the data set has no split '{split}'; it has {', '.join(manifest.splits)}.")
    return manifest.splits[split]


def _num_required(folder: Path, manifest: Manifest, split: str, share: float = 1.0) -> int:
    total = num_examples(manifest, split, share)
    if total == 0:
        raise DataError(
            f"the {split} split of '{folder}' holds no example.",
            hint=f"give data.split.{split} a larger share, or bring more data.",
        )
    return total


def _autotune() -> int:
    import tensorflow as tf

    return tf.data.AUTOTUNE


def _cardinality(num_elements: int):
    import tensorflow as tf

    return tf.data.experimental.assert_cardinality(num_elements)


def _records(folder: Path, manifest: Manifest, split: str, total: int) -> tf.data.Dataset:
    import tensorflow as tf

    for shard in _split_of(manifest, split).shards:
        path = folder / shard.file
        found = path.stat().st_size if path.is_file() else None
        if found != shard.num_bytes:
            what = "is missing" if found is None else f"has {found:,} bytes in place of {shard.num_bytes:,}"
            raise DataError(f"the shard '{path}' {what}.", hint="delete the data set's folder and ingest again.")
    files = [str(folder / shard.file) for shard in _split_of(manifest, split).shards]
    return tf.data.TFRecordDataset(files).take(total)


def _layout(manifest: Manifest) -> dict[str, tf.io.FixedLenFeature]:
    import tensorflow as tf

    feature, schema = tf.io.FixedLenFeature, manifest.data_schema
    if manifest.task == Task.FORECASTING:
        return {"values": feature((len(schema.numeric),), tf.float32), "time": feature((), tf.int64)}
    label = feature((), tf.int64 if manifest.task.is_classification else tf.float32)
    if manifest.task == Task.IMAGE_CLASSIFICATION:
        return {"image": feature((), tf.string), "label": label}
    layout = {"label": label}
    if schema.numeric:
        layout["numeric"] = feature((len(schema.numeric),), tf.float32)
    if schema.categorical:
        layout["categorical"] = feature((len(schema.categorical),), tf.string)
    return layout


def _parsed(folder: Path, manifest: Manifest, split: str, total: int) -> Iterator[dict[str, np.ndarray]]:
    import tensorflow as tf

    layout = _layout(manifest)
    records = _records(folder, manifest, split, total).batch(NUM_PARSED_AT_ONCE)
    yield from records.map(lambda batch: tf.io.parse_example(batch, layout)).as_numpy_iterator()


def _rows(
    folder: Path, manifest: Manifest, split: str, total: int, batch_size: int | None, shuffle: _Shuffle | None
) -> tf.data.Dataset:
    import tensorflow as tf

    layout = _layout(manifest)

    def parse(records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        features = tf.io.parse_example(records, layout)
        return features, features.pop("label")

    examples = _records(folder, manifest, split, total)
    if shuffle:
        examples = shuffle(examples, min(total, NUM_RECORDS_SHUFFLED))
    examples = examples.batch(batch_size or NUM_PARSED_AT_ONCE).map(parse, num_parallel_calls=_autotune())
    return examples if batch_size else examples.unbatch()


def _images(
    folder: Path, manifest: Manifest, split: str, total: int, batch_size: int | None, shuffle: _Shuffle | None
) -> tf.data.Dataset:
    import tensorflow as tf

    layout, image_shape = _layout(manifest), manifest.image_shape

    def decode(record: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        example = tf.io.parse_single_example(record, layout)
        return {"image": decode_image(example["image"], image_shape)}, example["label"]

    examples = _records(folder, manifest, split, total)
    cached = total * int(np.prod(image_shape)) <= MAX_CACHED_IMAGE_BYTES
    if shuffle and not cached:
        examples = shuffle(examples, min(total, NUM_ENCODED_IMAGES_SHUFFLED))
    examples = examples.map(decode, num_parallel_calls=_autotune())
    if cached:
        examples = examples.cache()
        examples = shuffle(examples, total) if shuffle else examples
    return examples.batch(batch_size) if batch_size else examples


def _windows(
    folder: Path, manifest: Manifest, split: str, total: int, batch_size: int | None, shuffle: _Shuffle | None
) -> tf.data.Dataset:
    import tensorflow as tf

    window, (steps_TC, _) = manifest.window, series(folder, split)
    steps_TC, starts = tf.constant(steps_TC), window_starts(manifest, split)[-total:]

    def cut(start: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        past = start[..., None] + tf.range(window.lookback, dtype=tf.int64)
        future = start[..., None] + tf.range(window.lookback, window.lookback + window.horizon, dtype=tf.int64)
        return {"values": tf.gather(steps_TC, past)}, tf.gather(steps_TC[:, 0], future)

    examples = tf.data.Dataset.from_tensor_slices(starts)
    if shuffle:
        examples = shuffle(examples, total)
    examples = examples.batch(batch_size) if batch_size else examples
    return examples.map(cut, num_parallel_calls=_autotune())


def _raw_windows(folder: Path, manifest: Manifest, split: str, total: int) -> dict[str, np.ndarray]:
    steps_TC, _ = series(folder, split)
    starts, window = window_starts(manifest, split)[:total], manifest.window
    past = starts[:, None] + np.arange(window.lookback)
    future = starts[:, None] + np.arange(window.lookback, window.lookback + window.horizon)
    return {"values": steps_TC[past], "label": steps_TC[:, 0][future]}
