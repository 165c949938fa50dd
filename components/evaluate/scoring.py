"""Predictions for the held-out examples: the candidate's and the champion's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.errors import DataError, EstafetError, StepFailed
from estafet.metrics import Outcome
from estafet.records import reading
from estafet.records.manifest import Manifest
from estafet.records.verify import naming_bad_records
from estafet.release import FOLDER as RELEASE_FOLDER
from estafet.release import RELEASE_FILE, Contract
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 256
MAX_EAGER_BATCHES = 32


def predict(model: keras.Model, dataset_folder: str | Path, manifest: Manifest, split: str) -> np.ndarray:
    """Return what a Keras model predicts for a split, in the shape of `Outcome.predictions`.

    Raises:
        DataError: A shard is damaged.
        StepFailed: It predicts something that is not a number.
    """
    import tensorflow as tf

    def answer(features: dict[str, tf.Tensor]) -> tf.Tensor:
        return model(features, training=False)

    examples = reading.dataset(dataset_folder, split, batch_size=BATCH_SIZE, cache=False)
    if len(examples) > MAX_EAGER_BATCHES:
        answer = tf.function(answer, reduce_retracing=True)  # tracing costs as much as a few dozen batches
    with naming_bad_records(dataset_folder):
        predictions = np.concatenate([np.asarray(answer(features)) for features, _ in examples])
    if manifest.task == Task.TABULAR_REGRESSION:
        predictions = predictions.reshape(-1)
    num_examples = len(predictions)
    num_bad = int(np.sum(~np.isfinite(predictions.reshape(num_examples, -1)).all(axis=1)))
    if num_bad:
        raise StepFailed(
            f"the model predicts NaN or infinity for {num_bad:,} of {num_examples:,} examples of the {split} split.",
            hint="lower train.learning_rate, or look for extreme values in the data.",
        )
    return predictions


def champion_outcome(folder: str, manifest: Manifest, raw: dict[str, np.ndarray], naive: np.ndarray | None) -> Outcome:
    """Score the served model on raw examples, through its own signature.

    Args:
        folder: The served version.
        manifest: The data set's manifest.
        raw: The examples, as `raw_examples` gives them.
        naive: For forecasting: the seasonal-naive forecast.

    Raises:
        DataError: It is gone, cannot be loaded or does not fit these examples; the message says why.
    """
    if not (Path(folder) / RELEASE_FOLDER / RELEASE_FILE).is_file():
        raise DataError(f"there is no release in {folder} any more")
    difference = Contract.from_manifest(manifest).difference(Contract.load(folder))
    if difference:
        raise DataError(difference)
    try:
        champion = SavedModel(folder)
        predictions = champion.predict(raw, BATCH_SIZE)[champion.contract.main_output()]
    except EstafetError:
        raise
    except Exception as error:
        raise DataError(f"it does not answer these examples: {type(error).__name__}: {error}") from error
    return Outcome(manifest.task, raw["label"], predictions, naive)
