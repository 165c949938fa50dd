"""A user's model that is not there, breaks or does not fit gets an error that says what is expected."""

from __future__ import annotations

import textwrap

import pytest
import tensorflow as tf

from estafet.errors import ConfigError
from estafet.runfile.tasks import Task
from estafet.schema import Label, NumericFeature, Schema
from estafet.training import models
from estafet.training.models import ModelSpec
from estafet.training.models.user import USER_PATH_VARIABLE

NUMBERS = tuple(NumericFeature(name=n, mean=0, std=1, min=-1, max=1, missing_share=0) for n in "ab")
SPEC = ModelSpec(Task.TABULAR_CLASSIFICATION, Schema(numeric=NUMBERS, label=Label(name="l", classes=("x", "y", "z"))))


@pytest.fixture
def write(tmp_path, monkeypatch, request):
    """Write a user's module under a name of its own, and return `module:` for it."""
    monkeypatch.setenv(USER_PATH_VARIABLE, str(tmp_path))
    name = f"users_{abs(hash(request.node.name))}"

    def write_module(text: str) -> str:
        (tmp_path / f"{name}.py").write_text("import keras\n" + textwrap.dedent(text))
        return f"{name}:"

    return write_module


def test_a_users_model_gets_the_spec_and_the_hyperparameters_with_whole_numbers(write):
    build = write("""
        def make(spec, hyperparameters):
            inputs = spec.inputs()
            x = keras.layers.Dense(hyperparameters["units"])(inputs["numeric"])
            return keras.Model(inputs, keras.layers.Dense(spec.num_classes, activation="softmax")(x))
    """)

    model = models.build(SPEC, f"{build}make", {"units": 7.0, "learning_rate": 0.1})

    assert model({"numeric": tf.zeros((4, 2))}).shape == (4, 3)
    assert model.layers[1].units == 7


def test_a_missing_module_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv(USER_PATH_VARIABLE, str(tmp_path))

    with pytest.raises(ConfigError, match="no module 'nowhere'") as caught:
        models.build(SPEC, "nowhere:make")

    assert str(tmp_path) in caught.value.message
    assert "nowhere.py" in caught.value.hint


def test_a_misspelt_function_is_named_with_its_neighbour(write):
    build = write("def make_model(spec, hyperparameters): ...")

    with pytest.raises(ConfigError, match="no function 'make_modl'") as caught:
        models.build(SPEC, f"{build}make_modl")

    assert "make_model'" in caught.value.hint


def test_a_module_that_breaks_on_import_shows_its_own_error_and_line(write):
    build = write("1 / 0")

    with pytest.raises(ConfigError, match=r"ZeroDivisionError: division by zero \(.*\.py:2\)"):
        models.build(SPEC, f"{build}make")


def test_a_module_that_is_no_python_is_shown_with_its_line(write):
    build = write("def make(spec, hyperparameters)")

    with pytest.raises(ConfigError, match=r"SyntaxError: expected ':' \(.*users_\d+\.py:2\)"):
        models.build(SPEC, f"{build}make")


def test_a_mistake_below_the_users_function_is_shown_with_the_users_own_line(write):
    build = write("""
        def make(spec, hyperparameters):
            return keras.layers.Dense(-1)
    """)

    with pytest.raises(ConfigError, match=r"failed with ValueError: .*users_\d+\.py:4\)"):
        models.build(SPEC, f"{build}make")


def test_a_module_that_imports_something_missing_is_not_called_missing_itself(write):
    build = write("import not_installed_anywhere")

    with pytest.raises(ConfigError, match=r"cannot be imported: ModuleNotFoundError: .*not_installed_anywhere"):
        models.build(SPEC, f"{build}make")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 3", "returned a int, not a Keras model"),
        ("return hyperparameters['depth']", "failed with KeyError: 'depth'"),
        ("return keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])", "does not take the inputs"),
        ("i = spec.inputs(); return keras.Model(i, keras.layers.Dense(4)(i['numeric']))", "gives (batch, 4) for each"),
        ("i = spec.inputs(); return keras.Model(i, keras.layers.Dense(3)(i['numeric']))", "gives no probabilities"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_is_expected(write, body, message):
    build = write(f"def make(spec, hyperparameters):\n    {body}\n")

    with pytest.raises(ConfigError) as caught:
        models.build(SPEC, f"{build}make")

    assert message in caught.value.message
    assert caught.value.hint


def test_only_the_trainings_hyperparameters_are_searched_for_a_users_model():
    assert set(models.search_space(SPEC, "some:model")) == {"learning_rate", "batch_size"}
