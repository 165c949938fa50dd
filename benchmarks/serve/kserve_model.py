"""KServe's own Python server with a model that calls a SavedModel's signature, as its documentation has it.

It runs in KServe's environment, without Estafet.
"""

from __future__ import annotations

import argparse

import kserve
import tensorflow as tf
from kserve import logging, model_server


class Dense(kserve.Model):
    """Answers `{"instances": rows}` with `{"predictions": rows}`."""

    def __init__(self, name: str, folder: str):
        """Load a SavedModel."""
        super().__init__(name)
        self._loaded = tf.saved_model.load(folder)
        self._signature = self._loaded.signatures["serving_default"]
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        """Call the signature."""
        outputs = self._signature(features=tf.constant(payload["instances"], tf.float32))
        return {"predictions": outputs["output_0"].numpy().tolist()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--saved_model", required=True)
    arguments, _ = parser.parse_known_args()
    logging.configure_logging()
    # KServe logs each request by default; quiet is faster, so quiet it is
    for name in ("kserve", "kserve.trace", "uvicorn.access"):
        __import__("logging").getLogger(name).setLevel("WARNING")
    kserve.ModelServer().start([Dense(arguments.model_name, arguments.saved_model)])
