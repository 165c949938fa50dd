"""How MLflow loads a release: `mlflow.pyfunc.load_model("models:/<name>@champion").predict(data_frame)`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.release import Contract, TensorSpec

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature


class PyfuncModel:
    """A served version behind MLflow's interface.

    Attributes:
        served: The SavedModel.
    """

    def __init__(self, version_dir: str | Path):
        from estafet.saved_model import SavedModel

        self.served = SavedModel(version_dir)

    def predict(
        self, model_input: pd.DataFrame | Mapping[str, np.ndarray], params: Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """Answer raw examples; a row of the result for each, a column for each output.

        Args:
            model_input: A column for each input; a missing number is NaN, a missing word "" or None. For a series a
                mapping from `values` to an array (N, lookback, num_channels) and, where the model is told of the
                calendar, from `time` to seconds since 1970, int64 (N, lookback).
            params: Not used.
        """
        import pandas as pd

        specs = self.served.contract.inputs()
        answers = self.served.predict({spec.name: _as_input(model_input[spec.name], spec) for spec in specs})
        return pd.DataFrame({name: list(values) if values.ndim > 1 else values for name, values in answers.items()})


def signature_of(contract: Contract) -> ModelSignature:
    """Return MLflow's form of a contract: columns for tables and images, a tensor for a series."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types import TensorSpec as MlflowTensor
    from mlflow.types.schema import Array

    kinds = {"float32": DataType.double, "string": DataType.binary if contract.image_shape else DataType.string}
    whole = {f.name for f in contract.data_schema.numeric if f.is_integer and not f.missing_share}  # pandas' int64
    inputs = [
        MlflowTensor(np.dtype(spec.dtype), (-1, *spec.shape), spec.name)
        if spec.shape
        else ColSpec(DataType.long if spec.name in whole else kinds[spec.dtype], spec.name)
        for spec in contract.inputs()
    ]
    answers = {"float32": DataType.float, "string": DataType.string}
    outputs = [
        ColSpec(Array(DataType.float) if spec.shape else answers[spec.dtype], spec.name) for spec in contract.outputs()
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _as_input(values: pd.Series | np.ndarray, spec: TensorSpec) -> np.ndarray:
    if spec.dtype != "string":
        return np.asarray(values, spec.dtype)
    return np.array(["" if v in (None, "") or v != v else v for v in values], dtype=object)


def _load_pyfunc(path: str) -> PyfuncModel:
    """Load what `data_path` of the MLflow model holds; MLflow calls this by its name."""
    return PyfuncModel(path)
