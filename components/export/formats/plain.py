"""The Keras model as a plain SavedModel on its own tensors, from which the other formats are made."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.records import reading
from estafet.records.verify import naming_bad_records
from estafet.release import Contract, TensorSpec

if TYPE_CHECKING:
    import keras

SIGNATURE = "serving_default"


def write(model: keras.Model, inputs: tuple[TensorSpec, ...], output: str, folder: Path, *, rows: int | None) -> None:
    """Write a SavedModel with one signature, from the model's own tensors to its prediction.

    Args:
        model: A Keras model whose inputs are a dict.
        inputs: The tensors that it takes, without their batch axis.
        output: Name of the prediction.
        folder: Where it goes.
        rows: Length of the batch axis; None leaves it free.
    """
    import keras
    import tensorflow as tf

    specs = {spec.name: tf.TensorSpec((rows, *spec.shape), spec.dtype, name=spec.name) for spec in inputs}
    archive = keras.export.ExportArchive()
    archive.track(model)
    for again in ("variables", "trainable_variables", "non_trainable_variables"):
        setattr(archive._tf_trackable, again, [])  # Keras 3.15 would save each weight twice: the endpoint brings them
    archive.add_endpoint(SIGNATURE, lambda features: {output: model(features, training=False)}, [specs])
    archive.write_out(str(folder), verbose=False)


def inputs_of(examples: Mapping[str, np.ndarray]) -> tuple[TensorSpec, ...]:
    """Return the tensors that a model takes, from examples of them."""
    return tuple(
        TensorSpec(name=name, dtype="string" if values.dtype == object else str(values.dtype), shape=values.shape[1:])
        for name, values in examples.items()
    )


def columns_of(contract: Contract) -> dict[str, list[str]]:
    """Return what stands in the last axis of each tensor: the columns, in order."""
    schema = contract.data_schema
    if contract.window is not None:
        return {"values": [feature.name for feature in schema.numeric] + [str(part) for part in schema.calendar]}
    kinds = {"numeric": schema.numeric, "categorical": schema.categorical, "text": schema.text}
    return {key: [feature.name for feature in features] for key, features in kinds.items() if features}


def examples(dataset_folder: str | Path, split: str, count: int) -> dict[str, np.ndarray]:
    """Return the tensors of the first examples of a split, at most `count`, as the model takes them."""
    with naming_bad_records(dataset_folder):
        batches = reading.dataset(dataset_folder, split, batch_size=min(count, 256), cache=False)
        found = [
            {name: value.numpy() for name, value in features.items()}
            for features, _ in itertools.islice(batches, -(-count // 256))
        ]
    return {name: np.concatenate([part[name] for part in found])[:count] for name in found[0]}
