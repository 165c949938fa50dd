"""What a model's signature says of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

DEFAULT = "serving_default"
NUMPY_TYPES: dict[str, type] = {
    "float": np.float32,
    "double": np.float64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "bool": np.bool_,
    "string": np.object_,
    "half": np.float16,
    "complex64": np.complex64,
    "complex128": np.complex128,
}
"""TensorFlow's name of each type that NumPy has too; a string tensor is an array of bytes objects."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output.

    Attributes:
        tensor: Name of the tensor in the graph.
        dtype: TensorFlow's name of the type: float, int64, string …
        shape: Sizes, with None for those that are free, or None where even their number is free.
    """

    tensor: str
    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def has_scalar_rows(self) -> bool:
        """Whether each row of a batch holds one value."""
        return self.shape is not None and len(self.shape) == 1


@dataclass(frozen=True)
class Signature:
    """One way to call a model.

    Attributes:
        inputs: The inputs by name, sorted.
        outputs: The outputs by name, sorted.
        method_name: What the export says that it is for, such as `tensorflow/serving/predict`.
        defaults: Values of inputs that a request may leave out, by name.
    """

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    method_name: str = ""
    defaults: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)


def dtype_name(values: np.ndarray) -> str:
    """Return TensorFlow's name for an array's type."""
    if values.dtype.kind in "OSU":
        return "string"
    return next((name for name, kind in NUMPY_TYPES.items() if values.dtype == kind), values.dtype.name)
