"""A release: a version directory ready to be served, and what is known of it.

saved_model.pb, variables/, …      what TensorFlow Serving loads
estafet/release.json               `Release`: where it comes from and how good it is; written last
estafet/contract.json              `Contract`: what the model takes and gives
estafet/evaluation.json, report.html
estafet/reference.parquet          held-out examples with predictions: what drift is measured against
estafet/smoke.json                 `Smoke`: a few requests and the answers they must get
estafet/export.html                the formats beside each other, where others than the SavedModel were asked for
estafet/lite/<kind>.tflite         for LiteRT, and estafet/tfjs/model.json for TensorFlow.js; they take the tensors of
estafet/tensors.json               `Tensors`, and not the signature's raw inputs
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from estafet.errors import DataError
from estafet.files import read_json, write_json
from estafet.records.manifest import Manifest, WindowSpec
from estafet.runfile.tasks import Task
from estafet.schema import Schema

FOLDER = "estafet"
RELEASE_FILE = "release.json"
CONTRACT_FILE = "contract.json"
SMOKE_FILE = "smoke.json"
REFERENCE_FILE = "reference.parquet"
REPORT_FILE = "report.html"
EXPORT_PAGE_FILE = "export.html"
TENSORS_FILE = "tensors.json"
SAVED_MODEL_FILE = "saved_model.pb"
SIGNATURE = "serving_default"
IMAGE_INPUT = "image_bytes"
SERIES_INPUT = "values"
TIME_INPUT = "time"
CHUNK_BYTES = 2**20


Part = TypeVar("Part", bound="_Part")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=())


class TensorSpec(_Part):
    """One input or output of the signature."""

    name: str
    dtype: str
    """`float32`, `int64` or `string`."""
    shape: tuple[int, ...] = ()
    """Shape of one example; the tensors have a free batch axis before it."""


class Contract(_Part):
    """What a served model takes and gives."""

    task: Task
    data_schema: Schema
    image_shape: tuple[int, int, int] | None = None
    """For images: height, width and channels to which they are resized in the graph."""
    window: WindowSpec | None = None

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> Contract:
        """Return the contract of a model that learns from this data set."""
        return cls(
            task=manifest.task,
            data_schema=manifest.data_schema,
            image_shape=manifest.image_shape,
            window=manifest.window,
        )

    @classmethod
    def load(cls, version_dir: str | Path) -> Contract:
        """Read the contract of a version.

        Raises:
            DataError: It has none that can be understood.
        """
        return _read(cls, version_dir, CONTRACT_FILE)

    def save(self, version_dir: str | Path) -> None:
        """Write the contract into a version directory."""
        write_json(Path(version_dir) / FOLDER / CONTRACT_FILE, self.model_dump(mode="json"))

    def inputs(self) -> tuple[TensorSpec, ...]:
        """Return the inputs of the signature: columns as they come, image files, or the past of a series.

        Where a forecaster is told of the calendar, that past has `time` too: seconds since 1970 in UTC of each step.
        """
        if self.task == Task.IMAGE_CLASSIFICATION:
            return (TensorSpec(name=IMAGE_INPUT, dtype="string"),)
        if self.task == Task.FORECASTING:
            shape = (self.window.lookback, len(self.data_schema.numeric))
            values = TensorSpec(name=SERIES_INPUT, dtype="float32", shape=shape)
            times = TensorSpec(name=TIME_INPUT, dtype="int64", shape=shape[:1])
            return (values, times) if self.data_schema.calendar else (values,)
        numeric = [TensorSpec(name=feature.name, dtype="float32") for feature in self.data_schema.numeric]
        of_words = (*self.data_schema.categorical, *self.data_schema.text)
        words = [TensorSpec(name=feature.name, dtype="string") for feature in of_words]
        return (*numeric, *words)

    def outputs(self) -> tuple[TensorSpec, ...]:
        """Return the outputs of the signature."""
        if self.task.is_classification:
            return (
                TensorSpec(name="probabilities", dtype="float32", shape=(len(self.data_schema.label.classes),)),
                TensorSpec(name="class", dtype="string"),
                TensorSpec(name="confidence", dtype="float32"),
            )
        if self.task == Task.FORECASTING:
            return (TensorSpec(name="forecast", dtype="float32", shape=(self.window.horizon,)),)
        return (TensorSpec(name="prediction", dtype="float32"),)

    def main_output(self) -> str:
        """Return the output that holds the prediction in full: probabilities, numbers or forecasts."""
        return self.outputs()[0].name

    def difference(self, other: Contract) -> str:
        """Say why the models of two contracts cannot be compared on the same examples; empty where they can."""
        if self.task != other.task:
            return f"its task is {other.task}, not {self.task}"
        ours, theirs = self.data_schema.label.classes, other.data_schema.label.classes
        if ours != theirs:
            return f"its classes are others ({_few(theirs)} in place of {_few(ours)})"
        missing = sorted(_as_text(other.inputs()) - _as_text(self.inputs()))
        if missing:
            return f"it takes inputs that these examples do not have ({_few(missing)})"
        if self.task == Task.FORECASTING and self.outputs() != other.outputs():
            return f"it forecasts {other.window.horizon} steps, not {self.window.horizon}"
        return ""


class Smoke(_Part):
    """A few requests to the REST interface, and the answers that a healthy server gives."""

    instances: tuple[dict[str, object], ...]
    """Examples as REST's `instances`; bytes are `{"b64": …}`."""
    output: str
    """The output that is compared."""
    expected: tuple[object, ...]
    """For each instance, the value of that output."""
    tolerance: float = 1e-3

    @classmethod
    def load(cls, version_dir: str | Path) -> Smoke:
        """Read the smoke test of a version.

        Raises:
            DataError: It has none that can be understood.
        """
        return _read(cls, version_dir, SMOKE_FILE)

    def save(self, version_dir: str | Path) -> None:
        """Write the smoke test into a version directory."""
        write_json(Path(version_dir) / FOLDER / SMOKE_FILE, self.model_dump(mode="json"))


