"""Trains several models one after the other: an ensemble's members, a teacher, and the students that learn from it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.train import writing
from components.train.company import finishing, judging
from components.train.company.surroundings import CHECKPOINTS, ENSEMBLE, FINISHED, Fellow, Surroundings
from components.train.company.tracking import Part, Prefixed
from components.train.planning import chosen_for, plan_for
from estafet.errors import EstafetError
from estafet.runfile.steps import TrainSettings
from estafet.tracking import Tracker
from estafet.training import feeding, loop
from estafet.training.company import distillation, ensemble, features
from estafet.training.company.members import Member, members_of, variant
from estafet.training.feeding import Source
from estafet.training.models import ModelSpec
from estafet.training.objectives import JUDGED_BY
from estafet.training.trained import (
    COMPANY_FOLDER,
    TRAINED_FILE,
    Trained,
    as_hyperparameters,
    load_model,
    version_of,
)

if TYPE_CHECKING:
    import keras


def train(settings: TrainSettings, found: Mapping[str, Any], around: Surroundings) -> Trained:
    """Train the members or the teacher, a twin of the student, and the students; write the last one and its company.

    Each model has its own checkpoints; what a killed process had finished is read and not trained again.

    Args:
        settings: The run file's `train` section with `ensemble`, `distill` or both.
        found: What `tune` found.
        around: Where it takes place.

    Returns:
        What is known of the model that is released: the last student or, without any, the ensemble.

    Raises:
        ConfigError: There are no such folds or features, or a model cannot be built.
        DataError, StepFailed, Preempted: As for one model; the message of a failure says which one it was.
    """
    company = _Company(settings, found, around)
    fellows = [company.train(member) for member in company.first]
    if settings.ensemble:
        fellows.append(company.average(fellows))
    teacher = fellows[-1].model
    fellows += [company.train(twin) for twin in company.twins]
    for student in company.students:
        fellows.append(company.train(student, taught_by=teacher))
        teacher = fellows[-1].model
    if around.writes:
        finishing.write(fellows, around)
    return fellows[-1].trained


class _Company:
    """All trainings of one step."""

    def __init__(self, settings: TrainSettings, found: Mapping[str, Any], around: Surroundings):
        self.settings, self.found, self.around = settings, found, around
        self.spec = ModelSpec.from_manifest(around.manifest)
        self.chosen = chosen_for(settings, self.spec, found)
        self.first = self._first()
        self.students = self._students()
        self.twins = self._twins()
        self.everyone = [*self.first, *self.twins, *self.students]
        self._fold, self._read = -1, None
        manifest = around.manifest
        around.tracker.log_dataset(manifest.name, manifest.version, str(around.dataset_folder), "training")

    def _first(self) -> list[Member]:
        """Return who learns from the labels alone: the members, or the teacher."""
        settings, num_folds = self.settings, len(self.around.manifest.folds)
        if settings.ensemble:
            return members_of(settings, self.spec, self.found, self.chosen, num_folds)
        return [Member("teacher", "teacher, from the labels alone", settings, self.found)]

    def _students(self) -> list[Member]:
        settings, distill, students = self.settings, self.settings.distill, []
        if distill is None:
            return []
        build = distill.build or settings.model.build
        for number in range(1, distill.generations + 1):
            own, found = variant(settings, self.found, build, settings.seed + number, distill.hyperparameters)
            teacher = f"generation {number - 1}" if number > 1 else self._teachers_name()
            which = f"generation {number}, " if distill.generations > 1 else ""
            students.append(Member(f"student-{number}", f"{which}student of {teacher}", own, found))
        return students

    def _twins(self) -> list[Member]:
        """Return, where the student is another model than those that teach, its twin that no one teaches.

        Else nothing would tell what the teacher's answers bought from what the other size costs. The same model trained
        from the labels is there already where students are like their teachers.
        """
        distill = self.settings.distill
        if distill is None or not (distill.build or distill.hyperparameters):
            return []
        return [replace(self.students[-1], name="twin", role="the student's twin, from the labels alone")]

    def _teachers_name(self) -> str:
        return f"an {self._ensembles_name()}" if self.settings.ensemble else "the teacher"

    def _ensembles_name(self) -> str:
        return f"ensemble of {len(self.first)} by {self.settings.ensemble.by}"

    def train(self, member: Member, taught_by: keras.Model | None = None) -> Fellow:
        """Train one model, go on with it where a process was killed, or read it where it is finished."""
        around, folder = self.around, self.around.scratch / member.name
        number, last = self.everyone.index(member), bool(self.students) and member is self.everyone[-1]
        tracker = around.tracker if last else Prefixed(around.tracker, member.name)
        if (folder / FINISHED / TRAINED_FILE).is_file():
            return self._read_finished(member, folder / FINISHED, tracker)
        part = Part(around.progress, member.name, number, len(self.everyone), self.settings.epochs)
        try:
            model, trained = self._fit(member, taught_by, part, tracker, folder / CHECKPOINTS)
        except EstafetError as error:
            error.message = f"{member.name.replace('-', ' ')}: {error.message}"
            raise
        if around.writes:
            part("writing the model", self.settings.epochs)
            writing.write(model, trained, folder / FINISHED)
            writing.track(trained, folder / FINISHED, tracker)
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return Fellow(member.name, model, trained)

    def _read_finished(self, member: Member, folder: Path, tracker: Tracker) -> Fellow:
        """Return a model that an earlier, killed process finished, and tell the new MLflow run of it."""
        trained = Trained.load(folder)
        if self.around.writes:
            for epoch, values in enumerate(trained.history):
                tracker.log_metrics(values, step=epoch)
            writing.track(trained, folder, tracker)
        return Fellow(member.name, load_model(folder), trained)

    def _fit(
        self, member: Member, taught_by: keras.Model | None, part: Part, tracker: Tracker, checkpoints: Path
    ) -> tuple[keras.Model, Trained]:
        part("reading the examples")
        (examples, validation), spec, columns = self._sources(member.fold), self.spec, None
        if member.features:
            spec, columns = features.narrow(spec, member.features)
            examples, validation = (features.SomeColumns.of(source, columns) for source in (examples, validation))
        own_folder = self._folder_of(member)
        plan, chosen = plan_for(member.settings, spec, member.found, examples.num_examples, own_folder)
        objective, build = None, member.settings.model.build
        if taught_by is not None:
            objective = distillation.objective(taught_by, spec, self.settings.distill)
        part("building the model")
        outcome = loop.fit(
            spec,
            build,
            chosen,
            examples,
            validation,
            plan,
            scratch=checkpoints,
            objective=objective,
            progress=part,
            tracker=tracker,
        )
        model = writing.rebuilt(outcome, spec, build, chosen)
        trained = writing.describe(outcome, spec, build, chosen, self.around.manifest.version)
        told = {"role": member.name.split("-")[0], "about": member.role}
        return features.widen(model, self.spec, columns) if columns else model, trained.model_copy(update=told)

    def _folder_of(self, member: Member) -> Path:
        out = self.around.out_folder
        return out if self.students and member is self.everyone[-1] else out / COMPANY_FOLDER / member.name

    def _sources(self, fold: int | None) -> tuple[Source, Source]:
        """Return what to learn from and what to be judged on; the last ones are kept, as most members share them."""
        if self._read is None or fold != self._fold:
            self._read = None  # before the next ones are read, which may be as large
            folder, augment = self.around.dataset_folder, self.settings.augment
            self._read = (
                feeding.load(folder, "train", fold=fold, augment=augment),
                feeding.load(folder, "validation", fold=fold),
            )
            self._fold = fold
        return self._read

    def average(self, members: Sequence[Fellow]) -> Fellow:
        """Return the ensemble of these members."""
        model = ensemble.average([member.model for member in members], self.spec)
        if self.settings.ensemble.by == "folds":  # each member has learned from the others' validation splits
            judged = judging.mean([member.trained for member in members])
        else:
            judged = judging.judge(model, self.spec, self._sources(None)[1])
        first = members[0].trained
        trained = Trained(
            version=version_of(model.get_weights()),
            task=self.spec.task,
            build=self.settings.model.build,
            hyperparameters=as_hyperparameters(self.chosen),
            dataset_version=self.around.manifest.version,
            num_parameters=model.count_params(),
            epochs=1,
            epoch=1,
            judged_by=JUDGED_BY[self.spec.task],
            history=[judged],
            devices=first.devices,
            num_replicas=first.num_replicas,
            role=ENSEMBLE,
            about=self._ensembles_name(),
        )
        return Fellow(ENSEMBLE, model, trained)
