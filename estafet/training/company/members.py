"""Who the members of an ensemble are, and what a student is told: the settings of each training."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estafet.errors import ConfigError
from estafet.runfile.architectures import BY_TASK, KERAS_APPLICATIONS, is_users, misfit, name_of
from estafet.runfile.company import NUM_MEMBERS, Ensemble
from estafet.runfile.model import Model
from estafet.runfile.steps import TrainSettings
from estafet.training import models
from estafet.training.company import features, neighbourhood
from estafet.training.models import ModelSpec
from estafet.training.models.building import OF_THE_TRAINING

MANY_NAMES = 4


@dataclass(frozen=True)
class Member:
    """One training of several.

    Attributes:
        name: Name of its folder, and before its metrics.
        role: What it is, in a few words.
        settings: The run file's `train` section, with its own seed and model.
        found: What `tune` found, where that is about its architecture.
        fold: The fold that it leaves out, for its validation.
        features: The features that it sees; None for all.
    """

    name: str
    role: str
    settings: TrainSettings
    found: Mapping[str, Any]
    fold: int | None = None
    features: tuple[str, ...] | None = None


def members_of(
    settings: TrainSettings,
    spec: ModelSpec,
    found: Mapping[str, Any],
    chosen: Mapping[str, Any],
    num_folds: int,
) -> list[Member]:
    """Return the members of the ensemble that the settings ask for; the first is what would be trained without it.

    Args:
        settings: The run file's `train` section, with an ensemble.
        spec: What a model must take and give.
        found: What `tune` found.
        chosen: All hyperparameters of the run file's model.
        num_folds: Number of folds of the data set.

    Raises:
        ConfigError: There are not as many folds, or no features that could be left out.
    """
    ensemble = settings.ensemble
    makers = {
        "seed": lambda: [{"what": ""}] * (ensemble.members or NUM_MEMBERS),
        "folds": lambda: _by_folds(ensemble, num_folds),
        "features": lambda: _by_features(ensemble, spec, settings.seed),
        "hyperparameters": lambda: _by_hyperparameters(settings, spec, chosen),
        "architecture": lambda: _by_architecture(settings, spec),
    }
    parts = makers[ensemble.by]()
    made = []
    for index, part in enumerate(parts):
        own = dict(part)
        what, given = own.pop("what"), own.pop("hyperparameters", {})
        seed = settings.seed + index
        of_member, found_for_it = variant(settings, found, own.pop("build", settings.model.build), seed)
        role = ", ".join(filter(None, (f"member {index + 1} of {len(parts)}", what, f"seed {seed}")))
        made.append(Member(f"member-{index + 1}", role, of_member, {**found_for_it, **given}, **own))
    return made


def variant(
    settings: TrainSettings,
    found: Mapping[str, Any],
    build: str,
    seed: int,
    hyperparameters: Mapping[str, Any] | None = None,
) -> tuple[TrainSettings, Mapping[str, Any]]:
    """Return the settings for a model of another seed and perhaps architecture, and what `tune` found for it.

    What was found or fixed for one architecture is not right for another, so of that only the run file's learning rate
    and batch size remain.

    Args:
        settings: The run file's `train` section.
        found: What `tune` found for the run file's model.
        build: The architecture.
        seed: The seed.
        hyperparameters: Values that win over all others.
    """
    own, task = settings.model, settings.task
    is_same = build == own.build or (
        not is_users(build) and not is_users(own.build) and name_of(build, task) == name_of(own.build, task)
    )
    kept = own.hyperparameters
    if not is_same:
        kept = {name: value for name, value in kept.items() if name in OF_THE_TRAINING}
    model = Model(build=build, hyperparameters={**kept, **(hyperparameters or {})})
    return settings.model_copy(update={"seed": seed, "model": model}), found if is_same else {}


def _by_folds(ensemble: Ensemble, num_folds: int) -> list[dict[str, Any]]:
    wanted = ensemble.members or num_folds
    if not num_folds or wanted > num_folds:
        held = f"has {num_folds} folds" if num_folds else "is not divided into folds"
        raise ConfigError(
            f"train.ensemble is by folds, and the data set {held}" + (f" for {wanted} members." if num_folds else "."),
            hint=f"write data.split.k_folds: {max(wanted, NUM_MEMBERS)} and ingest again, or take by: seed.",
        )
    return [{"what": f"without fold {fold + 1}", "fold": fold} for fold in range(wanted)]


def _by_features(ensemble: Ensemble, spec: ModelSpec, seed: int) -> list[dict[str, Any]]:
    drawn = features.draw(spec, ensemble.feature_share, ensemble.members or NUM_MEMBERS, seed)
    return [{"what": _seen(names), "features": names} for names in drawn]


def _seen(names: Sequence[str]) -> str:
    return f"sees {' and '.join(names)}" if len(names) < MANY_NAMES else f"sees {len(names)} features"


def _by_hyperparameters(settings: TrainSettings, spec: ModelSpec, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    ensemble, fixed = settings.ensemble, {*settings.model.hyperparameters, "batch_size"}  # the schedule has the batch
    space = models.search_space(spec, settings.model.build)
    free = {name: range_ for name, range_ in space.items() if name not in fixed}
    if not free:
        raise ConfigError(
            "train.ensemble is by hyperparameters, and model.hyperparameters fixes all of them.",
            hint="remove one of them, or take by: seed.",
        )
    generator = random.Random(settings.seed)
    drawn = [
        neighbourhood.draw(free, chosen, ensemble.spread, generator) for _ in range(1, ensemble.members or NUM_MEMBERS)
    ]
    said = [", ".join(f"{name} {_shown(value)}" for name, value in values.items()) for values in drawn]
    others = [{"what": what, "hyperparameters": values} for what, values in zip(said, drawn, strict=True)]
    return [{"what": "as found"}, *others]


def _by_architecture(settings: TrainSettings, spec: ModelSpec) -> list[dict[str, Any]]:
    builds = settings.ensemble.builds or small_builds(spec, settings.model.build)
    wanted = settings.ensemble.members or len(builds)
    return [{"what": build, "build": build} for build in (builds[index % len(builds)] for index in range(wanted))]


def small_builds(spec: ModelSpec, own: str) -> tuple[str, ...]:
    """Return the run file's architecture, and then all others of the task but the large ones of Keras."""
    size = spec.image_shape[:2] if spec.image_shape else None
    first = own if is_users(own) else name_of(own, spec.task)
    small = [
        name for name in BY_TASK[spec.task] if name not in KERAS_APPLICATIONS and not misfit(name, spec.task, size)
    ]
    return (first, *(name for name in small if name != first))


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
