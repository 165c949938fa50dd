"""Dropout rates and weight penalties as variables, so that another value needs no other model and no new trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MethodType
from typing import Any

import keras
import tensorflow as tf

NAMES = ("dropout", "text_dropout", "l2")
"""Hyperparameters of Estafet's own architectures that a model holds as they are given, and that change no shape. Zero
is another model: it has no such layer."""


def stand_ins(names: Iterable[str]) -> dict[str, float]:
    """Return for each name a number that no model has by chance, by which its places are found again."""
    return {name: 0.1234567 + NAMES.index(name) / 1e3 for name in names}


class Scalars:
    """The variables of one model.

    Attributes:
        found: Names of those that the model has a place for.
    """

    def __init__(self, model: keras.Model, given: Mapping[str, float]):
        """Put variables in the places of stand-ins.

        Args:
            model: A model that was built with stand-ins and has not been traced.
            given: The stand-ins, by name.
        """
        names = {value: name for name, value in given.items()}
        self._variables: dict[str, list[tuple[tf.Variable, bool]]] = {name: [] for name in given}
        penalties = {id(found): found for weight in model.weights if (found := getattr(weight, "regularizer", None))}
        for penalty in penalties.values():
            if isinstance(penalty, keras.regularizers.L2) and penalty.l2 in names:
                name = names[penalty.l2]
                penalty.l2 = self._variable(name)
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.Dropout) and layer.rate in names:
                name = names[layer.rate]
                layer.call = MethodType(_dropping(self._variable(name), self._variable(name, is_scale=True)), layer)
        self.found = frozenset(name for name, variables in self._variables.items() if variables)

    def _variable(self, name: str, *, is_scale: bool = False) -> tf.Variable:
        variable = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self._variables[name].append((variable, is_scale))
        return variable

    def set(self, values: Mapping[str, Any]) -> None:
        """Give each its value; of a rate also what the values that are left are multiplied by."""
        for name, variables in self._variables.items():
            for variable, is_scale in variables:
                variable.assign(1 / (1 - values[name]) if is_scale else values[name])


def _dropping(rate: tf.Variable, scale: tf.Variable):
    """Return what stands in for the `call` of a dropout layer; the numbers are those of Keras, to the last bit."""

    def call(layer, inputs, training=False):
        if not training:
            return inputs
        is_spatial = hasattr(layer, "_get_noise_shape")
        shape = layer._get_noise_shape(inputs) if is_spatial else _shape(inputs, layer.noise_shape)
        draws = keras.random.uniform(shape, dtype=inputs.dtype, seed=layer.seed_generator)
        kept = inputs * tf.cast(scale, inputs.dtype)
        return tf.where(draws >= tf.cast(rate, inputs.dtype), kept, tf.zeros((), inputs.dtype))

    return call


def _shape(inputs: tf.Tensor, noise_shape: tuple[int | None, ...] | None) -> list[tf.Tensor]:
    sizes = tf.unstack(tf.shape(inputs), num=len(inputs.shape))
    return [
        own if own is not None else size for own, size in zip(noise_shape or [None] * len(sizes), sizes, strict=True)
    ]
