"""Checkpoints, at the end of epochs and within them, from which a killed training goes on as if nothing had been."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from estafet.errors import DataError
from estafet.files import read_json, replacing, write_json

FORMAT = 2
STATE_FILE = "training-state.json"
KEYS = ("history", "num_batches", "elapsed_s", "decisions")
MAX_SHARE_OF_TIME = 0.02
"""Share of the time that saving at the end of epochs may take; where epochs are shorter, not each one is saved."""

Epoch = dict[str, float]


@dataclass(frozen=True)
class State:
    """Where a training was when a checkpoint was saved.

    Attributes:
        history: What is known of each finished epoch.
        num_batches: Batches of the epoch after those that were gone through already.
        elapsed_s: Seconds that these took.
        decisions: What was measured and chosen while the training began, by name, so that it is not chosen anew.
    """

    history: list[Epoch] = field(default_factory=list)
    num_batches: int = 0
    elapsed_s: float = 0.0
    decisions: dict[str, Any] = field(default_factory=dict)


class Checkpoints:
    """The checkpoints of one training in a folder: the newest, and the best where it is wanted again.

    A file of arrays appears by renaming, then the state that names it, then older files go; so a kill at any moment
    leaves a state whose files are whole.

    Args:
        folder: Where they are kept. Whoever gives the folder removes it when the training is over.
        writes: Whether this process writes them; of several workers, only one does.
    """

    def __init__(self, folder: str | Path, *, writes: bool = True):
        self.folder, self.writes = Path(folder), writes
        self._last_save_took_s, self._saved_at = 0.0, -float("inf")
        self._best: tuple[int, list[np.ndarray]] | None = None

    def is_cheap(self) -> bool:
        """Whether a save now would keep the time spent on saving within bounds; never, to who does not write."""
        return self.writes and time.monotonic() - self._saved_at >= self._last_save_took_s / MAX_SHARE_OF_TIME

    def keep_best(self, model: keras.Model, epoch: int) -> None:
        """Remember the model's weights as those of the best epoch (from 0); the next save writes them too."""
        self._best = epoch, model.get_weights()

    @property
    def best(self) -> tuple[int, list[np.ndarray]] | None:
        """The best epoch (from 0) and its weights, where one is remembered."""
        return self._best

    def save(self, learner: keras.Model, state: State) -> None:
        """Keep all that the training changes, as it is now; older checkpoints go.

        Args:
            learner: A compiled model.
            state: Where the training is.
        """
        begun = time.monotonic()
        arrays = _arrays(learner)  # of several workers, all must read: running metrics are summed over them
        if not self.writes:
            return
        name = f"epoch-{len(state.history):05d}-batch-{state.num_batches:07d}.npz"
        _write(self.folder / name, arrays)
        best = self._write_best()
        described = {"format": FORMAT, "file": name, "best": best, **asdict(state)}
        write_json(self.folder / STATE_FILE, described)
        for path in self.folder.glob("*.npz"):
            if path.name not in (name, best):
                path.unlink()
        self._saved_at = time.monotonic()
        self._last_save_took_s = self._saved_at - begun

    def restore(self, learner: keras.Model) -> tuple[State, list[np.ndarray]]:
        """Put the learner back as it was when the newest checkpoint was saved.

        Args:
            learner: A compiled model whose optimiser is built.

        Returns:
            Where the training was, and the values of the running metrics; the beginning where there is no checkpoint.

        Raises:
            DataError: There is a checkpoint of another model, of a newer format, or a damaged one.
        """
        described = self.peek()
        if described is None:
            return State(), []
        variables = _variables(learner)
        arrays = self._read(described["file"], [tuple(variable.shape) for variable in variables])
        for variable, array in zip(variables, arrays, strict=False):
            variable.assign(array)
        if described["best"]:
            shapes = [tuple(weight.shape) for weight in learner.model.weights]
            self._best = int(described["best"].split("-")[1].split(".")[0]), self._read(described["best"], shapes)
        return State(**{key: described[key] for key in KEYS}), arrays[len(variables) :]

    def peek(self) -> Mapping[str, Any] | None:
        """Return what the newest checkpoint says of itself, or None where there is none.

        Raises:
            DataError: It is damaged, or a newer Estafet wrote it.
        """
        path = self.folder / STATE_FILE
        try:
            described = read_json(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._unusable(f"cannot be read: {error}") from error
        found = described.get("format") if isinstance(described, dict) else None
        if found != FORMAT:
            raise self._unusable(f"has format {found}, and this Estafet reads format {FORMAT}")
        if missing := [key for key in ("file", "best", *KEYS) if key not in described]:
            raise self._unusable(f"lacks '{missing[0]}'")
        return described

    def _read(self, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        """Return the arrays of a file, the first of which must have these shapes."""
        try:
            with np.load(self.folder / name) as stored:
                arrays = [stored[key] for key in stored.files]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise self._unusable(f"cannot be read: {error}") from error
        found = [array.shape for array in arrays[: len(shapes)]]
        if found != shapes:
            pairs = zip([*found, None], [*shapes, None], strict=False)
            place, (theirs, ours) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
            raise self._unusable(
                f"is of another model: array {place} of {len(found)} has the shape {theirs}, and variable {place} of "
                f"{len(shapes)} has {ours}"
            )
        return arrays

    def _unusable(self, why: str) -> DataError:
        return DataError(
            f"the checkpoint in '{self.folder}' {why}.",
            hint="delete that folder to begin anew, or use the Estafet and the settings that wrote it.",
        )

    def _write_best(self) -> str:
        if self._best is None:
            return ""
        epoch, weights = self._best
        name = f"best-{epoch:05d}.npz"
        if not (self.folder / name).is_file():
            _write(self.folder / name, weights)
        return name


def _write(path: Path, arrays: list[np.ndarray]) -> None:
    with replacing(path, "wb") as file:
        np.savez(file, *arrays)


def _arrays(learner: keras.Model) -> list[np.ndarray]:
    changed = [*_variables(learner), *learner.metrics_variables]
    return [keras.ops.convert_to_numpy(variable) for variable in changed]


def _variables(learner: keras.Model) -> list[keras.Variable]:
    """Return all that a training changes, the states of random generators included, but for the running metrics."""
    metrics = {id(variable) for variable in learner.metrics_variables}
    return [v for v in learner.variables if id(v) not in metrics] + list(learner.optimizer.variables)
