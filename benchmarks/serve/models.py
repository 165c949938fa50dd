"""A small dense Keras model, in the form that each server takes, and the requests for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

NAME, NUM_FEATURES, NUM_CLASSES = "dense", 20, 10
INPUT, OUTPUT = "features", "output_0"
PREDICT = "/tensorflow.serving.PredictionService/Predict"


def dense_model(seed: int = 0, units: int = 32, num_layers: int = 1) -> Any:
    """Return 20 numbers → hidden layers → 10 classes, with the weights of a seed."""
    import keras

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((NUM_FEATURES,), name=INPUT),
            *(keras.layers.Dense(units, activation="relu") for _ in range(num_layers)),
            keras.layers.Dense(NUM_CLASSES, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy")
    return model


def export(model: Any, folder: Path) -> Path:
    """Write a SavedModel whose signature takes `features` and gives `output_0`."""
    import keras
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda features: {OUTPUT: model(features, training=False)},
        input_signature=[tf.TensorSpec((None, NUM_FEATURES), tf.float32, name=INPUT)],
    )
    archive.write_out(str(folder), verbose=False)
    return folder


def rows(num: int = 1, seed: int = 1) -> np.ndarray:
    """Return rows of features, (num, 20)."""
    return np.random.default_rng(seed).normal(size=(num, NUM_FEATURES)).astype(np.float32)


def rest_body(rows_NF: np.ndarray, key: str = "instances") -> bytes:
    """Return rows as JSON, under the key that a server takes them by."""
    return json.dumps({key: np.round(rows_NF.astype(float), 6).tolist()}).encode()


def grpc_message(rows_NF: np.ndarray, name: str = NAME) -> bytes:
    """Return rows as a PredictRequest, as `tf.make_tensor_proto` writes them: in `tensor_content`."""
    import tensorflow as tf
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest()
    request.model_spec.name = name
    request.inputs[INPUT].CopyFrom(tf.make_tensor_proto(rows_NF))
    return request.SerializeToString()
