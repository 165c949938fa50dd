"""What each step is told: its section of the run file, with the few keys from elsewhere that it needs.

A step takes one dict, and nothing in it that does not concern it, so that a change in `train` does not make `ingest`
run again.
"""

from __future__ import annotations

from estafet.runfile.data import Data
from estafet.runfile.earlier import EarlierStudy
from estafet.runfile.evaluate import Evaluate
from estafet.runfile.model import Model
from estafet.runfile.monitor import Monitor
from estafet.runfile.release import Deploy, Export
from estafet.runfile.run import RunFile
from estafet.runfile.section import Section
from estafet.runfile.tasks import Task
from estafet.runfile.train import Augment, Train
from estafet.runfile.tune import Tune
from estafet.source_schema import SourceSchema


class IngestSettings(Data):
    """The `data` section, the task, and the contents of the pinned schema."""

    task: Task
    expected: SourceSchema | None = None
    """What `data.schema_file` holds. The step gets this and not the path, which it may not reach on a cluster."""


class TuneSettings(Tune):
    """The `tune` section, the model, the task, and how `train` augments."""

    task: Task
    model: Model
    augment: Augment = Augment()
    """That of `train`: what is searched on is what is trained on."""
    earlier: EarlierStudy | None = None
    """What `tune.warm_start` holds. The step gets this and not the path, which it may not reach on a cluster."""


class TrainSettings(Train):
    """The `train` section, the model and the task."""

    task: Task
    model: Model


class EvaluateSettings(Evaluate):
    """The `evaluate` section, the model (whose module may define layers) and the task."""

    task: Task
    model: Model


class ExportSettings(Export):
    """The `export` section, the model (whose module may define layers), the task and the model's name."""

    name: str
    task: Task
    model: Model


class DeploySettings(Deploy):
    """The `deploy` section and the model's name."""

    name: str


class DriftSettings(Monitor):
    """The `monitor` section, the model's name and the task."""

    name: str
    task: Task


SETTINGS: dict[str, tuple[type[Section], str]] = {
    "ingest": (IngestSettings, "data"),
    "tune": (TuneSettings, "tune"),
    "train": (TrainSettings, "train"),
    "evaluate": (EvaluateSettings, "evaluate"),
    "export": (ExportSettings, "export"),
    "deploy": (DeploySettings, "deploy"),
    "detect_drift": (DriftSettings, "monitor"),
}
"""For each step, the model of its settings and the section of the run file that they come from."""


def settings_for(step: str, run: RunFile) -> dict[str, object]:
    """Return what `step` is told, as plain JSON values; Kubeflow has no null, so what is not set is left out.

    Args:
        step: A key of `SETTINGS`.
        run: The run file.
    """
    model, section = SETTINGS[step]
    values = getattr(run, section).model_dump(mode="json")
    for key in ("name", "task", "model"):
        if key in model.model_fields and key not in values:
            value = getattr(run, key)
            values[key] = value.model_dump(mode="json") if isinstance(value, Section) else value
    if step == "tune":
        values["augment"] = run.train.augment.model_dump(mode="json")
    return model.model_validate(values).model_dump(mode="json", exclude_none=True)
