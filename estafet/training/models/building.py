"""Builds a model for a data set, and checks that it takes and gives what the task wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from estafet.errors import ConfigError, EstafetError
from estafet.runfile.architectures import DEFAULT, is_users
from estafet.runfile.space import Range
from estafet.training.models import catalogue, text, user
from estafet.training.models.catalogue import Architecture
from estafet.training.models.hyperparameters import OF_THE_TRAINING, merge, whole
from estafet.training.models.spec import ModelSpec

if TYPE_CHECKING:
    import keras

__all__ = [
    "OF_THE_TRAINING",
    "build",
    "check",
    "check_hyperparameters",
    "default_hyperparameters",
    "search_space",
    "whole",
]

_NUM_TRIED = 2


def build(spec: ModelSpec, build: str = DEFAULT, hyperparameters: Mapping[str, Any] | None = None) -> keras.Model:
    """Return a model that is not compiled.

    Args:
        spec: What it must take and give.
        build: `default` or the name of an architecture of the task (docs/models.md), or `module:function` for the
            user's own, called with `spec` and the hyperparameters.
        hyperparameters: Values that win over the architecture's defaults; those of the training are passed over.

    Raises:
        ConfigError: The architecture is unknown, of another task or too deep for the images; a hyperparameter is
            unknown or has a wrong value; the user's function is not found or fails, or its model does not fit the task.
    """
    given = {key: whole(value) for key, value in (hyperparameters or {}).items() if key not in OF_THE_TRAINING}
    if is_users(build):
        return _build_users(spec, build, given)
    architecture = _find(spec, build)
    return architecture.build(spec, merge(architecture, given))


def default_hyperparameters(spec: ModelSpec, build: str = DEFAULT) -> dict[str, Any]:
    """Return the hyperparameters that the model has unless others are given; none are known of a user's model.

    Raises:
        ConfigError: The architecture is unknown, of another task or too deep for the images.
    """
    return {} if is_users(build) else dict(_find(spec, build).defaults)


def check_hyperparameters(spec: ModelSpec, build: str, hyperparameters: Mapping[str, Any]) -> None:
    """Look whether a model takes these hyperparameters, without building it; a user's model may take any.

    Raises:
        ConfigError: One is unknown or has a wrong value; those of the training are passed over.
    """
    if not is_users(build):
        given = {key: whole(value) for key, value in hyperparameters.items() if key not in OF_THE_TRAINING}
        merge(_find(spec, build), given)


def search_space(spec: ModelSpec, build: str = DEFAULT) -> dict[str, Range]:
    """Return the hyperparameters that are worth searching; of a user's model only those of the training are known.

    Raises:
        ConfigError: The architecture is unknown, of another task or too deep for the images.
    """
    if is_users(build):
        space = _find(spec, DEFAULT).search_space(spec)
        return {name: space[name] for name in OF_THE_TRAINING}
    return _find(spec, build).search_space(spec)


def _find(spec: ModelSpec, build: str) -> Architecture:
    found = catalogue.find(spec.task, build, spec.image_shape[:2] if spec.image_shape else None)
    return text.with_texts(found, spec.schema)


def _build_users(spec: ModelSpec, build: str, hyperparameters: dict[str, Any]) -> keras.Model:
    import keras

    function = user.find(build)
    try:
        model = function(spec, hyperparameters)
    except EstafetError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{build}(spec, hyperparameters) failed with {type(error).__name__}: {error}{user.place_of(error)}.",
            hint=f"hyperparameters was {hyperparameters}; inputs are {_describe(spec)}.",
        ) from error
    if not isinstance(model, keras.Model):
        raise ConfigError(
            f"{build} returned a {type(model).__name__}, not a Keras model.", hint="return a keras.Model, not compiled."
        )
    check(model, spec, build)
    return model


def check(model: keras.Model, spec: ModelSpec, build: str) -> None:
    """Try a model on two made-up examples.

    Raises:
        ConfigError: It does not take the inputs of the task, or its output has another shape or meaning.
    """
    try:
        output = np.asarray(model(_made_up(spec), training=False))
    except Exception as error:
        raise ConfigError(
            f"the model of {build} does not take the inputs of this data set: {_first_line(error)}",
            hint=f"its inputs must be a dict with {_describe(spec)}; `spec.inputs()` makes them.",
        ) from error
    wanted = (_NUM_TRIED, spec.output_width)
    if output.shape != wanted and not (spec.output_width == 1 and output.shape == wanted[:1]):
        raise ConfigError(
            f"the model of {build} gives {_shape(output.shape[1:])} for each example, and {spec.task} needs "
            f"{_shape(wanted[1:])}.",
            hint="end it with Dense(spec.output_width)" + (" and a softmax." if spec.num_classes else "."),
        )
    sums = output.sum(axis=-1)
    if spec.num_classes and np.isfinite(sums).all() and (output.min() < -1e-6 or np.abs(sums - 1).max() > 1e-3):
        raise ConfigError(
            f"the model of {build} gives no probabilities: two made-up examples got sums of {sums[0]:.3g} and "
            f"{sums[1]:.3g}, lowest value {output.min():.3g}.",
            hint="end it with a softmax: Dense(spec.num_classes, activation='softmax').",
        )


def _made_up(spec: ModelSpec) -> dict[str, Any]:
    import tensorflow as tf

    dtypes = spec.input_dtypes
    examples = {}
    for name, shape in spec.input_shapes.items():
        full = (_NUM_TRIED, *shape)
        examples[name] = tf.fill(full, "") if dtypes[name] == "string" else tf.ones(full, dtypes[name])
    return examples


def _describe(spec: ModelSpec) -> str:
    dtypes = spec.input_dtypes
    return ", ".join(f"'{name}' {dtypes[name]} {_shape(shape)}" for name, shape in spec.input_shapes.items())


def _shape(shape: tuple[int, ...]) -> str:
    return f"(batch{''.join(f', {size}' for size in shape)})"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
