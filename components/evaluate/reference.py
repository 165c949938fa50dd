"""The reference for drift detection: held-out examples as a client sends them, with what the model says to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from estafet import request_log, words
from estafet.files import replacing
from estafet.images import DESCRIPTORS, describe_image
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task

MAX_ROWS = 20_000
ENOUGH_TEST_ROWS = 5_000
LABEL = "label"


def splits_to_use(num_test: int, num_validation: int) -> tuple[str, ...]:
    """Return the held-out splits that the reference takes, oldest first: the test split, and more where it is small."""
    return ("validation", "test") if num_test < ENOUGH_TEST_ROWS and num_validation else ("test",)


def save(path: str | Path, manifest: Manifest, parts: Sequence[tuple[Mapping[str, np.ndarray], np.ndarray]]) -> int:
    """Write the reference, in the columns of the request log and with the label; return its number of rows.

    Args:
        path: The Parquet file.
        manifest: The data set's manifest.
        parts: Raw examples and predictions (in the shape of `Outcome.predictions`) of each split.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw = {name: np.concatenate([examples[name] for examples, _ in parts]) for name in parts[0][0]}
    predictions = np.concatenate([predicted for _, predicted in parts])
    chosen = evenly_spaced(len(predictions), MAX_ROWS)
    columns = _features(manifest, {name: values[chosen] for name, values in raw.items() if name != LABEL})
    columns |= _predicted(manifest, predictions[chosen])
    columns.setdefault(LABEL, _as_words(manifest, raw[LABEL][chosen]))
    with replacing(path, "wb") as file:
        pq.write_table(pa.table({name: _array(values) for name, values in columns.items()}), file)
    return len(chosen)


def evenly_spaced(num_rows: int, most: int) -> np.ndarray:
    """Return the indices of at most `most` rows, spread evenly and in order."""
    return np.unique(np.linspace(0, num_rows - 1, min(num_rows, most)).round().astype(np.int64))


def _features(manifest: Manifest, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if manifest.task == Task.IMAGE_CLASSIFICATION:
        described = [describe_image(data) for data in raw["image_bytes"]]
        return {name: np.array([each[name] for each in described]) for name in DESCRIPTORS}
    texts = {feature.name: feature.vocabulary for feature in manifest.data_schema.text}
    return {
        request_log.input_column(name): values.reshape(len(values), -1) if values.ndim > 2 else values
        for name, values in raw.items()
        if name not in texts
    } | {
        descriptor: values
        for name, vocabulary in texts.items()
        for descriptor, values in _described(name, raw[name], vocabulary)
    }


def _described(name: str, texts_N: np.ndarray, vocabulary: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    import pyarrow as pa

    return zip(words.descriptors(name), words.describe(pa.array(texts_N, pa.string()), vocabulary), strict=True)


def _predicted(manifest: Manifest, predictions: np.ndarray) -> dict[str, np.ndarray]:
    if not manifest.task.is_classification:
        return {request_log.PREDICTION: predictions.astype(np.float64)}
    classes = np.array(manifest.data_schema.label.classes, dtype=object)
    return {
        request_log.PREDICTION: classes[predictions.argmax(axis=1)],
        request_log.CONFIDENCE: predictions.max(axis=1).astype(np.float64),
    }


def _as_words(manifest: Manifest, labels: np.ndarray) -> np.ndarray:
    classes = manifest.data_schema.label.classes
    return labels if classes is None else np.array(classes, dtype=object)[labels]


def _array(values: np.ndarray) -> object:
    return list(values) if values.ndim > 1 else values
