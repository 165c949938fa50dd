"""Where the trainings of one step take place, and what each of them leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.records.manifest import Manifest
from estafet.telemetry import Progress
from estafet.tracking import Tracker
from estafet.training.trained import Trained

if TYPE_CHECKING:
    import keras

FINISHED, CHECKPOINTS = "finished", "checkpoints"
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Surroundings:
    """Where a training takes place.

    Attributes:
        dataset_folder: The data set.
        manifest: Its manifest.
        out_folder: Where the model goes.
        scratch: Folder for checkpoints and for the models that are finished.
        progress: Told how far it is.
        tracker: Given parameters, metrics and curves.
        writes: Whether this process writes; of several workers, only the chief does.
    """

    dataset_folder: Path
    manifest: Manifest
    out_folder: Path
    scratch: Path
    progress: Progress
    tracker: Tracker
    writes: bool


@dataclass(frozen=True)
class Fellow:
    """A model that is finished: its name, the Keras model and what is known of it."""

    name: str
    model: keras.Model
    trained: Trained
