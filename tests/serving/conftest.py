"""Tiny SavedModels, made without Keras, and a server on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def save_toy() -> Callable[..., Path]:
    """Return a function that saves a model with several signatures; its default is y = x / 2 + `offset`."""
    import tensorflow as tf

    def spec(name: str, dtype: tf.DType, *shape: int) -> tf.TensorSpec:
        return tf.TensorSpec((None, *shape), dtype, name)

    class Toy(tf.Module):
        def __init__(self, offset: float):
            super().__init__()
            self.offset = tf.Variable(offset)
            self.weights = tf.Variable([[1.0], [2.0], [3.0]])

        @tf.function(input_signature=[spec("x", tf.float32)])
        def half_plus(self, x):
            return {"y": x / 2 + self.offset}

        @tf.function(input_signature=[spec("size", tf.float32), spec("color", tf.string)])
        def table(self, size, color):
            sure = tf.sigmoid(size)
            return {
                "class": tf.where(size > 0, tf.strings.join([color, "!"]), "small"),
                "confidence": sure,
                "probabilities": tf.stack([1 - sure, sure], axis=1),
            }

        @tf.function(input_signature=[spec("image_bytes", tf.string)])
        def echo(self, image_bytes):
            return {"length": tf.strings.length(image_bytes), "copy_bytes": image_bytes}

        @tf.function(input_signature=[spec("x", tf.float32, 3)])
        def matrix(self, x):
            return {"y": x @ self.weights}

        @tf.function(input_signature=[spec("n", tf.int32)])
        def whole(self, n):
            return {"n": n}

        @tf.function(input_signature=[spec("x", tf.float32)])
        def total(self, x):
            return {"sum": tf.reduce_sum(x)}

    def save(folder: Path, offset: float = 2.0) -> Path:
        toy = Toy(offset)
        signatures = {
            "serving_default": toy.half_plus,
            "table": toy.table,
            "echo": toy.echo,
            "matrix": toy.matrix,
            "whole": toy.whole,
            "total": toy.total,
        }
        tf.saved_model.save(toy, str(folder), signatures=signatures)
        return folder

    return save


@pytest.fixture(scope="session")
def toy(save_toy, tmp_path_factory) -> Path:
    """A saved model, y = x / 2 + 2."""
    return save_toy(tmp_path_factory.mktemp("toy") / "saved")


@pytest.fixture(scope="session")
def toy_10(save_toy, tmp_path_factory) -> Path:
    """A saved model, y = x / 2 + 10."""
    return save_toy(tmp_path_factory.mktemp("toy") / "saved", offset=10.0)


@pytest.fixture
def models_dir(tmp_path, toy) -> Iterator[Path]:
    """A folder with version 1 of the model `toy`."""
    folder = tmp_path / "models"
    shutil.copytree(toy, folder / "toy" / "1")
    yield folder
