"""A served model with its reference and its request log, in their real layouts, made without training anything."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from estafet import request_log
from estafet.images import DESCRIPTORS, describe_image
from estafet.records.manifest import WindowSpec
from estafet.release import FOLDER, REFERENCE_FILE, SAVED_MODEL_FILE, Contract, Release
from estafet.runfile.steps import DriftSettings
from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MODEL = "shop"
COLOURS = ("red", "green", "blue")


@dataclass
class World:
    """Folders in which one model is served and watched.

    Attributes:
        root: The folder of everything.
        task: What the model does.
    """

    root: Path
    task: Task = Task.TABULAR_CLASSIFICATION

    @property
    def models_dir(self) -> Path:
        """The folder of served models."""
        return self.root / "models"

    @property
    def requests_dir(self) -> Path:
        """The request log."""
        return self.root / "requests"

    @property
    def state_dir(self) -> Path:
        """The monitor's memory."""
        return self.root / "monitor"

    def settings(self, **changed: object) -> DriftSettings:
        """Return settings with a window of 500 rows or more, where nothing else is said."""
        return DriftSettings.model_validate({"name": MODEL, "task": self.task, **changed})

    def serve(self, columns: Mapping[str, Sequence[object]], version: int = 1) -> Path:
        """Publish a version with this reference, and return its folder."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = self.models_dir / MODEL / str(version)
        (folder / FOLDER).mkdir(parents=True)
        (folder / SAVED_MODEL_FILE).write_bytes(b"")
        pq.write_table(pa.table(dict(columns)), folder / FOLDER / REFERENCE_FILE)
        contract_of(self.task).save(folder)
        Release(
            name=MODEL,
            task=self.task,
            model_version=f"weights-{version}",
            dataset_version="data",
            hyperparameters={"learning_rate": 1e-05, "units": 64},
            headline="accuracy",
            fingerprint="f",
            created=NOW,
        ).save(folder)
        return folder

    def log(
        self,
        columns: Mapping[str, Sequence[object]],
        *,
        ended: datetime = NOW,
        version: int = 1,
        prefix: str = "r",
        part: str = "server-0",
    ) -> list[str]:
        """Log one request for each row, a millisecond apart, the last one at `ended`; return their ids."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        num_rows = len(next(iter(columns.values())))
        ids = [f"{prefix}-{row}" for row in range(num_rows)]
        times = [ended - timedelta(milliseconds=num_rows - 1 - row) for row in range(num_rows)]
        stamps = pa.array(times, pa.timestamp("us", tz="UTC"))
        table = pa.table({"request_id": ids, "ts": stamps, **columns})
        folder = request_log.partition_folder(self.requests_dir, MODEL, version, ended)
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / f"{part}-{prefix}.parquet")
        return ids


def contract_of(task: Task) -> Contract:
    """Return a contract with two numbers and a word for tables, and one series with a season of 12 for forecasts."""
    numbers = ("age", "income") if task is not Task.FORECASTING else ("co2",)
    numeric = [NumericFeature(name=name, mean=0, std=1, min=-4, max=4, missing_share=0) for name in numbers]
    words = [CategoricalFeature(name="colour", categories=COLOURS, missing_share=0)]
    is_table = task in (Task.TABULAR_CLASSIFICATION, Task.TABULAR_REGRESSION)
    schema = Schema(
        numeric=() if task is Task.IMAGE_CLASSIFICATION else tuple(numeric),
        categorical=tuple(words) if is_table else (),
        label=Label(name="bought", classes=("no", "yes") if task.is_classification else None),
    )
    window = WindowSpec(lookback=24, horizon=3, stride=1, season=12) if task is Task.FORECASTING else None
    image_shape = (8, 8, 1) if task is Task.IMAGE_CLASSIFICATION else None
    return Contract(task=task, data_schema=schema, window=window, image_shape=image_shape)


def table_rows(
    rng: np.random.Generator, num_rows: int, *, shift: float = 0.0, missing: float = 0.0
) -> dict[str, np.ndarray]:
    """Return requests to a table model with its answers: `age` moved by `shift` and missing in a share of rows."""
    age = (rng.normal(size=num_rows) + shift).astype(np.float32)
    income = rng.normal(size=num_rows).astype(np.float32)
    score = 1 / (1 + np.exp(-(age + income)))
    age[rng.random(num_rows) < missing] = np.nan
    return {
        "age": age,
        "income": income,
        "colour": rng.choice(COLOURS, num_rows, p=[0.5, 0.3, 0.2]),
        "prediction": np.where(score > 0.5, "yes", "no"),
        "confidence": np.maximum(score, 1 - score).astype(np.float64),
    }


def image_bytes(rng: np.random.Generator, brightness: float = 0.0) -> bytes:
    """Return a PNG of 8 × 8 grey pixels around a brightness of 100 of 255, plus `brightness`."""
    from PIL import Image

    pixels_HW = np.clip(rng.normal(100 + brightness, 30, (8, 8)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels_HW).save(buffer, format="PNG")
    return buffer.getvalue()


def image_rows(rng: np.random.Generator, num_rows: int, brightness: float = 0.0) -> dict[str, list[object]]:
    """Return requests to an image model with its answers."""
    return {
        "image_bytes": [image_bytes(rng, brightness) for _ in range(num_rows)],
        "prediction": [str(word) for word in rng.choice(["no", "yes"], num_rows)],
        "confidence": [float(value) for value in rng.uniform(0.5, 1, num_rows)],
    }


def described(rows: Mapping[str, list[object]]) -> dict[str, list[object]]:
    """Return the reference that evaluate would write of such images."""
    found = [describe_image(image) for image in rows["image_bytes"]]
    descriptors = {name: [each[name] for each in found] for name in DESCRIPTORS}
    return descriptors | {name: rows[name] for name in ("prediction", "confidence")}
