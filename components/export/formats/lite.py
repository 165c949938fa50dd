"""A model for LiteRT: converted in a child process, and asked with its interpreter."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.export.formats import plain
from estafet.errors import ConfigError

if TYPE_CHECKING:
    import keras

NUM_CALIBRATION = 200
CONVERT_S = 1800


class NotConvertible(Exception):
    """Says in a sentence why a model cannot be had in a format."""


def convert(
    model: keras.Model,
    kind: str,
    examples: Mapping[str, np.ndarray],
    calibration: Mapping[str, np.ndarray],
    output: str,
    out: Path,
    scratch: Path,
) -> int | None:
    """Convert a model; where its batch axis cannot be free, for one example at a time.

    Args:
        model: The Keras model.
        kind: `float`, `dynamic` or `int8`.
        examples: Its inputs, by name; only their types and shapes count.
        calibration: For `int8`: training examples, by which the ranges of all tensors are found.
        output: Name of the prediction.
        out: The file that is written.
        scratch: Folder for what is made on the way.

    Returns:
        None where the batch axis is free, else its length.

    Raises:
        NotConvertible: It cannot be converted.
    """
    inputs, reasons = plain.inputs_of(examples), []
    finite = np.all([np.isfinite(v).reshape(len(v), -1).all(1) for v in calibration.values() if v.dtype.kind == "f"], 0)
    usable = {name: values[finite] if np.ndim(finite) else values for name, values in calibration.items()}
    if kind == "int8" and any(spec.dtype == "string" for spec in inputs):
        raise NotConvertible("int8 needs numbers, and this model takes words; ask for float or dynamic")
    if kind == "int8" and not len(next(iter(usable.values()))):
        raise NotConvertible("no training example is without missing values, and int8 is calibrated on such")
    for rows in (None, 1):
        saved = scratch / f"plain-{rows or 'free'}"
        if not saved.exists():
            plain.write(model, inputs, output, saved, rows=rows)
        if kind == "int8":
            np.savez(scratch / "calibration.npz", **usable)
        reason = _run(saved, kind, out, scratch / "calibration.npz")
        if reason is None:
            return rows
        reasons.append(reason)
    raise NotConvertible(f"the converter refused it: {reasons[-1]}")


def _run(saved: Path, kind: str, out: Path, calibration: Path) -> str | None:
    """Convert in a process of its own, and return what it complained of."""
    command = [
        sys.executable,
        "-m",
        "components.export.formats.converting",
        str(saved),
        kind,
        str(out),
        str(calibration),
    ]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=CONVERT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it was not done after {CONVERT_S // 60} minutes"
    if ended.returncode == 0:
        return None
    if ended.returncode < 0:
        return f"it crashed ({signal.Signals(-ended.returncode).name}) on this graph"
    told = [line for line in ended.stdout.splitlines() if line.strip()] or ended.stderr.splitlines()
    return told[-1][:300] if told else f"it ended with status {ended.returncode}"


class Interpreter:
    """A LiteRT model, loaded into this process on one thread.

    Raises:
        ConfigError: LiteRT's interpreter is not installed.
        NotConvertible: It cannot run the model.
    """

    def __init__(self, path: Path, rows: int | None):
        try:
            from ai_edge_litert.interpreter import Interpreter as Litert
        except ImportError as error:
            raise ConfigError(
                "LiteRT's interpreter, by which export.lite is checked, is not installed.",
                hint='install it with `pip install "estafet[training]"`, or leave export.lite out.',
            ) from error
        self._rows = rows
        try:
            self._interpreter = Litert(model_path=str(path), num_threads=1)
            self._runner = self._interpreter.get_signature_runner(plain.SIGNATURE)
        except (ValueError, RuntimeError) as error:
            raise NotConvertible(f"LiteRT cannot load it: {str(error).splitlines()[0]}") from error

    def predict(self, examples: Mapping[str, np.ndarray]) -> np.ndarray:
        """Answer N examples: the prediction, N along the first axis.

        Raises:
            NotConvertible: LiteRT cannot run the model.
        """
        step = self._rows or len(next(iter(examples.values())))
        count = len(next(iter(examples.values())))
        parts = []
        try:
            for start in range(0, count, step):
                answer = self._runner(**{name: values[start : start + step] for name, values in examples.items()})
                parts.append(np.array(next(iter(answer.values()))))
        except (ValueError, RuntimeError) as error:
            raise NotConvertible(f"LiteRT cannot run it: {str(error).splitlines()[0]}") from error
        return np.concatenate(parts)
