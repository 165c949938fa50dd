"""Real data in each format, written once for all tests of ingest."""

import csv

import numpy as np
import pytest
from PIL import Image

from components.ingest import step
from estafet.errors import DataError
from estafet.runfile.steps import IngestSettings


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    """Forty of scikit-learn's handwritten digits of each class, 8 by 8 pixels, as PNG files in folders."""
    from sklearn.datasets import load_digits

    root = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for label in range(10):
        (root / str(label)).mkdir()
        for i in np.flatnonzero(digits.target == label)[:40]:
            Image.fromarray((digits.images[i] * 15.9375).astype(np.uint8)).save(root / str(label) / f"{i:04d}.png")
    return root


@pytest.fixture(scope="session")
def cancer_csv(tmp_path_factory):
    """scikit-learn's breast-cancer table: 569 rows, 30 numbers, and the diagnosis."""
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
    path = tmp_path_factory.mktemp("cancer") / "cancer.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def diabetes_parquet(tmp_path_factory):
    """scikit-learn's diabetes table: 442 rows, 10 numbers, and the progression of the disease."""
    from sklearn.datasets import load_diabetes

    path = tmp_path_factory.mktemp("diabetes") / "diabetes.parquet"
    load_diabetes(as_frame=True).frame.to_parquet(path)
    return path


@pytest.fixture(scope="session")
def co2_csv(tmp_path_factory):
    """The weekly carbon dioxide of Mauna Loa since 1958: 2,284 weeks, of which 59 have no value."""
    from statsmodels.datasets import co2

    path = tmp_path_factory.mktemp("co2") / "co2.csv"
    co2.load_pandas().data.rename_axis("week").to_csv(path)
    return path


@pytest.fixture
def settings():
    """Return a function that makes the step's settings."""

    def make(task, source, **values):
        return IngestSettings(task=task, source=str(source), **values)

    return make


@pytest.fixture
def write_csv(tmp_path):
    """Return a function that writes rows as a CSV file and gives its path."""

    def write(header, rows, name="data.csv", delimiter=","):
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows([header, *rows])
        return path

    return write


@pytest.fixture
def refused(tmp_path):
    """Return a function that ingests, expects an error, checks that no file is left, and gives message and hint."""

    def run(settings, kind=DataError):
        out = tmp_path / "artifacts" / "dataset"
        with pytest.raises(kind) as caught:
            step.ingest(settings, out)
        assert not out.parent.exists() or list(out.parent.iterdir()) == []
        assert caught.value.hint
        return caught.value.message, caught.value.hint

    return run
