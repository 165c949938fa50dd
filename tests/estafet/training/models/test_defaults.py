"""The default models take what the task gives, and start from sensible forecasts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estafet.errors import ConfigError
from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema
from estafet.training import models
from estafet.training.layers import ImputeAndNormalise, KnownCategories, SinceLast
from estafet.training.models import ModelSpec
from estafet.training.models.forecasting import seasonal_kernel


def _number(name: str, mean: float = 0.0, std: float = 1.0, missing_share: float = 0.0) -> NumericFeature:
    return NumericFeature(name=name, mean=mean, std=std, min=-9, max=9, missing_share=missing_share)


def _image_spec(*shape: int) -> ModelSpec:
    schema = Schema(label=Label(name="label", classes=("a", "b", "c")))
    return ModelSpec(Task.IMAGE_CLASSIFICATION, schema, image_shape=shape)


def _series_spec(lookback: int, horizon: int, season: int, calendar: tuple[str, ...] = ()) -> ModelSpec:
    schema = Schema(numeric=(_number("y", mean=10, std=2),), label=Label(name="y"), calendar=calendar)
    return ModelSpec(Task.FORECASTING, schema, lookback=lookback, horizon=horizon, season=season)


def _table_spec(task: Task, label: Label) -> ModelSpec:
    words = CategoricalFeature(name="c", categories=("red", "green"), missing_share=0.1)
    many = CategoricalFeature(name="d", categories=tuple(f"w{i}" for i in range(40)), missing_share=0)
    numeric = (_number("a", 3, 2), _number("b", 0, 0, missing_share=0.5))
    return ModelSpec(task, Schema(numeric=numeric, categorical=(words, many), label=label))


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (64, 64, 3), (96, 128, 3), (3, 3, 1)])
def test_an_image_of_any_size_gets_probabilities(shape):
    model = models.build(_image_spec(*shape))

    probabilities_NC = model({"image": tf.zeros((2, *shape), tf.uint8)}, training=False).numpy()

    assert probabilities_NC.shape == (2, 3)
    assert probabilities_NC.sum(axis=1) == pytest.approx([1, 1])
    assert model.count_params() < 2_000_000


def test_a_table_with_missing_and_unknown_values_gets_finite_probabilities():
    model = models.build(_table_spec(Task.TABULAR_CLASSIFICATION, Label(name="l", classes=("n", "y"))))
    numeric = tf.constant([[np.nan, np.inf], [1.0, np.nan]])
    categorical = tf.constant([["", ""], ["never seen", "w7"]])

    probabilities_NC = model({"numeric": numeric, "categorical": categorical}, training=False).numpy()

    assert probabilities_NC.sum(axis=1) == pytest.approx([1, 1])


def test_a_regression_starts_at_the_mean_of_the_label():
    model = models.build(_table_spec(Task.TABULAR_REGRESSION, Label(name="l", mean=152.0, std=77.0)))
    inputs = {"numeric": tf.constant([[5.0, 1.0]]), "categorical": tf.constant([["red", "w1"]])}

    assert model(inputs, training=False).numpy() == pytest.approx(np.array([[152.0]]))


def test_a_missing_number_becomes_the_mean_with_a_flag_and_a_constant_column_stays_finite():
    layer = ImputeAndNormalise(mean=[3.0, 1.0], std=[2.0, 0.0], flagged=[0])

    encoded = layer(tf.constant([[np.nan, 1.0], [7.0, 2.0]])).numpy()

    np.testing.assert_allclose(encoded, [[0, 0, 1], [2, 1, 0]])


@pytest.mark.parametrize("width", [0, 5])
def test_an_unknown_category_is_a_vector_of_zeros_and_a_known_one_is_not(width):
    vectors = KnownCategories(3, width)(tf.constant([0, 2])).numpy()

    assert not vectors[0].any() and vectors[1].any()


def test_differences_from_the_last_value_are_in_standard_deviations():
    differences, last = SinceLast(mean=[0.0], std=[2.0])(tf.constant([[[4.0], [np.nan], [10.0]]]))

    np.testing.assert_allclose(differences, [[-3, 0, 0]])
    np.testing.assert_allclose(last, [[10]])


def test_an_untrained_forecast_repeats_the_changes_of_the_last_season():
    """Season 3, last value 4; a season ago it was 3, and then came 2, 5, 4. Two seasons ago it was 0, and then came 2.

    Steps 1 to 3 add the changes since one season ago; step 4 is not known then, and adds that since two seasons ago.
    """
    model = models.build(_series_spec(lookback=7, horizon=4, season=3))
    values = tf.constant([0.0, 2, 2, 3, 2, 5, 4])[None, :, None]

    forecast = model({"values": values}, training=False).numpy()

    np.testing.assert_allclose(forecast, [[4 + (2 - 3), 4 + (5 - 3), 4 + (4 - 3), 4 + (2 - 0)]], atol=1e-5)


def test_an_untrained_forecast_does_not_heed_the_calendar_and_a_trained_one_may():
    """The calendar's channels come behind the series' own, and begin with weights of zero, for the last step alone."""
    spec = _series_spec(lookback=4, horizon=2, season=3, calendar=("hour", "day"))
    model = models.build(spec)
    told = np.random.default_rng(0).normal(size=(1, 4, 4))
    values = np.concatenate([np.array([1.0, 2, 4, 3])[None, :, None], told], axis=2, dtype=np.float32)
    linear = model.get_layer("linear")

    before = model({"values": values}, training=False).numpy()
    kernel, bias = linear.get_weights()
    kernel[-1] = 1
    linear.set_weights([kernel, bias])
    after = model({"values": values}, training=False).numpy()

    assert (spec.input_shapes, kernel.shape) == ({"values": (4, 1 + 4)}, (4 + 4, 2))
    np.testing.assert_allclose(before, [[3 + (2 - 1), 3 + (4 - 1)]], atol=1e-5)
    np.testing.assert_allclose(after - before, np.full((1, 2), 2 * told[0, -1, -1]), atol=1e-5)


def test_a_lookback_shorter_than_the_season_repeats_the_last_value():
    assert not seasonal_kernel(_series_spec(lookback=5, horizon=2, season=7)).any()


def test_a_misspelt_hyperparameter_is_named_with_its_neighbour():
    with pytest.raises(ConfigError, match="'unit'") as caught:
        models.build(_image_spec(8, 8, 1), hyperparameters={"unit": 64})

    assert "units" in caught.value.hint


@pytest.mark.parametrize("value", [12.5, "many", True, -1])
def test_a_hyperparameter_of_the_wrong_kind_is_refused(value):
    with pytest.raises(ConfigError, match="whole number"):
        models.build(_image_spec(8, 8, 1), hyperparameters={"units": value})


def test_whole_numbers_that_arrive_as_floats_are_whole_numbers():
    model = models.build(_image_spec(8, 8, 1), hyperparameters={"units": 16.0, "batch_size": 32.0})

    assert model.layers[-3].units == 16


@pytest.mark.parametrize("spec", [_image_spec(8, 8, 1), _series_spec(6, 2, 3)])
def test_every_suggested_range_is_one_of_the_model_or_of_the_training(spec):
    known = {*models.default_hyperparameters(spec), "learning_rate", "batch_size"}

    assert set(models.search_space(spec)) <= known
