"""Checkpoints after each epoch, from which a killed training goes on as if nothing had happened."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np

from estafet.files import read_json, replacing, write_json

STATE_FILE = "training-state.json"

Epoch = dict[str, float]


class Checkpoints:
    """The checkpoints of one training in a folder: the newest, and the best where it is wanted again.

    A file of arrays appears by renaming, then the state that names it; so a kill at any moment leaves a state whose
    file is whole. The state is the history of the epochs that are finished: everything else follows from it.

    Args:
        folder: Where they are kept. Whoever gives the folder removes it when the training is over.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def save(self, model: keras.Model, history: list[Epoch], best_epoch: int | None = None) -> None:
        """Keep model and optimiser as they are after the last epoch of `history`; older checkpoints go.

        Args:
            model: A compiled model.
            history: What is known of each finished epoch.
            best_epoch: The epoch (from 0) whose checkpoint stays as well.
        """
        with replacing(self._path(len(history) - 1), "wb") as file:
            np.savez(file, *(keras.ops.convert_to_numpy(variable) for variable in _variables(model)))
        write_json(self.folder / STATE_FILE, {"history": history})
        kept = {self._path(epoch) for epoch in (len(history) - 1, best_epoch) if epoch is not None}
        for path in self.folder.glob("epoch-*.npz"):
            if path not in kept:
                path.unlink()

    def restore(self, model: keras.Model) -> list[Epoch]:
        """Put model and optimiser back as they were, and return the history; empty where there is none to go on from.

        Args:
            model: A compiled model whose optimiser is built.
        """
        try:
            history = read_json(self.folder / STATE_FILE)["history"]
            self.load(model, len(history) - 1)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return []  # none, or none that fits: begin anew rather than fail
        return history

    def load(self, model: keras.Model, epoch: int) -> None:
        """Put model and optimiser back as they were after `epoch`, which counts from 0."""
        variables = _variables(model)
        with np.load(self._path(epoch)) as stored:
            arrays = [stored[name] for name in stored.files]
        if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
            raise ValueError(f"{self._path(epoch)} is the checkpoint of another model")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:05d}.npz"


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Return all that a training changes, the states of random generators included."""
    metrics = {id(variable) for variable in model.metrics_variables}
    return [v for v in model.variables if id(v) not in metrics] + list(model.optimizer.variables)
