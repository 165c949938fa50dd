"""The same model as MLflow keeps it: by its own flavour for Keras, and as a function that calls the SavedModel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def save_keras(model: Any, folder: Path, rows_NF: np.ndarray) -> Path:
    """Write MLflow's own flavour; its server then calls `model.predict`."""
    import mlflow
    from mlflow.models import infer_signature

    signature = infer_signature(rows_NF, np.zeros((len(rows_NF), 1), np.float32))
    mlflow.tensorflow.save_model(model, str(folder), signature=signature, pip_requirements=[])
    return folder


def save_function(saved_model: Path, folder: Path) -> Path:
    """Write a `PythonModel` that calls the SavedModel's signature: what its user can do for speed."""
    import mlflow

    mlflow.pyfunc.save_model(
        str(folder),
        python_model=str(Path(__file__).with_name("mlflow_function.py")),
        artifacts={"saved_model": str(saved_model)},
        pip_requirements=[],
    )
    return folder
