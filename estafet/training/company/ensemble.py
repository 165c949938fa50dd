"""The mean of several models as one Keras model, which is saved, exported and served like any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from estafet.training.models import ModelSpec

if TYPE_CHECKING:
    import keras


def average(members: Sequence[keras.Model], spec: ModelSpec) -> keras.Model:
    """Return a model that gives the mean of its members' answers: of probabilities, or of predictions.

    Each member keeps its own preprocessing, and its weights, of which no copy is made. Members are layers of the new
    model, named `member_1` and so on, so that the names of their own layers may be the same; the names of the models
    that are given change.

    Args:
        members: They take the inputs of `spec`; at least two.
        spec: What the new model takes and gives.

    Source:
        Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep ensembles", 2017.
    """
    import keras
    from keras import layers

    inputs, answers = spec.inputs(), []
    for number, member in enumerate(members, start=1):
        member.name = f"member_{number}"
        answer = member({name: inputs[name] for name in inputs})
        if len(answer.shape) == 1:  # a user's regression may give (N,)
            answer = layers.Reshape((spec.output_width,))(answer)
        answers.append(answer)
    mean = layers.Average(dtype="float32", name="mean")(answers)
    return keras.Model(inputs, mean, name="ensemble")
