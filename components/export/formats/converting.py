"""Converts a SavedModel to LiteRT, in a process of its own: the converter ends its process on some graphs.

Its form is `python -m components.export.formats.converting SAVED_MODEL KIND OUT [CALIBRATION]`. What it cannot do it
says in the last line of its output, with exit status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

KINDS = ("float", "dynamic", "int8")


def main(arguments: list[str]) -> int:
    """Convert, and write the file whole.

    Args:
        arguments: Folder of the SavedModel, one of `KINDS`, where the model goes, and for `int8` an `.npz` file with
            examples, one array for each input, shape (N, …).
    """
    folder, kind, out = arguments[:3]
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "int8":
        converter.representative_dataset = lambda: _one_by_one(arguments[3])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        content = converter.convert()
    except Exception as error:  # the converter raises whatever its passes raise
        print(_in_one_line(error))
        return 1
    Path(out).write_bytes(content)
    return 0


def _one_by_one(path: str) -> Iterator[dict[str, object]]:
    import numpy as np

    with np.load(path) as arrays:
        examples = dict(arrays)
    for row in range(len(next(iter(examples.values())))):
        yield {name: values[row : row + 1] for name, values in examples.items()}


def _in_one_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error code:" in line or "is failed" in line or "not supported" in line]
    return (telling or lines or [type(error).__name__])[0].strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
