"""Data sets that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from estafet.runfile.tasks import Task
from estafet.training import testing


@pytest.fixture(scope="session")
def table(tmp_path_factory) -> Path:
    """200 rows for training, 60 for validation, 60 for testing: a class that a number and a word decide together."""
    folder, random = tmp_path_factory.mktemp("table"), np.random.default_rng(0)

    def rows(num_rows: int) -> dict[str, np.ndarray]:
        numeric_NF = random.normal(5, 2, (num_rows, 3)).astype(np.float32)
        words_NG = random.choice(["red", "green", ""], (num_rows, 1))
        label_N = (numeric_NF[:, 0] + 3 * (words_NG[:, 0] == "red") > 6).astype(np.int64)
        numeric_NF[random.random(num_rows) < 0.1, 1] = np.nan
        return {"numeric": numeric_NF, "categorical": words_NG, "label": label_N}

    splits = {"train": rows(200), "validation": rows(60), "test": rows(60)}
    testing.write_table(folder, Task.TABULAR_CLASSIFICATION, splits)
    return folder


@pytest.fixture(scope="session")
def numbers(tmp_path_factory) -> Path:
    """100 rows for training and 20 for validation: one number, which is also the label."""
    folder, values_N1 = tmp_path_factory.mktemp("numbers"), np.arange(120, dtype=np.float32)[:, None]
    rows = {name: {"numeric": part, "label": part[:, 0]} for name, part in _parts(values_N1)}
    testing.write_table(folder, Task.TABULAR_REGRESSION, rows)
    return folder


def _parts(values_N1: np.ndarray):
    return (("train", values_N1[:100]), ("validation", values_N1[100:]), ("test", values_N1[100:]))
