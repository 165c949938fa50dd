"""One training of several, as progress and tracker hear of it: with its name, and as a part of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from estafet.nested_runs import NestedRun
from estafet.telemetry import Progress
from estafet.tracking import Tracker
from estafet.training.trained import COMPANY_FOLDER


@dataclass(frozen=True)
class Part:
    """The progress of one training of several of the same length.

    Attributes:
        progress: Told how far all of them are.
        name: The training's name, such as `member-2`.
        index: Which one it is, from 0.
        count: How many there are.
        epochs: Epochs of each.
    """

    progress: Progress
    name: str
    index: int
    count: int
    epochs: int

    def __call__(self, message: str, done: float | None = None, total: float | None = None) -> None:
        """Say what is being done, and how many epochs of this training are finished."""
        said = f"{self.name.replace('-', ' ')} ({self.index + 1}/{self.count}) · {message}"
        self.progress(said, round(self.index * self.epochs + (done or 0), 4), self.count * self.epochs)


@dataclass(frozen=True)
class Prefixed:
    """A tracker that puts a training's name before all that it is told, so that several can share one MLflow run."""

    tracker: Tracker
    name: str

    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """Log what the training was told."""
        self.tracker.log_parameters({f"{self.name}/{key}": value for key, value in parameters.items()})

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers of an epoch."""
        self.tracker.log_metrics({f"{self.name}/{key}": value for key, value in metrics.items()}, step)

    def log_file(self, path: str | Path, folder: str = "") -> None:
        """Log a file into the training's own folder."""
        self.tracker.log_file(path, "/".join(filter(None, (COMPANY_FOLDER, self.name, folder))))

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Log tags."""
        self.tracker.log_tags({f"{key}.{self.name}": value for key, value in tags.items()})

    def log_dataset(self, name: str, version: str, source: str, context: str) -> None:
        """Log the data set."""
        self.tracker.log_dataset(name, version, source, context)

    def log_run(self, run: NestedRun, known: str | None = None) -> str | None:
        """Log a run that is over."""
        return self.tracker.log_run(replace(run, name=f"{self.name}/{run.name}"), known)
