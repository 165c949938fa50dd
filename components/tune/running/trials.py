"""The search whose trials are trainings, made alike in every process from the settings and the data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from components.tune.objective import Objective
from components.tune.proof.growth import FACTOR, FIRST_SHARE
from components.tune.running.budget import Budget
from components.tune.running.job import Job
from components.tune.running.search import Measured, Report, Search
from components.tune.study import earlier, opening, sampling, space
from estafet.errors import ConfigError
from estafet.records.manifest import Manifest
from estafet.runfile.steps import TuneSettings
from estafet.telemetry import Progress
from estafet.training.models import ModelSpec

if TYPE_CHECKING:
    from components.tune.slices import Slice
    from components.tune.training import Trainer

MAKER = f"{__name__}:make"
WARM_START = "warm_start"
"""Attribute of a study: what it took over from an earlier one, in a sentence."""
NOT_MEASURED = ("trials", "hours", "workers", "storage", "study", "proof", "subsample", "choose", "enabled", "earlier")
"""Settings that do not change what a trial measures; the share, which does, has its own part in a study's name."""


class Trials:
    """What all trials of a tuning share, in one process; the trainer and the slices are made when a trial needs them.

    Attributes:
        settings: The run file's `tune` section, the model and the task.
        manifest: The data set's.
        spec: What models must take and give.
        objective: What is optimised.
        distributions: What is searched.
        defaults: All hyperparameters without a search.
        search_kind: grid, random, staged, tpe or gp.
        why: Why that one.

    Args:
        settings: The settings.
        dataset_folder: A data set, as `ingest` wrote it.

    Raises:
        ConfigError: A range, hyperparameter or metric is wrong.
    """

    def __init__(self, settings: TuneSettings, dataset_folder: str | Path):
        self.settings, self._dataset_folder = settings, Path(dataset_folder)
        self.manifest = Manifest.load(dataset_folder)
        self.spec = ModelSpec.from_manifest(self.manifest)
        self.objective = Objective.of(settings, self.spec.task)
        self.distributions = space.distributions(settings, self.spec)
        self.defaults = space.defaults(settings, self.spec)
        self.search_kind, self.why = sampling.chosen_search(settings, self.distributions)
        self._slices: dict[float, tuple[Slice, ...]] = {}

    @cached_property
    def trainer(self) -> Trainer:
        """What trains and measures a configuration; equal shapes share one compiled model through all trials."""
        from components.tune.training import Trainer

        objective = self.objective
        return Trainer(self.settings, self.spec, objective.wanted, objective.metric, objective.maximised)

    @cached_property
    def first_share(self) -> float:
        """Share that the search begins with; with `auto` the smallest that leaves no class empty, from a tenth on."""
        if self.settings.subsample.share != "auto":
            return self.settings.subsample.share
        share = FIRST_SHARE
        while FACTOR * share < 1:
            with suppress(ConfigError):
                self.slices(share)
                return share
            share *= FACTOR
        self.slices(share)  # says what is wrong, where that is no matter of the share
        return share

    def slices(self, share: float) -> tuple[Slice, ...]:
        """Return what trials learn from and are judged on, at a share of the training split."""
        if share not in self._slices:
            from components.tune.slices import slices

            self._slices[share] = slices(self.settings, self._dataset_folder, self.manifest, share)
        return self._slices[share]

    def complete(self, searched: Mapping[str, Any]) -> dict[str, Any]:
        """Return all hyperparameters: the defaults, those that are fixed, and what was searched."""
        return {**self.defaults, **searched}

    def within(self, *, num_trials: int, hours: float | None) -> Trials:
        """Return the same with another budget; trainer and slices are shared."""
        other = copy(self)
        other.settings = self.settings.model_copy(update={"trials": num_trials, "hours": hours})
        return other

    def job(self, folder: str | Path, share: float) -> Job:
        """Return how any process comes to the search at a share.

        Args:
            folder: The step's own folder, which outlives a kill.
            share: Share of the training split.
        """
        about = {
            "settings": self.settings.model_dump(mode="json", exclude_none=True),
            "dataset_folder": str(self._dataset_folder),
            "folder": str(folder),
            "share": share,
        }
        return Job(MAKER, about)

    def search(
        self, folder: str | Path, share: float, worker: int = 0, first: Sequence[Mapping[str, Any]] = ()
    ) -> Search:
        """Open the study of a share, and return the search as one process has it.

        Args:
            folder: The step's own folder, which outlives a kill.
            share: Share of the training split that trials learn from.
            worker: Which worker this process is, from 0, so that no two draw the same.
            first: Points that are tried before all others.

        Raises:
            ConfigError: The study was made with another space, other objectives or other data; or the storage is wrong.
            ServiceUnavailable: The storage is locked or away.
        """
        settings, objective = self.settings, self.objective
        study = opening.open_study(
            settings,
            objective.directions,
            self.distributions,
            Path(folder),
            study_name(settings, self.manifest, share),
            about={"data set": self.manifest.version, "share": share, "objective": objective.name, **self._measured_by},
            worker=worker,
            may_prune=objective.unpruned is None,
        )
        points = sampling.first_points(self.search_kind, settings, self.distributions, self.defaults)
        points = [dict(point) for point in first] + [point for point in points if point not in first]
        is_grid = self.search_kind == "grid"

        def measure(hyperparameters: Mapping[str, Any], *, report: Report, progress: Progress) -> Measured:
            return self.trainer.measure(hyperparameters, self.slices(share), report=report, progress=progress)

        return Search(
            study,
            Budget(settings.trials, settings.hours, len(points) if is_grid else None),
            draw=lambda trial: self.complete(space.suggest(trial, self.distributions)),
            measure=measure,
            judge=objective,
            partial=lambda: self.trainer.partial,
            begin=lambda: self._load(share),
            enqueue=lambda: self._prepare(study, points, learns=not first),
        )

    @property
    def _measured_by(self) -> dict[str, Any]:
        """What else a trial's result depends on, with a name for each: of a study that has one name, all must stay."""
        settings = self.settings
        batch_size = {} if "batch_size" in self.distributions else {"batch_size": self.defaults["batch_size"]}
        return {
            "subsample.by": settings.subsample.by,
            "model": settings.model.build,
            "model.hyperparameters": dict(settings.model.hyperparameters),
            **batch_size,
            "epochs": [f"{rung.epochs} on {rung.share:g}" for rung in settings.rungs] or settings.epochs,
            "satisfy": list(settings.satisfy),
            "augment": settings.augment.model_dump(mode="json"),
        }

    def _load(self, share: float) -> None:
        """Import TensorFlow and read the examples."""
        _ = self.trainer, self.slices(share)

    def _prepare(self, study: optuna.Study, points: list[dict[str, Any]], *, learns: bool) -> None:
        """Take over what an earlier study teaches, unless the points are all, and put the first points in front."""
        if learns and self.settings.earlier is not None:
            note = earlier.warm_start(study, self.distributions, self.defaults, self.settings.earlier, self.objective)
            study.set_user_attr(WARM_START, note)
        sampling.enqueue(study, points)


def make(about: Mapping[str, Any], worker: int) -> Search:
    """Make the search of one worker's process, as its `Job` says."""
    trials = Trials(TuneSettings.model_validate(about["settings"]), about["dataset_folder"])
    return trials.search(about["folder"], about["share"], worker)


def study_name(settings: TuneSettings, manifest: Manifest, share: float) -> str:
    """Return under which name all processes find the study of a share.

    It is made of the data set's version and all settings on which depends what a trial measures, so that a study goes
    on when there is more time for it, and another begins when its trials could not be compared.

    Args:
        settings: The settings; `study`, if it is given, is the name, to which the share is added where it may grow.
        manifest: The data set's.
        share: Share of the training split.
    """
    told = settings.model_dump(mode="json", exclude=set(NOT_MEASURED))
    about = [manifest.version, settings.subsample.by, told]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
    name = settings.study or f"tune-{digest}"
    return name if settings.study and settings.subsample.share != "auto" else f"{name}-{share:g}"
