"""A trained model in a folder: the Keras model, and what is known of how it was trained."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from estafet.errors import DataError
from estafet.files import read_json, write_json
from estafet.runfile.model import Hyperparameter
from estafet.runfile.tasks import Task

if TYPE_CHECKING:
    import keras
    import numpy as np

MODEL_FILE = "model.keras"
TRAINED_FILE = "training.json"
CURVES_FILE = "curves.png"
COMPANY_FOLDER = "company"
"""In a model's folder, where the models are that it was made of or learned from, each in a folder of its own."""


class Trained(BaseModel):
    """What is known of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    version: str
    """SHA-256 of the weights, in hexadecimal."""
    task: Task
    build: str
    """What was built: `default`, the name of an architecture, or `module:function`."""
    hyperparameters: dict[str, Hyperparameter]
    """The model's, and `learning_rate` and `batch_size` of the first epoch."""
    dataset_version: str
    num_parameters: int
    epochs: int
    """Number of epochs that were trained."""
    epoch: int
    """The epoch, from 1, that the weights come from."""
    judged_by: str
    """The metric whose validation value decides about early stopping."""
    history: list[dict[str, float]]
    """For each epoch: loss and metrics (`val_` on the validation split), batch_size, learning_rate and seconds. An
    ensemble is not trained itself: it has one entry, its own validation metrics."""
    devices: str
    """`cpu`, `gpu`, `tpu` or `multi-worker`."""
    num_replicas: int
    decisions: dict[str, str] = {}
    """What was measured and chosen while the training began, by what it is about, and why."""
    role: Literal["model", "member", "ensemble", "teacher", "twin", "student"] = "model"
    """What it is to the models in `company/`, where there are any."""
    about: str = ""
    """That in a few words, such as `student of an ensemble of 5 by seed`."""

    @property
    def validation(self) -> dict[str, float]:
        """The validation metrics of the epoch that the weights come from."""
        values = self.history[self.epoch - 1]
        return {name.removeprefix("val_"): value for name, value in values.items() if name.startswith("val_")}

    def save(self, folder: str | Path) -> None:
        """Write it into the model's folder; it comes last, so a model without it is unfinished."""
        write_json(Path(folder) / TRAINED_FILE, self.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: str | Path) -> Trained:
        """Read what is known of the model in `folder`.

        Raises:
            DataError: There is no finished model.
        """
        path = Path(folder) / TRAINED_FILE
        if not path.is_file():
            raise DataError(
                f"'{folder}' holds no finished model: it has no {TRAINED_FILE}.",
                hint="run `estafet run` again; train writes it last.",
            )
        return cls.model_validate(read_json(path))


def save_model(model: keras.Model, folder: str | Path) -> None:
    """Write the model into `folder`, whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"partial-{MODEL_FILE}"
    try:
        model.save(partial)
        os.replace(partial, folder / MODEL_FILE)
    finally:
        partial.unlink(missing_ok=True)


def load_model(folder: str | Path) -> keras.Model:
    """Read the model that `train` wrote into `folder`; it is not compiled.

    Raises:
        DataError: There is no finished model, or the file is damaged.
        ConfigError: The module of a user's model is no longer found.
    """
    import keras

    from estafet.training import layers  # noqa: F401  (registers the layers)
    from estafet.training.models import user

    user.import_module_of(Trained.load(folder).build)
    try:
        return keras.models.load_model(Path(folder) / MODEL_FILE, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"the model in '{folder}' cannot be read: {error}",
            hint="delete that folder and run `estafet run` again; a user's own layers must be registered with "
            "keras.saving.register_keras_serializable.",
        ) from error


def version_of(weights: list[np.ndarray]) -> str:
    """Return a fingerprint of weights: SHA-256 over their types, shapes and bytes."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def count_parameters(weights: list[np.ndarray]) -> int:
    """Return the number of weights, those that are not trained included."""
    return sum(int(array.size) for array in weights)


def as_hyperparameters(values: dict[str, Any]) -> dict[str, Hyperparameter]:
    """Return hyperparameters as plain values, whole numbers as such."""
    from estafet.training.models.building import whole

    return {name: whole(value) for name, value in sorted(values.items())}
