"""The run file itself: its sections, and the name and task at its head."""

from __future__ import annotations

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from estafet.runfile.architectures import Misfit, misfit
from estafet.runfile.company import misfit_of
from estafet.runfile.data import Data
from estafet.runfile.evaluate import Evaluate
from estafet.runfile.model import Model
from estafet.runfile.monitor import Monitor
from estafet.runfile.optimise import misfit_of as unmeasurable
from estafet.runfile.release import Deploy, Export, Serve, misfit_of_name
from estafet.runfile.section import Section
from estafet.runfile.services import Cluster, Notify, Tracking
from estafet.runfile.tasks import Task
from estafet.runfile.train import Train
from estafet.runfile.tune import Tune


class RunFile(Section):
    """One file that says how raw data become a model that is served and watched."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    """Name of the model, of its MLflow experiment and of its folder: lower-case letters, digits and hyphens."""
    task: Task
    """What the model is asked to do."""
    workspace: str = ".estafet"
    """Folder for artifacts, the cache, the MLflow store, served models and logs, relative to the run file."""
    data: Data
    """Where the raw data are, what to learn from them, and how to split them."""
    model: Model = Model()
    """Which Keras model to build, and the hyperparameters that are fixed."""
    tune: Tune = Tune()
    """How hyperparameters are searched on a subsample."""
    train: Train = Train()
    """Epochs, the batch-size schedule, the optimiser, and the devices to train on."""
    evaluate: Evaluate = Evaluate()
    """The headline metric and the gates between a candidate and its release."""
    export: Export = Export()
    """The SavedModel and what is stored with it."""
    deploy: Deploy = Deploy()
    """Where a released model goes."""
    serve: Serve = Serve()
    """How `estafet serve` answers."""
    monitor: Monitor = Monitor()
    """When a window of requests counts as drift, and what follows from it."""
    tracking: Tracking = Tracking()
    """Where MLflow keeps what is known of each run."""
    notify: Notify = Notify()
    """Whom to tell."""
    cluster: Cluster = Cluster()
    """The Kubeflow Pipelines end point that `estafet submit` uses."""

    @model_validator(mode="after")
    def _augments_nothing_but_images(self) -> RunFile:
        if self.train.augment.is_on and self.task is not Task.IMAGE_CLASSIFICATION:
            raise ValueError(f"train.augment changes images, and {self.task} has none; remove it")
        return self

    @model_validator(mode="after")
    def _reads_texts_of_tables_only(self) -> RunFile:
        if self.data.text and self.task in (Task.IMAGE_CLASSIFICATION, Task.FORECASTING):
            raise ValueError(f"data.text names columns of a table, which {self.task} does not learn from; remove it")
        return self

    @model_validator(mode="after")
    def _builds_a_model_of_its_task(self) -> RunFile:
        if found := misfit(self.model.build, self.task, self.data.image_size):
            raise _at(("model", "build"), found)
        return self

    @model_validator(mode="after")
    def _trains_members_that_there_can_be(self) -> RunFile:
        if found := misfit_of(self.train, self.data, self.task, self.model.build):
            raise _at(*found)
        return self

    @model_validator(mode="after")
    def _is_served_under_a_name_that_a_cluster_takes(self) -> RunFile:
        if found := misfit_of_name(self.deploy, self.name):
            raise _at(*found)
        return self

    @model_validator(mode="after")
    def _optimises_what_can_be_measured(self) -> RunFile:
        if found := unmeasurable(self.tune.optimise, self.tune.satisfy, self.task):
            raise _at(*found)
        return self


def _at(place: tuple[str | int, ...], found: Misfit) -> ValidationError:
    """Return the error that says of one key what is wrong with it."""
    told = PydanticCustomError("misfit", "{message}", {"message": found.message, "hint": found.hint})
    where = InitErrorDetails(type=told, loc=place, input=None)
    return ValidationError.from_exception_data("RunFile", [where])
