"""The `train.ensemble` and `train.distill` sections: several models in place of one, and one in place of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, create_model, field_validator, model_validator

from estafet.runfile.architectures import Misfit, is_users, misfit
from estafet.runfile.model import Hyperparameter
from estafet.runfile.section import Section
from estafet.runfile.tasks import Task

if TYPE_CHECKING:
    from estafet.runfile.data import Data
    from estafet.runfile.train import Train

BUILD_PATTERN = r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$"
MAX_MEMBERS = 20
NUM_MEMBERS = 5
"""Members of an ensemble where nothing says how many."""


class Ensemble(Section):
    """Several models whose mean answers, served as one. Nothing of it is done unless `train.ensemble` is given."""

    by: Literal["seed", "folds", "features", "hyperparameters", "architecture"] = "seed"
    """What its members differ in. `seed`: weights and shuffling at the start. `folds`: each leaves another fold of
    `data.split.k_folds` out. `features`: each sees other columns (or channels of a series). `hyperparameters`: drawn
    around what `tune` found. `architecture`: other models of the task. Each has a seed of its own too."""
    members: int | None = Field(None, ge=2, le=MAX_MEMBERS)
    """Number of members; 5 where it is not given, or as many as there are folds or architectures."""
    feature_share: float = Field(0.7, gt=0, lt=1)
    """With `features`: share of them that a member sees. Each feature is seen by about as many members as any other."""
    spread: float = Field(0.25, gt=0, le=1)
    """With `hyperparameters`: how far from what was found they are drawn, as a share of each range."""
    builds: tuple[str, ...] = ()
    """With `architecture`: their names, as in `model.build`; the model of the run file and then all small ones of the
    task, where none are given."""

    @field_validator("builds")
    @classmethod
    def _are_builds(cls, builds: tuple[str, ...]) -> tuple[str, ...]:
        import re

        wrong = [build for build in builds if not re.match(BUILD_PATTERN, build)]
        if wrong:
            raise ValueError(f"'{wrong[0]}' is neither the name of an architecture nor `module:function`")
        return builds

    @model_validator(mode="after")
    def _fits_together(self) -> Ensemble:
        if self.builds and self.by != "architecture":
            raise ValueError(f"builds are for by: architecture, and this is by: {self.by}")
        return self


# `from` is a word of Python, so a class cannot name it.
_Taught = create_model(
    "_Taught",
    __base__=Section,
    **{
        "from": (
            Literal["ensemble", "model"],
            Field(
                "ensemble",
                description="Who teaches: the `train.ensemble`, or a `model` that is trained first, as the run file "
                "says (self-distillation).",
            ),
        )
    },
)


class Distill(_Taught):
    """A student that learns from a teacher's answers beside the labels, and is the model that is released. Nothing of
    it is done unless `train.distill` is given."""

    temperature: float = Field(4, gt=0, le=100)
    """For classes: how much the probabilities of teacher and student are evened out before they are compared."""
    alpha: float = Field(0.5, ge=0, le=1)
    """Weight of the teacher's answers; that of the labels is 1 − alpha."""
    generations: int = Field(1, ge=1, le=MAX_MEMBERS)
    """Number of students, each of which learns from the one before (born-again networks); the last one is released."""
    build: str | None = Field(None, pattern=BUILD_PATTERN)
    """The student's architecture, as in `model.build`, which it is where this is not given."""
    hyperparameters: dict[str, Hyperparameter] = Field(default_factory=dict)
    """The student's hyperparameters, such as `{units: 8}` for a smaller one; they win over all others."""

    @property
    def teacher(self) -> Literal["ensemble", "model"]:
        """Who teaches."""
        return getattr(self, "from")


def misfit_of(train: Train, data: Data, task: Task, build: str) -> tuple[tuple[str, ...], Misfit] | None:
    """Return which key of the run file asks for members or a student that there cannot be, and why; None for none.

    Args:
        train: The `train` section.
        data: The `data` section.
        task: What the model is asked to do.
        build: `model.build`.
    """
    ensemble, distill = train.ensemble, train.distill
    if distill and distill.teacher == "ensemble" and not ensemble:
        return ("train", "distill"), Misfit(
            "train.distill learns from an ensemble, and there is no train.ensemble",
            "write `from: model` for self-distillation, or `ensemble: {members: 5}` beside it.",
        )
    if distill and distill.teacher == "model" and ensemble:
        return ("train", "distill"), Misfit(
            "train.distill learns from one model, and train.ensemble would be trained for nothing",
            "write `from: ensemble`, or remove train.ensemble.",
        )
    if ensemble and (found := _misfit_of_members(ensemble, data, task)):
        return ("train", "ensemble", "by"), found
    named = {("train", "ensemble", "builds"): ensemble.builds if ensemble else ()}
    named[("train", "distill", "build")] = (distill.build,) if distill and distill.build else ()
    for key, builds in named.items():
        for name in builds:
            if found := _misfit_of_build(name, ".".join(key), data, task, build):
                return key, found
    return None


def _misfit_of_members(ensemble: Ensemble, data: Data, task: Task) -> Misfit | None:
    folds = data.split.k_folds
    if ensemble.by == "folds" and not folds:
        return Misfit(
            "train.ensemble is by folds, and the data are not divided into any",
            "write data.split.k_folds: 5, or take by: seed.",
        )
    if ensemble.by == "folds" and (ensemble.members or 0) > folds:
        return Misfit(
            f"train.ensemble.members is {ensemble.members}, and data.split.k_folds is {folds}",
            "raise data.split.k_folds, or remove members.",
        )
    if ensemble.by == "features" and task is Task.IMAGE_CLASSIFICATION:
        return Misfit(
            "train.ensemble is by features, and images have none that could be left out", "take by: seed or by: folds."
        )
    return None


def _misfit_of_build(name: str, key: str, data: Data, task: Task, build: str) -> Misfit | None:
    if is_users(name):
        module = build.partition(":")[0] if is_users(build) else None
        if name.partition(":")[0] == module:
            return None
        return Misfit(
            f"{key} names '{name}', which is not in the module of model.build ({build})",
            "put the functions into one module: changes are looked for in that of model.build alone.",
        )
    found = misfit(name, task, data.image_size)
    return found and Misfit(found.message.replace("model.build", key, 1), found.hint.replace("model.build", key))
