"""The rows of a table: records parsed many at a time into the vectors that a model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from estafet.records.manifest import Manifest
from estafet.schema import Schema

if TYPE_CHECKING:
    import tensorflow as tf

Parse = Callable[["tf.Tensor"], tuple[dict[str, "tf.Tensor"], "tf.Tensor"]]
WORD_BYTES = 64
"""What a word takes in memory, about."""
STRING_BYTES = 40
"""What a longer string takes beside its characters, about."""


def parser(manifest: Manifest) -> Parse:
    """Return a function from serialised examples, string (B,), to features and labels.

    Features: `numeric` float32 (B, num_numeric), in the order of the schema, whole numbers being cast; `categorical`
    string (B, num_categorical); `text` string (B, num_text); each only where there are such columns. It is a fraction
    of the work where a record holds vectors, because TensorFlow looks up each key in each record.
    """
    return _of_columns(manifest) if manifest.layout == "columns" else _of_vectors(manifest)


def columns(manifest: Manifest, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return parsed rows as a client of the model has them: one array for each column, float32 or str objects."""
    schema = manifest.data_schema
    raw = {feature.name: features["numeric"][:, i] for i, feature in enumerate(schema.numeric)}
    for key, of_kind in (("categorical", schema.categorical), ("text", schema.text)):
        for i, feature in enumerate(of_kind):
            raw[feature.name] = np.array([word.decode() for word in features[key][:, i]], dtype=object)
    return raw


def row_bytes(manifest: Manifest) -> int:
    """Return what a parsed row takes in memory, about."""
    schema = manifest.data_schema
    return 4 * len(schema.numeric) + WORD_BYTES * len(schema.categorical) + text_bytes(schema) + 8


def text_bytes(schema: Schema) -> int:
    """Return what the texts of a row take in memory, about, by their mean length in training."""
    return sum(STRING_BYTES + round(feature.mean_bytes) for feature in schema.text)


def _of_vectors(manifest: Manifest) -> Parse:
    import tensorflow as tf

    feature, schema = tf.io.FixedLenFeature, manifest.data_schema
    num_floats = sum(column.storage == "float" for column in schema.numeric)
    widths = {
        "numeric": (num_floats, tf.float32),
        "integers": (len(schema.numeric) - num_floats, tf.int64),
        "categorical": (len(schema.categorical), tf.string),
        "text": (len(schema.text), tf.string),
    }
    layout = {name: feature((width,), dtype) for name, (width, dtype) in widths.items() if width}
    layout["label"] = _label(manifest)

    def parse(records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        features = tf.io.parse_example(records, layout)
        if "integers" in features:
            numbers = [features[name] for name in ("numeric", "integers") if name in features]
            del features["integers"]
            features["numeric"] = tf.concat([tf.cast(values, tf.float32) for values in numbers], axis=1)
        return features, features.pop("label")

    return parse


def _of_columns(manifest: Manifest) -> Parse:
    import tensorflow as tf

    feature, schema = tf.io.FixedLenFeature, manifest.data_schema
    layout = {"label": _label(manifest)}
    for column in schema.numeric:
        is_float = column.storage == "float"
        layout[column.name] = feature((), tf.float32, float("nan")) if is_float else feature((), tf.int64)
    for column in (*schema.categorical, *schema.text):
        layout[column.name] = feature((), tf.string, "")

    def parse(records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        parsed, features = tf.io.parse_example(records, layout), {}
        if schema.numeric:
            numbers = [tf.cast(parsed[column.name], tf.float32) for column in schema.numeric]
            features["numeric"] = tf.stack(numbers, axis=1)
        for key, of_kind in (("categorical", schema.categorical), ("text", schema.text)):
            if of_kind:
                features[key] = tf.stack([parsed[column.name] for column in of_kind], axis=1)
        return features, parsed["label"]

    return parse


def _label(manifest: Manifest) -> tf.io.FixedLenFeature:
    import tensorflow as tf

    return tf.io.FixedLenFeature((), tf.int64 if manifest.task.is_classification else tf.float32)