class Format(_Part):
    """A format that the model was asked for in, beside the Keras model that it was compared with."""

    name: str
    """`keras`, `saved_model`, `lite-float`, `lite-dynamic`, `lite-int8` or `tfjs`."""
    path: str = ""
    """File or folder in the version directory; empty for the Keras model, and where there is none."""
    size_bytes: int = 0
    max_difference: float = 0.0
    """Largest distance of a prediction from the Keras model's: of probabilities, or in standard deviations of the
    predictions."""
    same_class: float | None = None
    """Share of the examples for which the likeliest class is the same; None where there are no classes."""
    latency_ms: float | None = None
    """Median milliseconds for one example; None where it was not run by its own runtime."""
    batch_latency_ms: float | None = None
    """Median milliseconds for 64."""
    rows: int | None = None
    """Number of examples that it takes at a time; None where that is free."""
    problem: str = ""
    """Why there is none."""


class Tensors(_Part):
    """What the models of the other formats take and give: the Keras model's own tensors."""

    inputs: tuple[TensorSpec, ...]
    columns: dict[str, tuple[str, ...]] = {}
    """What stands in the last axis of an input, in order."""
    output: str
    classes: tuple[str, ...] = ()
    """For classifiers: the class of each probability."""

    def save(self, version_dir: str | Path) -> None:
        """Write it into a version directory."""
        write_json(Path(version_dir) / FOLDER / TENSORS_FILE, self.model_dump(mode="json"))


class Release(_Part):
    """Where a served version comes from, and how good it is."""

    name: str
    """Name of the model."""
    task: Task
    model_version: str
    """Fingerprint of the weights."""
    dataset_version: str
    recipe: str = ""
    """Fingerprint of everything that the model was made from."""
    compared_with: str = ""
    """Folder of the champion that it was compared with; empty where there was none."""
    hyperparameters: dict[str, bool | int | float | str] = {}
    metrics: dict[str, float] = {}
    headline: str
    """The metric that decides."""
    num_parameters: int = 0
    size_bytes: int = 0
    verified_examples: int = 0
    """Number of examples on which it agreed with the Keras model."""
    formats: tuple[Format, ...] = ()
    """The formats beside each other, where others than the SavedModel were asked for."""
    mlflow_run_id: str = ""
    mlflow_model_id: str = ""
    registered_version: str = ""
    """The version's number in the MLflow registry; empty without MLflow."""
    fingerprint: str
    """SHA-256 over the names and contents of all files but release.json."""
    created: datetime
    versions: dict[str, str] = {}
    """Versions of the libraries that wrote it."""

    @property
    def headline_value(self) -> float:
        """The value of the metric that decides."""
        return self.metrics[self.headline]

    @classmethod
    def load(cls, version_dir: str | Path) -> Release:
        """Read what is known of a version.

        Raises:
            DataError: The folder is no finished release, or none that can be understood.
        """
        return _read(cls, version_dir, RELEASE_FILE)

    def save(self, version_dir: str | Path) -> None:
        """Write it into the version directory; it comes last."""
        write_json(Path(version_dir) / FOLDER / RELEASE_FILE, self.model_dump(mode="json"))


def fingerprint(version_dir: str | Path) -> str:
    """Return the SHA-256 over the names and contents of all files of a version but release.json, in hexadecimal."""
    root, digest = Path(version_dir), hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        if name == f"{FOLDER}/{RELEASE_FILE}":
            continue
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def now() -> datetime:
    """Return the present time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _read(kind: type[Part], version_dir: str | Path, file: str) -> Part:
    path = Path(version_dir) / FOLDER / file
    if not path.is_file():
        raise DataError(
            f"'{version_dir}' is no release: it has no {FOLDER}/{file}.",
            hint="export writes it; deploy a version that `estafet run` made.",
        )
    try:
        return kind.model_validate(read_json(path))
    except ValueError as error:  # no JSON, or not what this Estafet writes
        raise DataError(
            f"'{path}' cannot be understood: {str(error).splitlines()[0]}.",
            hint="another version of Estafet wrote it, or it is damaged; `estafet run` makes a new version.",
        ) from error


def _as_text(specs: tuple[TensorSpec, ...]) -> set[str]:
    return {
        f"{spec.name}: {spec.dtype} {list(spec.shape)}" if spec.shape else f"{spec.name}: {spec.dtype}"
        for spec in specs
    }


def _few(names: tuple[str, ...] | list[str] | None, most: int = 5) -> str:
    names = list(names or ())
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
