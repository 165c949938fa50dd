"""Models that the converter cannot take as they are: with a batch axis of one, or not at all."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from components.export.formats import lite
from components.export.formats.lite import NotConvertible
from estafet.runfile.tasks import Task
from estafet.schema import Label, NumericFeature, Schema
from estafet.training import models
from estafet.training.models import ModelSpec

pytestmark = pytest.mark.slow
SERIES = Schema(
    numeric=(NumericFeature(name="y", mean=5, std=2, min=0, max=9, missing_share=0),), label=Label(name="y")
)
VALUES_NLC = np.random.default_rng(0).normal(5, 2, (6, 12, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def lstm():
    return models.build(ModelSpec(Task.FORECASTING, SERIES, lookback=12, horizon=3), "lstm")


def test_a_recurrent_network_takes_one_example_at_a_time(lstm, tmp_path):
    out, examples = tmp_path / "float.tflite", {"values": VALUES_NLC}

    rows = lite.convert(lstm, "float", examples, {}, "forecast", out, tmp_path)

    assert rows == 1
    found = lite.Interpreter(out, rows).predict(examples)
    np.testing.assert_allclose(found, lstm(examples, training=False), rtol=1e-4, atol=1e-5)


def test_a_converter_that_crashes_is_a_reason_and_no_crash_of_ours(lstm, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (tmp_path / "python").chmod(0o755)

    with pytest.raises(NotConvertible, match=r"it crashed \(SIGSEGV\)"):
        lite.convert(lstm, "float", {"values": VALUES_NLC}, {}, "forecast", tmp_path / "out", tmp_path)


def test_int8_without_a_whole_training_example_says_so(lstm, tmp_path):
    holes = {"values": np.full_like(VALUES_NLC, np.nan)}

    with pytest.raises(NotConvertible, match="no training example is without missing values"):
        lite.convert(lstm, "int8", {"values": VALUES_NLC}, holes, "forecast", tmp_path / "out", tmp_path)
