"""The columns that are watched: raw features, an image's descriptors, a series' changes, and the model's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from estafet import words
from estafet.errors import DataError
from estafet.images import DESCRIPTORS, describe_image
from estafet.release import IMAGE_INPUT, SERIES_INPUT, Contract
from estafet.request_log import CONFIDENCE, PREDICTION, input_column
from estafet.runfile.tasks import Task

if TYPE_CHECKING:
    import pyarrow as pa

MAX_DESCRIBED = 5_000
"""Number of images in a window that are decoded, at most, spread evenly over it."""
CONFIDENCE_DECIMALS = 4
"""Evaluation and serving round differently in the last bits, and confidences crowd just below 1."""


def reference_columns(reference: pa.Table, contract: Contract) -> dict[str, np.ndarray]:
    """Return the watched columns of a reference, by name.

    Numbers are float64 (N,) with NaN for missing; words are objects (N,) with None for missing.
    """
    if contract.task is Task.FORECASTING:
        return series_columns(reference, contract)
    return _features(reference, contract) | _answers(reference)


def request_columns(
    requests: pa.Table, contract: Contract, max_described: int = MAX_DESCRIBED
) -> dict[str, np.ndarray]:
    """Return the watched columns of logged requests, by the names that the reference gives them.

    Args:
        requests: Rows of the request log.
        contract: What the model takes.
        max_described: Number of images that are decoded, at most, spread evenly over the rows.
    """
    if contract.task is Task.FORECASTING:
        return series_columns(requests, contract)
    if contract.task is Task.IMAGE_CLASSIFICATION:
        return _image_columns(requests, max_described) | _answers(requests)
    return _features(requests, contract) | _text_columns(requests, contract) | _answers(requests)


def features(contract: Contract) -> tuple[str, ...]:
    """Return the names of the watched inputs of tables and images; of texts their descriptors are."""
    if contract.task is Task.IMAGE_CLASSIFICATION:
        return DESCRIPTORS
    schema = contract.data_schema
    texts = (name for part in schema.text for name in words.descriptors(part.name))
    return (*(part.name for part in (*schema.numeric, *schema.categorical)), *texts)


def series_columns(table: pa.Table, contract: Contract) -> dict[str, np.ndarray]:
    """Return the last change of each series in a window, and the forecast's first change, in the series' unit.

    A trend or a season moves a series' level without any drift, so levels are not compared: the change is that of one
    step and, where the window is long enough, less the same step's change one season ago. A constant offset is
    therefore not seen; a changed unit, noise or a frozen sensor is.
    """
    if SERIES_INPUT not in table.column_names:
        return {}
    num_channels = len(contract.data_schema.numeric)
    flat = [np.asarray([] if row is None else row, np.float64).ravel() for row in table[SERIES_INPUT].to_pylist()]
    length = max((len(row) for row in flat), default=0)
    values_NTC = np.full((len(flat), length), np.nan)
    for row, value in enumerate(flat):
        values_NTC[row, : len(value)] = value
    values_NTC = values_NTC.reshape(len(flat), -1, num_channels)
    if values_NTC.shape[1] < 2:
        return {}
    change_NC = _change(values_NTC, contract.window.season)
    columns = {f"change_{channel}": change_NC[:, channel] for channel in range(num_channels)}
    if PREDICTION in table.column_names:
        first_N = np.array([_first(value) for value in table[PREDICTION].to_pylist()], np.float64)
        columns["forecast_change"] = first_N - values_NTC[:, -1, 0]
    return columns


def as_array(column: pa.ChunkedArray) -> np.ndarray:
    """Return an Arrow column as numbers with NaN, or as words with None."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_boolean(kind):
        return np.array([np.nan if v is None else float(v) for v in column.to_pylist()], np.float64)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
    if len(column) == 0:
        return np.empty(0, object)
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")  # a word that comes often is kept once
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    words = np.empty(len(encoded.dictionary), object)
    words[:] = [
        None if v is None or v == "" else v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v)
        for v in encoded.dictionary.to_pylist()
    ]
    return words[encoded.indices.to_numpy()]


def _features(table: pa.Table, contract: Contract) -> dict[str, np.ndarray]:
    stored = {name: input_column(name) for name in features(contract)}
    return {name: as_array(table[column]) for name, column in stored.items() if column in table.column_names}


def _answers(table: pa.Table) -> dict[str, np.ndarray]:
    answers = {name: as_array(table[name]) for name in (PREDICTION, CONFIDENCE) if name in table.column_names}
    if CONFIDENCE in answers and answers[CONFIDENCE].dtype != object:
        answers[CONFIDENCE] = np.round(answers[CONFIDENCE], CONFIDENCE_DECIMALS)
    return answers


def _text_columns(requests: pa.Table, contract: Contract) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for part in contract.data_schema.text:
        if (stored := input_column(part.name)) in requests.column_names:
            texts = requests[stored].cast("string").combine_chunks()
            found |= zip(words.descriptors(part.name), words.describe(texts, part.vocabulary), strict=True)
    return found


def _image_columns(requests: pa.Table, max_described: int) -> dict[str, np.ndarray]:
    if IMAGE_INPUT not in requests.column_names:
        return {}
    rows = np.unique(np.linspace(0, requests.num_rows - 1, min(requests.num_rows, max_described)).astype(np.int64))
    described = [_describe(image) for image in requests[IMAGE_INPUT].take(rows).to_pylist()]
    return {name: np.array([row[name] for row in described], np.float64) for name in DESCRIPTORS}


def _describe(image: bytes | None) -> dict[str, float]:
    try:
        return describe_image(image or b"")
    except DataError:
        return dict.fromkeys(DESCRIPTORS, np.nan)


def _change(values_NTC: np.ndarray, season: int) -> np.ndarray:
    change_NC = values_NTC[:, -1] - values_NTC[:, -2]
    if season > 1 and values_NTC.shape[1] >= season + 2:
        change_NC = change_NC - (values_NTC[:, -1 - season] - values_NTC[:, -2 - season])
    return change_NC


def _first(value: object) -> float:
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return np.nan if value is None else float(value)
