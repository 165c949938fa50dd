"""Floats as text, against the rule applied to one number at a time."""

from __future__ import annotations

import numpy as np
import pytest

from serving.server.rest.numbers import number_texts

NOT_FINITE = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def by_the_rule(values: np.ndarray) -> list[str]:
    texts = []
    for value in values:
        text = f"{float(value):g}"
        with np.errstate(all="ignore"):
            if values.dtype.type(float(text)) != value:
                text = f"{float(value):.{17 if values.dtype == np.float64 else 9}g}"
        texts.append(NOT_FINITE.get(text) or (text if "." in text or "e" in text else f"{text}.0"))
    return texts


def samples(dtype: type) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        bits = draw.integers(0, 2 ** (8 * np.dtype(dtype).itemsize) - 1, 3000, dtype=np.uint64)
        return [
            bits.astype(f"u{np.dtype(dtype).itemsize}").view(dtype),
            draw.random(3000).astype(dtype),
            (draw.integers(0, 10**7, 3000) / 10.0 ** draw.integers(0, 9, 3000)).astype(dtype),
            (10.0 ** draw.uniform(-44, 38, 3000)).astype(dtype),
            np.array([0, -0.0, np.nan, np.inf, -np.inf, 3.4028235e38, 1e-45, 999999.5, 1e22, 1e23] * 15, dtype),
            np.nextafter((10.0 ** np.arange(-30, 30)).astype(dtype), dtype(0)).repeat(2),
            (10.0 ** np.arange(-30, 30)).astype(dtype).repeat(2),
        ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_numbers_at_once_are_written_as_one_by_one(dtype):
    for values in samples(dtype):
        assert number_texts(values) == by_the_rule(values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_numbers_are_written_as_one_by_one(dtype):
    for values in samples(dtype):
        for start in range(0, 120, 12):
            assert number_texts(values[start : start + 12]) == by_the_rule(values[start : start + 12])


def test_shapes_are_read_in_c_order():
    assert number_texts(np.array([[1, 2], [3, 4]], np.float32)) == ["1.0", "2.0", "3.0", "4.0"]
