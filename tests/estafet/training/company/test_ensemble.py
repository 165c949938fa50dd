"""An ensemble answers with the mean of its members, also when it is read back."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema
from estafet.training import models
from estafet.training.company import features
from estafet.training.company.ensemble import average
from estafet.training.models import ModelSpec

NUMBERS = tuple(NumericFeature(name=n, mean=0, std=1, min=-1, max=1, missing_share=0) for n in "abc")
WORDS = (CategoricalFeature(name="w", categories=("red", "green"), missing_share=0.0),)
CLASSES = ModelSpec(
    Task.TABULAR_CLASSIFICATION,
    Schema(numeric=NUMBERS, categorical=WORDS, label=Label(name="l", classes=("x", "y"))),
)
PRICE = ModelSpec(Task.TABULAR_REGRESSION, Schema(numeric=NUMBERS, label=Label(name="p", mean=0, std=1)))
ROWS = {"numeric": np.float32([[1, 2, 3], [4, 5, 6]]), "categorical": np.array([["red"], ["blue"]])}


def linear(spec, *weights) -> keras.Model:
    inputs = spec.inputs()
    dense = keras.layers.Dense(1, use_bias=False, name="the_same_name")
    model = keras.Model(inputs, dense(inputs["numeric"]), name="the_same_name_too")
    dense.set_weights([np.float32(weights)[:, None]])
    return model


def test_the_answer_is_the_mean_of_the_members():
    """a + 2b and 3c: 5 and 9 for the first row, 14 and 18 for the second."""
    ensemble = average([linear(PRICE, 1, 2, 0), linear(PRICE, 0, 0, 3)], PRICE)

    np.testing.assert_allclose(ensemble({"numeric": ROWS["numeric"]}), [[7], [16]], rtol=1e-6)


def test_an_answer_without_an_axis_of_its_own_is_averaged_with_one_that_has_it():
    flat = linear(PRICE, 1, 0, 0)
    flat = keras.Model(flat.inputs, keras.layers.Reshape(())(flat.outputs[0]))

    ensemble = average([flat, linear(PRICE, 0, 0, 1)], PRICE)

    np.testing.assert_allclose(ensemble({"numeric": ROWS["numeric"]}), [[2], [5]], rtol=1e-6)


def test_members_of_several_architectures_with_words_and_hidden_features_survive_a_file(tmp_path):
    """Each keeps its preprocessing; a word that no member knows, and one that is hidden, do no harm."""
    some, columns = features.narrow(CLASSES, ("a", "c"))
    members = [
        models.build(CLASSES, "mlp"),
        models.build(CLASSES),
        features.widen(models.build(some), CLASSES, columns),
    ]
    for seed, member in enumerate(members):
        random = np.random.default_rng(seed)
        member.set_weights([random.normal(size=w.shape).astype(np.float32) for w in member.get_weights()])
    expected = np.mean([np.asarray(member(ROWS, training=False)) for member in members], axis=0)
    num_weights = sum(member.count_params() for member in members)

    average(members, CLASSES).save(tmp_path / "model.keras")
    read = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_allclose(read(ROWS, training=False), expected, rtol=1e-6)
    assert read.count_params() == num_weights
    assert expected.sum(axis=1) == pytest.approx([1, 1])
