"""The SavedModel against the Keras model that it was made from, on held-out examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.errors import StepFailed
from estafet.records import reading
from estafet.records.verify import naming_bad_records
from estafet.saved_model import SavedModel

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-4
SPLIT = "test"


def verify(model: keras.Model, served: SavedModel, dataset_folder: str | Path, num_examples: int) -> int:
    """Ask both for the same examples, one as tensors and the other as a client would.

    Args:
        model: The Keras model.
        served: The SavedModel.
        dataset_folder: The data set.
        num_examples: How many examples of the test split at most.

    Returns:
        How many were compared.

    Raises:
        StepFailed: They differ by more than 1e-4, relative to numbers above 1.
    """
    raw = reading.raw_examples(dataset_folder, SPLIT, num_examples)
    count = len(raw["label"])
    with naming_bad_records(dataset_folder):
        batch, _ = next(iter(reading.dataset(dataset_folder, SPLIT, batch_size=count, cache=False)))
    expected = np.asarray(model(batch, training=False), np.float64)
    answers = served.predict(raw)
    found = np.asarray(answers[served.contract.main_output()], np.float64).reshape(expected.shape)
    distances = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
    worst = float(np.max(np.where(np.isfinite(distances), distances, np.inf)))
    if worst > TOLERANCE:
        num_bad = int(np.sum(~(distances.reshape(count, -1) <= TOLERANCE).all(axis=1)))
        raise StepFailed(
            f"the SavedModel differs from the Keras model by {worst:.3g} on {num_bad} of {count} held-out examples; "
            f"{TOLERANCE:g} is allowed.",
            hint="a layer of the model behaves differently when it is exported: look for random numbers outside "
            "of layers, Python state, and layers that ignore training=False.",
        )
    return count
