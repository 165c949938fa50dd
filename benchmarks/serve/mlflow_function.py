"""A model for MLflow's server that calls a SavedModel's signature."""

from __future__ import annotations

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel


class SignatureModel(PythonModel):
    """Takes rows, gives rows."""

    def load_context(self, context):
        """Load the SavedModel."""
        import tensorflow as tf

        self._tensor = tf.constant
        self._loaded = tf.saved_model.load(context.artifacts["saved_model"])
        self._signature = self._loaded.signatures["serving_default"]

    def predict(self, context, model_input, params=None):
        """Call the signature."""
        rows_NF = np.asarray(model_input, np.float32)
        return self._signature(features=self._tensor(rows_NF))["output_0"].numpy()


mlflow.models.set_model(SignatureModel())
