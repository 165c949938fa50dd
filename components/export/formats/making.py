"""Makes the formats that were asked for, and compares each with the Keras model on held-out examples."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.export.formats import lite, page, plain, tfjs
from components.export.formats.lite import NotConvertible
from estafet import latency, release
from estafet.errors import StepFailed
from estafet.records.reading import raw_examples
from estafet.release import Contract, Format, Tensors
from estafet.runfile.release import Export
from estafet.runfile.steps import ExportSettings
from estafet.saved_model import SavedModel
from estafet.telemetry import Progress

if TYPE_CHECKING:
    import keras

EXACT = 1e-3
"""How far a format may be from the Keras model that rounds nothing on purpose: LiteRT sums in another order."""
MIN_EXAMPLES = 200
SPLIT, CALIBRATION_SPLIT = "test", "train"
KERAS, SAVED_MODEL, TFJS = "keras", "saved_model", "tfjs"
Predict = Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Made:
    """A format that can be asked.

    Attributes:
        format: What is known of it.
        predict: Its own runtime, from examples to predictions; None where that is not at hand.
    """

    format: Format
    predict: Predict | None = None


def asked(settings: Export) -> bool:
    """Tell whether other formats than the SavedModel are wanted."""
    return bool(settings.lite or settings.tfjs)


def make(
    settings: ExportSettings,
    model: keras.Model,
    served: SavedModel,
    dataset_folder: str | Path,
    folder: Path,
    progress: Progress,
) -> tuple[Format, ...]:
    """Make the formats in a version directory.

    Args:
        settings: The run file's `export` section, with the model's name.
        model: The Keras model.
        served: Its SavedModel.
        dataset_folder: The data set.
        folder: The version directory.
        progress: Told what is being made.

    Returns:
        The Keras model, its SavedModel and each format that was asked for, those without a file with the reason.

    Raises:
        StepFailed: `export.strict`, and a format cannot be had.
        ConfigError: LiteRT's interpreter is not installed.
    """
    count, contract = max(MIN_EXAMPLES, settings.verify_examples), served.contract
    examples = plain.examples(dataset_folder, SPLIT, count)
    expected = np.asarray(model(examples, training=False), np.float64)
    with tempfile.TemporaryDirectory(prefix="estafet-formats-") as scratch:
        maker = _Maker(settings, model, contract, examples, expected, Path(dataset_folder), folder, Path(scratch))
        made = [maker.reference(), maker.saved_model(served)]
        for name in (*(f"lite-{kind}" for kind in dict.fromkeys(settings.lite)), *([TFJS] if settings.tfjs else [])):
            progress(f"converting to {name}")
            made.append(maker.attempt(name))
    Tensors(
        inputs=plain.inputs_of(examples),
        columns=plain.columns_of(contract),
        output=contract.main_output(),
        classes=tuple(contract.data_schema.label.classes or ()),
    ).save(folder)
    failed = [part.format for part in made if part.format.problem]
    if failed and settings.strict:
        raise StepFailed(
            "; ".join(f"{part.name} cannot be had: {part.problem}" for part in failed) + ".",
            hint="leave it out of the export section, choose a model that it suits, or set export.strict to false.",
        )
    formats = _with_latency(made, examples)
    page.write(formats, contract.task, settings.name, len(expected), folder)
    return formats


class _Maker:
    """Makes one format after another from the same examples."""

    def __init__(
        self,
        settings: Export,
        model: keras.Model,
        contract: Contract,
        examples: Mapping[str, np.ndarray],
        expected: np.ndarray,
        dataset_folder: Path,
        folder: Path,
        scratch: Path,
    ):
        self._settings, self._model, self._contract = settings, model, contract
        self._examples, self._expected = examples, expected
        self._dataset_folder, self._folder = dataset_folder, folder
        self._scratch = scratch
        self._calibration: dict[str, np.ndarray] | None = None

    def reference(self) -> Made:
        """Return the Keras model itself."""
        import tensorflow as tf

        answer = tf.function(lambda features: self._model(features, training=False))
        size_bytes = sum(weight.nbytes for weight in self._model.get_weights() if hasattr(weight, "nbytes"))
        same = 1.0 if self._contract.task.is_classification else None
        return Made(
            Format(name=KERAS, size_bytes=size_bytes, same_class=same),
            lambda examples: np.asarray(answer(dict(examples))),
        )

    def saved_model(self, served: SavedModel) -> Made:
        """Return the SavedModel, which takes raw inputs; it was verified before."""
        raw, output = raw_examples(self._dataset_folder, SPLIT, len(self._expected)), self._contract.main_output()
        files = [path for path in self._folder.rglob("*") if path.is_file() and release.FOLDER not in path.parts]
        found = served.predict(raw)[output]
        about = self._about(SAVED_MODEL, ".", sum(path.stat().st_size for path in files), found, None)
        return Made(about, lambda asked: served.predict(_rows_of(raw, len(next(iter(asked.values())))))[output])

    def attempt(self, name: str) -> Made:
        """Make a format, or say why there is none."""
        path = Path(release.FOLDER, TFJS) if name == TFJS else Path(release.FOLDER, "lite", f"{name[5:]}.tflite")
        (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            made = self._tfjs(path) if name == TFJS else self._lite(name, path)
            limit = EXACT if name in (TFJS, "lite-float") else max(EXACT, self._settings.max_difference)
            if not made.format.max_difference <= limit:
                far = f"its predictions differ from the Keras model's by {made.format.max_difference:.3g}"
                key = "" if limit == EXACT else " (export.max_difference)"
                raise NotConvertible(f"{far}, and {limit:g} is allowed{key}")
        except NotConvertible as problem:
            shutil.rmtree(self._folder / path, ignore_errors=True)
            (self._folder / path).unlink(missing_ok=True)
            return Made(Format(name=name, problem=str(problem)))
        return made

    def _lite(self, name: str, path: Path) -> Made:
        kind, output = name.removeprefix("lite-"), self._contract.main_output()
        if kind == "int8" and self._calibration is None:
            self._calibration = plain.examples(self._dataset_folder, CALIBRATION_SPLIT, lite.NUM_CALIBRATION)
        out, calibration = self._folder / path, self._calibration or {}
        rows = lite.convert(self._model, kind, self._examples, calibration, output, out, self._scratch)
        interpreter = lite.Interpreter(out, rows)
        found = interpreter.predict(self._examples)
        return Made(self._about(name, path.as_posix(), out.stat().st_size, found, rows), interpreter.predict)

    def _tfjs(self, path: Path) -> Made:
        saved, inputs = self._scratch / "plain-free", plain.inputs_of(self._examples)
        if not saved.exists():
            plain.write(self._model, inputs, self._contract.main_output(), saved, rows=None)
        tfjs.convert(saved, self._folder / path)
        size_bytes = sum(file.stat().st_size for file in (self._folder / path).iterdir())
        found = tfjs.predict(self._folder / path, self._examples)
        return Made(self._about(TFJS, path.as_posix(), size_bytes, found, None))

    def _about(self, name: str, path: str, size_bytes: int, found: np.ndarray, rows: int | None) -> Format:
        found, same = np.asarray(found, np.float64).reshape(self._expected.shape), None
        scale = 1.0
        if self._contract.task.is_classification:
            same = float(np.mean(found.argmax(axis=-1) == self._expected.argmax(axis=-1)))
        else:
            scale = float(self._expected.std()) or 1.0
        distances = np.abs(found - self._expected) / scale
        largest = float(np.max(np.where(np.isfinite(distances), distances, np.inf)))
        return Format(name=name, path=path, size_bytes=size_bytes, max_difference=largest, same_class=same, rows=rows)


def _rows_of(columns: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """Return the first rows, from the start again where there are fewer."""
    return {name: values[np.arange(count) % len(values)] for name, values in columns.items()}


def _with_latency(made: list[Made], examples: Mapping[str, np.ndarray]) -> tuple[Format, ...]:
    batches = {"latency_ms": _rows_of(examples, 1), "batch_latency_ms": _rows_of(examples, latency.BATCH_SIZE)}
    calls = {
        (part.format.name, key): lambda predict=part.predict, batch=batch: predict(batch)
        for part in made
        if part.predict is not None
        for key, batch in batches.items()
    }
    taken_s = latency.of_calls(calls)
    return tuple(
        part.format.model_copy(update={key: 1000 * taken_s[part.format.name, key] for key in batches})
        if part.predict is not None
        else part.format
        for part in made
    )
