"""One tiny relay for each task: raw data, ingested, and a model that is trained for a few epochs; made once."""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from estafet.runfile.tasks import Task


@dataclass(frozen=True)
class Relay:
    """A data set and a model that learned from it.

    Attributes:
        task: What the model is asked to do.
        dataset: What `ingest` wrote.
        model: What `train` wrote.
    """

    task: Task
    dataset: Path
    model: Path

    def settings(self, **more: object) -> dict[str, object]:
        """Return the settings of evaluate or export, with the task and the default model."""
        return {"task": self.task, "model": {}, **more}


@pytest.fixture(scope="session")
def relay_of(tmp_path_factory: pytest.TempPathFactory):
    """Give the relay of a task, made when it is first asked for, by one of pytest's processes for all of them."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def relay(task: Task) -> Relay:
        folder, whole = shared / "relays" / task.value, shared / "relays" / f"{task.value}.whole"
        folder.parent.mkdir(exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                _run(task, folder)
                whole.touch()
        return Relay(task, folder / "dataset", folder / "model")

    return relay


def _run(task: Task, folder: Path) -> None:
    from components.ingest import step as ingest
    from components.train import step as train

    data = RAW_DATA[task](folder)
    ingest.ingest(ingest.Settings(task=task, **data), folder / "dataset")
    quick = {"epochs": 8, "learning_rate": 0.01, "batch": 16}
    settings = train.Settings(task=task, model={}, **quick)
    train.train(settings, folder / "dataset", folder / "model", hyperparameters={}, scratch=folder / "scratch")


def _images(folder: Path) -> dict[str, object]:
    """Grey 8x8 images whose left or right half is bright."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, half in (("left", slice(0, 4)), ("right", slice(4, 8))):
        (folder / "raw" / name).mkdir(parents=True)
        for i in range(60):
            pixels = rng.integers(0, 90, (8, 8), dtype=np.uint8)
            pixels[:, half] += 120
            Image.fromarray(pixels).save(folder / "raw" / name / f"{i}.png")
    return {"source": str(folder / "raw")}


def _table(folder: Path) -> dict[str, object]:
    """Rows whose class follows from a column with a space in its name and a colour; some values are missing."""
    rng = np.random.default_rng(1)
    radius = rng.normal(10, 3, 400)
    colours = rng.choice(["red", "blue", ""], 400, p=[0.5, 0.4, 0.1])
    grows = radius + 4 * (colours == "red") + rng.normal(0, 1, 400) > 12
    width = [f"{value:.2f}" if value > -1 else "" for value in rng.normal(0, 1, 400)]
    columns = {"mean radius": radius.round(3), "größe (cm)": width, "colour": colours}
    return _csv(folder, {**columns, "grows": np.where(grows, "yes", "no")}, label="grows")


def _numbers(folder: Path) -> dict[str, object]:
    """Rows whose label is linear in two columns."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(5, 2, 400), rng.normal(0, 1, 400)
    return _csv(folder, {"x": x, "y": y, "target": 3 * x - 2 * y + rng.normal(0, 0.5, 400)}, label="target")


def _series(folder: Path) -> dict[str, object]:
    """Thirty seasons of twelve months, which rise slowly."""
    months = np.arange(360)
    values = 100 + 0.1 * months + 5 * np.sin(2 * np.pi * months / 12)
    dates = np.datetime_as_string(np.datetime64("1990-01") + months, unit="D")
    found = _csv(folder, {"month": dates, "level": values.round(4)}, label="level")
    return {**found, "time": "month", "window": {"lookback": 24, "horizon": 3, "season": 12}}


def _csv(folder: Path, columns: dict[str, object], *, label: str) -> dict[str, object]:
    with (folder / "raw.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return {"source": str(folder / "raw.csv"), "label": label}


RAW_DATA = {
    Task.IMAGE_CLASSIFICATION: _images,
    Task.TABULAR_CLASSIFICATION: _table,
    Task.TABULAR_REGRESSION: _numbers,
    Task.FORECASTING: _series,
}
