"""Small data sets for tests of training, written with TensorFlow's own encoder, without the `ingest` step."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from estafet.records.manifest import Manifest, Segment, Shard, Split, WindowSpec
from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema, TextFeature

Arrays = Mapping[str, np.ndarray]


def write_table(folder: Path, task: Task, splits: Mapping[str, Arrays]) -> Manifest:
    """Write a data set of a table.

    Args:
        folder: Where it goes.
        task: Tabular classification or regression.
        splits: For each split `label` (N,) and one or more of `numeric` (N, F), `categorical` (N, G) and `text` (N, T).
    """
    train = splits["train"]
    classes = None
    if task.is_classification:
        classes = tuple(str(index) for index in range(int(train["label"].max()) + 1))
    scale = {} if classes else {"mean": float(train["label"].mean()), "std": float(train["label"].std())}
    schema = Schema(
        numeric=_numeric(train.get("numeric")),
        categorical=_categorical(train.get("categorical")),
        text=_text(train.get("text")),
        label=Label(name="label", classes=classes, **scale),
    )
    return _write(folder, task, splits, data_schema=schema)


def write_images(folder: Path, splits: Mapping[str, Arrays]) -> Manifest:
    """Write a data set of images: for each split `label` (N,) and `image`, uint8 (N, H, W, C)."""
    train = splits["train"]
    classes = tuple(str(index) for index in range(int(train["label"].max()) + 1))
    encoded = {}
    for name, arrays in splits.items():
        files = [tf.io.encode_png(image).numpy() for image in arrays["image"]]
        encoded[name] = {"image": np.array(files, dtype=object), "label": arrays["label"]}
    schema = Schema(label=Label(name="label", classes=classes))
    shape = tuple(train["image"].shape[1:])
    return _write(folder, Task.IMAGE_CLASSIFICATION, encoded, data_schema=schema, image_shape=shape)


def write_series(
    folder: Path, values: np.ndarray, window: WindowSpec, shares: Sequence[float] = (0.8, 0.1)
) -> Manifest:
    """Write a data set of one series, float (T,); `shares` are those of the training and validation steps."""
    ends = [int(share * len(values)) for share in (shares[0], sum(shares), 1)]
    bounds = dict(zip(("train", "validation", "test"), zip([0, *ends[:2]], ends, strict=True), strict=True))
    splits, context = {}, {}
    for name, (begin, end) in bounds.items():
        context[name] = min(begin, window.lookback)
        part = values[begin - context[name] : end].astype(np.float32)
        splits[name] = {"values": part[:, None], "time": np.arange(len(part))}
    train = splits["train"]["values"]
    schema = Schema(numeric=_numeric(train), label=Label(name="x0", mean=float(train.mean()), std=float(train.std())))
    return _write(folder, Task.FORECASTING, splits, context, data_schema=schema, window=window)


def _numeric(values_NF: np.ndarray | None) -> tuple[NumericFeature, ...]:
    columns = [] if values_NF is None else list(values_NF.T)
    return tuple(
        NumericFeature(
            name=f"x{index}",
            mean=float(np.nanmean(column)),
            std=float(np.nanstd(column)),
            min=float(np.nanmin(column)),
            max=float(np.nanmax(column)),
            missing_share=float(np.isnan(column).mean()),
        )
        for index, column in enumerate(columns)
    )


def _categorical(words_NG: np.ndarray | None) -> tuple[CategoricalFeature, ...]:
    columns = [] if words_NG is None else list(words_NG.T)
    return tuple(
        CategoricalFeature(
            name=f"c{index}",
            categories=tuple(word for word, _ in Counter(column.tolist()).most_common() if word),
            missing_share=float((column == "").mean()),
        )
        for index, column in enumerate(columns)
    )


def _text(texts_NT: np.ndarray | None) -> tuple[TextFeature, ...]:
    """Describe texts whose words are parted by spaces, lower-case, without the limits that `ingest` sets."""
    columns = [] if texts_NT is None else list(texts_NT.T)
    features = []
    for index, column in enumerate(columns):
        words = [text.split() for text in column if text]
        counts = Counter(word for of_text in words for word in of_text)
        lengths = [len(of_text) for of_text in words]
        feature = TextFeature(
            name=f"t{index}",
            vocabulary=tuple(word for word, _ in counts.most_common()),
            known_share=1.0,
            mean_words=float(np.mean(lengths)),
            words_95=int(np.quantile(lengths, 0.95, method="inverted_cdf")),
            mean_bytes=float(np.mean([len(text.encode()) for text in column])),
            missing_share=float((column == "").mean()),
        )
        features.append(feature)
    return tuple(features)


def _write(folder: Path, task: Task, splits: Mapping[str, Arrays], context: Mapping[str, int] | None = None, **parts):
    folder.mkdir(parents=True, exist_ok=True)
    written, digest = {}, hashlib.sha256()
    for name, arrays in splits.items():
        records = [_example(arrays, index) for index in range(len(next(iter(arrays.values()))))]
        path = folder / f"{name}-00000.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
        digest.update(path.read_bytes())
        shard = Shard(file=path.name, num_examples=len(records), num_bytes=path.stat().st_size, crc32c=0)
        written[name] = Split(
            shards=(shard,) if records else (),
            num_examples=len(records),
            segments=_segments(len(records), context, name),
            class_counts=_counts(arrays, parts["data_schema"]),
        )
    manifest = Manifest(task=task, version=digest.hexdigest(), splits=written, **parts)
    manifest.save(folder)
    return manifest


def _segments(num_steps: int, context: Mapping[str, int] | None, split: str) -> tuple[Segment, ...]:
    return () if context is None else (Segment(num_steps=num_steps, num_context_steps=context[split]),)


def _counts(arrays: Arrays, schema: Schema) -> tuple[int, ...] | None:
    if not schema.label.classes:
        return None
    return tuple(np.bincount(arrays["label"], minlength=len(schema.label.classes)).tolist())


def _example(arrays: Arrays, index: int) -> bytes:
    return tf.train.Example(
        features=tf.train.Features(feature={name: _feature(values[index]) for name, values in arrays.items()})
    ).SerializeToString()


def _feature(value) -> tf.train.Feature:
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    flat = np.atleast_1d(value)
    if flat.dtype.kind in "OU":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[str(word).encode() for word in flat]))
    if flat.dtype.kind in "iu":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=flat.tolist()))
    return tf.train.Feature(float_list=tf.train.FloatList(value=flat.tolist()))
