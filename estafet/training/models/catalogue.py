"""Finds an architecture by its name; the names themselves are in `estafet.runfile.architectures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from estafet.errors import ConfigError
from estafet.runfile.architectures import BY_TASK, KERAS_APPLICATIONS, misfit, name_of
from estafet.runfile.space import Range
from estafet.runfile.tasks import Task
from estafet.training.models import (
    applications,
    forecasting,
    images,
    patchtst,
    recurrent,
    resnet,
    series_linear,
    table_linear,
    table_mlp,
    tables,
    tcn,
)
from estafet.training.models.spec import ModelSpec

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """A model that is known by name.

    Attributes:
        name: Its name in `model.build`.
        build: Makes the model of a data set from all its hyperparameters.
        defaults: Its hyperparameters and their values unless others are given.
        search_space: Returns the ranges that are worth searching.
        positive: Hyperparameters that must be at least 1; the others may be 0.
    """

    name: str
    build: Callable[[ModelSpec, Mapping[str, Any]], keras.Model]
    defaults: Mapping[str, Any]
    search_space: Callable[[ModelSpec], dict[str, Range]]
    positive: tuple[str, ...] = ()


_IMAGES = {
    "cnn": (images, images.build),
    "resnet": (resnet, resnet.build),
    **{name: (applications, partial(applications.build, name)) for name in KERAS_APPLICATIONS},
}
_TABLES = {
    "wide_and_deep": (tables, tables.build),
    "mlp": (table_mlp, table_mlp.build),
    "linear": (table_linear, table_linear.build),
}
_SERIES = {
    "nlinear": (forecasting, forecasting.build),
    "linear": (series_linear, series_linear.build),
    "lstm": (recurrent, recurrent.build_lstm),
    "gru": (recurrent, recurrent.build_gru),
    "tcn": (tcn, tcn.build),
    "patchtst": (patchtst, patchtst.build),
}
_BY_TASK = {
    Task.IMAGE_CLASSIFICATION: _IMAGES,
    Task.TABULAR_CLASSIFICATION: _TABLES,
    Task.TABULAR_REGRESSION: _TABLES,
    Task.FORECASTING: _SERIES,
}


def names(task: Task) -> tuple[str, ...]:
    """Return the architectures of a task, the default first."""
    return BY_TASK[task]


def find(task: Task, build: str, image_size: tuple[int, int] | None = None) -> Architecture:
    """Return the architecture that `build` names.

    Args:
        task: What the model is asked to do.
        build: `default` or a name.
        image_size: Height and width of the images in pixels, where there are any.

    Raises:
        ConfigError: It is none, is one of another task, or takes no images as small as these.
    """
    if found := misfit(build, task, image_size):
        raise ConfigError(f"{found.message}.", hint=found.hint)
    name = name_of(build, task)
    module, function = _BY_TASK[task][name]
    positive = getattr(module, "POSITIVE", ())
    return Architecture(name, function, module.DEFAULTS, module.search_space, positive)
