"""Texts are read by every architecture of tables, and only by those."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estafet.errors import ConfigError
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema, TextFeature
from estafet.training import feeding
from estafet.training.models import ModelSpec, build, default_hyperparameters, search_space
from estafet.training.testing import write_table

VOCABULARY = ("the", "film", "is", "not", "good", "bad")
SMALL = {"text_width": 4, "text_filters": 3}


def text(name, **values):
    found = {"known_share": 1, "mean_words": 4, "words_95": 4, "mean_bytes": 20, "missing_share": 0, **values}
    return TextFeature(name=name, vocabulary=VOCABULARY, **found)


def spec(*texts, task=Task.TABULAR_CLASSIFICATION, others=True):
    label = Label(name="y", classes=("a", "b")) if task.is_classification else Label(name="y", mean=5, std=2)
    numeric = (NumericFeature(name="x", mean=0, std=1, min=-1, max=1, missing_share=0),) if others else ()
    words = (CategoricalFeature(name="c", categories=("u", "v"), missing_share=0),) if others else ()
    return ModelSpec(task, Schema(numeric=numeric, categorical=words, text=texts, label=label))


def test_texts_are_an_input_of_their_own():
    of_texts = spec(text("review"), text("title"))

    assert of_texts.input_shapes == {"numeric": (1,), "categorical": (1,), "text": (2,)}
    assert of_texts.input_dtypes == {"numeric": "float32", "categorical": "string", "text": "string"}
    assert spec(text("review"), others=False).input_shapes == {"text": (1,)}


@pytest.mark.parametrize("name", ["default", "mlp", "linear"])
@pytest.mark.parametrize("task", [Task.TABULAR_CLASSIFICATION, Task.TABULAR_REGRESSION])
def test_every_architecture_of_tables_takes_texts_of_any_length(name, task):
    model = build(spec(text("review"), text("title", words_95=0), task=task), name, SMALL)
    texts = [["", ""], ["the film is not good " * 900, "so bad"], ["\u2026", "I"]]

    found = model({"numeric": tf.zeros((3, 1)), "categorical": tf.constant([["u"]] * 3), "text": tf.constant(texts)})

    assert found.shape == (3, 2 if task.is_classification else 1)
    assert np.isfinite(np.asarray(found)).all()


def test_the_order_of_words_reaches_the_vector():
    """The same bag of words in another order: convolutions tell them apart, and padding does not count."""
    import keras

    from estafet.training.models import text as texts

    given = keras.Input((), dtype="string")
    encoder = keras.Model(given, texts.encode(text("review", words_95=6), given, SMALL))

    good, bad, again, shorter = encoder(
        tf.constant(["not good is bad", "good is not bad", "NOT good: is (bad)!", "good"])
    ).numpy()

    assert good.shape == (12,)
    assert np.abs(good - bad).max() > 1e-4
    np.testing.assert_array_equal(good, again)
    assert np.abs(shorter - good).max() > 1e-4


def test_the_hyperparameters_of_texts_are_there_only_where_there_are_texts():
    own = {"text_width", "text_filters", "text_dropout"}

    for name in ("default", "mlp", "linear"):
        assert own <= default_hyperparameters(spec(text("review")), name).keys()
        assert own <= search_space(spec(text("review")), name).keys()
        assert not own & {*default_hyperparameters(spec(), name), *search_space(spec(), name)}
    with pytest.raises(ConfigError, match="text_width"):
        build(spec(), "default", SMALL)


@pytest.mark.parametrize(("name", "value"), [("text_dropout", 1.0), ("text_width", 0), ("text_filters", 2.5)])
def test_impossible_values_of_them_are_refused(name, value):
    with pytest.raises(ConfigError, match=name):
        build(spec(text("review")), "default", {name: value})


def test_hyperparameters_of_texts_change_the_model():
    assert build(spec(text("review")), "mlp", SMALL).count_params() < build(spec(text("review")), "mlp").count_params()


def test_a_text_counts_with_its_own_length_when_it_is_decided_whether_a_split_fits_into_memory(tmp_path):
    """Two texts of a kilobyte each, and their labels: they fit into 2,200 bytes, and not into 2,000."""
    long = np.array([["a" * 1000], ["b" * 1000]], dtype=object)
    write_table(tmp_path, Task.TABULAR_CLASSIFICATION, {"train": {"text": long, "label": np.array([0, 1])}})
    assert Manifest.load(tmp_path).data_schema.text[0].mean_bytes == 1000

    assert feeding.load(tmp_path, "train", max_bytes_in_memory=2_200).arrays is not None
    assert feeding.load(tmp_path, "train", max_bytes_in_memory=2_000).arrays is None
