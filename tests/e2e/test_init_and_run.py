"""What `estafet init` writes runs as it is, to a model that is served; the options only make the training short.

Of the three, images are tuned; the tutorial's test tunes a table by what `init` writes of it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from estafet.files import read_json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
EXAMPLES = Path(__file__).parents[2] / "examples"
TUNED = ("--set", "tune.trials=1", "--set", "tune.epochs=1", "--set", "train.epochs=2")
UNTUNED = ("--set", "tune.enabled=false", "--set", "train.epochs=2")


def arrays(folder: Path) -> str:
    """Write a part of scikit-learn's digits in the layout of MNIST's file."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images_NHW, labels_N = (digits.images * 15).astype(np.uint8), digits.target.astype(np.uint8)
    np.savez(
        folder / "digits.npz",
        x_train=images_NHW[:500],
        y_train=labels_N[:500],
        x_test=images_NHW[500:600],
        y_test=labels_N[500:600],
    )
    return "digits.npz"


def parquet(folder: Path) -> str:
    """Write the diabetes table, as the example does."""
    import runpy

    shutil.copy(EXAMPLES / "diabetes" / "make_data.py", folder)
    runpy.run_path(str(folder / "make_data.py"), run_name="__main__")
    return "data/diabetes.parquet"


def semicolons(folder: Path) -> str:
    """Write the iris table as a spreadsheet with a decimal comma does."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    rows = [
        ";".join([*(f"{value:.1f}".replace(".", ",") for value in measurements), iris.target_names[kind]])
        for measurements, kind in zip(iris.data, iris.target, strict=True)
    ]
    (folder / "iris.csv").write_text("\n".join(["sepal length;sepal width;petal length;petal width;kind", *rows]))
    return "iris.csv"


@pytest.mark.parametrize(
    ("write", "task", "headline", "short"),
    [
        (arrays, "image_classification", "accuracy", TUNED),
        (parquet, "tabular_regression", "rmse", UNTUNED),
        (semicolons, "tabular_classification", "roc_auc", UNTUNED),
    ],
)
def test_the_first_run_file_runs_to_a_served_model(project, write, task, headline, short):
    project.run_file.unlink()
    data = write(project.folder)

    written = project.estafet_here("init", data)
    assert written.returncode == 0, written.stderr
    done = project.estafet_here("run", "run.yaml", *short)

    assert done.returncode == 0, done.stdout + done.stderr
    (version,) = project.workspace.glob("models/*/1")
    release = read_json(version / "estafet" / "release.json")
    assert release["task"] == task
    assert np.isfinite(release["metrics"][headline])
    assert (version / "saved_model.pb").is_file()
