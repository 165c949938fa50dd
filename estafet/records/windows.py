"""The windows of a forecasting data set: cut from the steps of each series while reading, so steps are stored once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.records import calendar, sampling
from estafet.records.manifest import Manifest, Segment, Split, WindowSpec
from estafet.records.selection import check_sizes, split_of

if TYPE_CHECKING:
    import tensorflow as tf

NUM_PARSED_AT_ONCE = 2**12


def window_starts(manifest: Manifest, split: str) -> np.ndarray:
    """Return the first step of each window among the split's records, int64 (num_windows,), series after series.

    A window is `lookback` steps to look back on and then `horizon` steps to forecast, all of one series; those to
    forecast begin after the series' context steps.
    """
    return np.concatenate([np.zeros(0, np.int64), *_starts_by_series(split_of(manifest, split), _spec(manifest))])


def newest(manifest: Manifest, split: str, total: int) -> np.ndarray:
    """Return the starts of the newest windows, as many of each series as is its share of them, int64 (total,).

    Args:
        manifest: The data set's manifest.
        split: One of its splits.
        total: How many, at most all.
    """
    parts = _starts_by_series(split_of(manifest, split), _spec(manifest))
    ends = np.cumsum([0, *map(len, parts)])
    kept = np.diff(ends * total // max(1, ends[-1]))
    return np.concatenate(
        [np.zeros(0, np.int64), *(part[len(part) - num :] for part, num in zip(parts, kept, strict=True))]
    )


def windows(
    folder: str | Path,
    manifest: Manifest,
    split: str,
    total: int,
    batch_size: int | None,
    shuffle: Callable[[tf.data.Dataset, int], tf.data.Dataset] | None,
    *,
    worker: tuple[int, int] = (0, 1),
    drawn_by: int | None = None,
) -> tf.data.Dataset:
    """Return windows as pairs of features and labels.

    Features: `values` float32 (B, lookback, channels): the stored channels, and behind them the sine and cosine of the
    schema's calendar features, which are computed from the steps' times. Labels: float32 (B, horizon), the first
    channel. The steps, not the windows, are held in memory: 4 bytes for each step and channel.

    Args:
        folder: The data set's folder.
        manifest: Its manifest.
        split: One of its splits.
        total: Number of windows; where it is not all, the newest of each series, …
        batch_size: Windows in a batch; None for no batches.
        shuffle: Shuffles a data set with a buffer of a number of examples; None to keep the order.
        worker: The worker's index and the number of workers; each gets every so many-th window.
        drawn_by: … or, where it is given, those that this seed draws.
    """
    import tensorflow as tf

    steps_TC, times_T = steps(folder, manifest, split)
    if names := manifest.data_schema.calendar:
        steps_TC = np.concatenate([steps_TC, calendar.features(times_T, names)], axis=1)
    starts, spec, steps_TC = newest(manifest, split, total), _spec(manifest), tf.constant(steps_TC)
    if drawn_by is not None:
        of_all = window_starts(manifest, split)
        starts = of_all[sampling.drawn(len(of_all), total, drawn_by)]

    def cut(start: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        past = start[..., None] + tf.range(spec.lookback, dtype=tf.int64)
        future = start[..., None] + tf.range(spec.lookback, spec.lookback + spec.horizon, dtype=tf.int64)
        return {"values": tf.gather(steps_TC, past)}, tf.gather(steps_TC[:, 0], future)

    index, num_workers = worker
    starts = starts[index::num_workers]
    examples = tf.data.Dataset.from_tensor_slices(starts)
    if shuffle:
        examples = shuffle(examples, len(starts))
    examples = examples.batch(batch_size) if batch_size else examples
    return examples.map(cut, num_parallel_calls=tf.data.AUTOTUNE)


def raw_windows(folder: str | Path, manifest: Manifest, split: str, total: int) -> dict[str, np.ndarray]:
    """Return the first windows of a split as they look to a client of the model.

    Returns:
        `values` float32 (N, lookback, stored channels), `label` float32 (N, horizon) and, where the schema has calendar
        features, `time` int64 (N, lookback), seconds since 1970.
    """
    steps_TC, times_T = steps(folder, manifest, split)
    starts, spec = window_starts(manifest, split)[:total], _spec(manifest)
    past = starts[:, None] + np.arange(spec.lookback)
    future = starts[:, None] + np.arange(spec.lookback, spec.lookback + spec.horizon)
    times = {"time": times_T[past]} if manifest.data_schema.calendar else {}
    return {"values": steps_TC[past], **times, "label": steps_TC[:, 0][future]}


def steps(folder: str | Path, manifest: Manifest, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps of a split, context included: values float32 (T, stored channels), times int64 (T,).

    Raises:
        DataError: A shard is missing or has the wrong size.
    """
    import tensorflow as tf

    num_channels = len(manifest.data_schema.numeric)
    layout = {
        "values": tf.io.FixedLenFeature((num_channels,), tf.float32),
        "time": tf.io.FixedLenFeature((), tf.int64),
    }
    found = split_of(manifest, split)
    check_sizes(Path(folder), found)
    files = [str(Path(folder) / shard.file) for shard in found.shards]
    compression = "GZIP" if manifest.compression == "gzip" else ""
    records = tf.data.TFRecordDataset(files, compression).batch(NUM_PARSED_AT_ONCE)
    parsed = records.map(lambda batch: tf.io.parse_example(batch, layout)).as_numpy_iterator()
    parts = [(part["values"], part["time"]) for part in parsed]
    values = np.concatenate([np.zeros((0, num_channels), np.float32), *(values for values, _ in parts)])
    return values, np.concatenate([np.zeros(0, np.int64), *(times for _, times in parts)])


def _starts_by_series(found: Split, spec: WindowSpec) -> list[np.ndarray]:
    firsts = np.cumsum([0, *(segment.num_steps for segment in found.segments)])[:-1]
    return [first + starts_of(segment, spec) for first, segment in zip(firsts, found.segments, strict=True)]


def starts_of(segment: Segment, spec: WindowSpec) -> np.ndarray:
    """Return the first step of each window among the steps of one series, int64."""
    first = max(0, segment.num_context_steps - spec.lookback)
    end = segment.num_steps - spec.lookback - spec.horizon + 1
    return np.arange(first, max(first, end), spec.stride, dtype=np.int64)


def _spec(manifest: Manifest) -> WindowSpec:
    if manifest.window is None:
        raise ValueError(f"a data set for {manifest.task} has no windows")
    return manifest.window
