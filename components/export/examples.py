"""Signatures on serialised `tf.train.Example`s, whose features have the names of the raw inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from estafet.release import IMAGE_INPUT, Contract, TensorSpec

if TYPE_CHECKING:
    import tensorflow as tf

SERVING_EXAMPLES, CLASSIFY, REGRESS = "serving_examples", "classify", "regress"
METHODS = {CLASSIFY: "tensorflow/serving/classify", REGRESS: "tensorflow/serving/regress"}
"""What TensorFlow Serving calls the methods of the signatures that answer Classify and Regress."""
EXAMPLES_INPUT, METHOD_INPUT = "examples", "inputs"


@dataclass(frozen=True)
class Endpoint:
    """A signature that takes serialised examples.

    Attributes:
        function: From strings, shape (N,), to named answers.
        spec: Its input.
    """

    function: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    spec: tf.TensorSpec


def endpoints(
    answer: Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]], contract: Contract
) -> dict[str, Endpoint]:
    """Return the signatures on examples that suit a task, by name.

    Args:
        answer: From raw inputs to named answers, by the names of the contract.
        contract: What the model takes and gives.
    """
    import tensorflow as tf

    features = feature_spec(contract)
    classes = contract.data_schema.label.classes

    def serve(serialised: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(tf.io.parse_example(serialised, features))

    def classify(serialised: tf.Tensor) -> dict[str, tf.Tensor]:
        scores_NC = serve(serialised)["probabilities"]
        return {"classes": tf.broadcast_to(tf.constant(classes), tf.shape(scores_NC)), "scores": scores_NC}

    def regress(serialised: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": serve(serialised)[contract.main_output()]}

    def strings(name: str) -> tf.TensorSpec:
        return tf.TensorSpec((None,), tf.string, name=name)

    found = {SERVING_EXAMPLES: Endpoint(serve, strings(EXAMPLES_INPUT))}
    if contract.task.is_classification:
        found[CLASSIFY] = Endpoint(classify, strings(METHOD_INPUT))
    elif contract.outputs()[0].shape == ():
        found[REGRESS] = Endpoint(regress, strings(METHOD_INPUT))
    return found


def feature_spec(contract: Contract) -> dict[str, tf.io.FixedLenFeature]:
    """Return how raw inputs are parsed: numbers from `float_list`, words and files from `bytes_list`, times from
    `int64_list`; a series' steps one after another. A column that an example lacks is missing, as in training.
    """
    import tensorflow as tf

    return {
        spec.name: tf.io.FixedLenFeature(spec.shape, spec.dtype, default_value=_missing(spec))
        for spec in contract.inputs()
    }


def _missing(spec: TensorSpec) -> float | str | None:
    """An image, a series or its times cannot be left out; a column can."""
    if spec.shape or spec.name == IMAGE_INPUT:
        return None
    return float("nan") if spec.dtype == "float32" else ""
