"""Every forecaster learns a season on a trend, heeds its channels, and is not harmed by what is missing."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estafet.runfile.architectures import BY_TASK
from estafet.runfile.tasks import Task
from estafet.training import layers, models
from estafet.training.models import ModelSpec, tcn

NAMES = BY_TASK[Task.FORECASTING]
SMALL = {"patchtst": {"units": 16, "heads": 2, "layers": 1, "dropout": 0.0}, "tcn": {"filters": 16}}
NUM_TRAINED = 320
"""Windows that are learnt from; the others come later in time, so that the trend has risen further."""

_trained: dict[str, keras.Model] = {}


@pytest.fixture(params=NAMES)
def trained(request, series_spec, windows) -> keras.Model:
    """Each forecaster, trained once for all tests."""
    name, (values_NLC, follows_NH) = request.param, windows
    if name not in _trained:
        keras.utils.set_random_seed(0)
        model = models.build(series_spec, name, SMALL.get(name))
        model.compile(keras.optimizers.Adam(0.01), "mse", steps_per_execution=10)
        examples = {"values": values_NLC[:NUM_TRAINED]}
        model.fit(examples, follows_NH[:NUM_TRAINED], batch_size=16, epochs=8, verbose=0)
        _trained[name] = model
    return _trained[name]


@pytest.mark.slow
def test_it_learns_a_season_on_a_trend_that_goes_on_rising(trained, windows):
    """The best constant is the mean of what follows, and the last value repeated is wrong by the season's changes."""
    values_NLC, follows_NH = (part[NUM_TRAINED:] for part in windows)

    error = np.abs(_ask(trained, values_NLC) - follows_NH).mean()

    assert error < 0.15 * np.abs(follows_NH - follows_NH.mean()).mean()
    assert error < 0.15 * np.nanmean(np.abs(follows_NH - values_NLC[:, -1:, 0]))


@pytest.mark.slow
def test_missing_values_do_little_harm_and_a_window_without_any_value_starts_at_the_mean(trained, windows, series_spec):
    whole_NLC, follows_NH = (part[NUM_TRAINED:].copy() for part in windows)
    holes_NLC, nothing_NLC = whole_NLC.copy(), whole_NLC.copy()
    holes_NLC[:, 3, 0] = holes_NLC[:, 9, 1] = np.nan
    nothing_NLC[:, :, :2] = np.nan

    with_holes, with_nothing = _ask(trained, holes_NLC), _ask(trained, nothing_NLC)

    assert np.abs(with_holes - follows_NH).mean() < 0.6 * np.abs(follows_NH - follows_NH.mean()).mean()
    assert np.abs(with_nothing - series_spec.schema.numeric[0].mean).max() < 40


@pytest.mark.slow
def test_other_channels_and_the_calendar_count(trained, windows):
    values_NLC = np.nan_to_num(windows[0][:8])

    for channel in range(1, values_NLC.shape[2]):
        changed_NLC = values_NLC.copy()
        changed_NLC[:, :, channel] += np.linspace(-1, 1, values_NLC.shape[1])
        assert np.abs(_ask(trained, changed_NLC) - _ask(trained, values_NLC)).max() > 1e-3


@pytest.mark.slow
def test_a_higher_level_alone_raises_the_forecast_by_as_much(trained, windows):
    """`linear` knows the level, so that it may learn to return to the mean; all others know nothing but differences."""
    values_NLC = windows[0][NUM_TRAINED : NUM_TRAINED + 8]
    raised_NLC = values_NLC + np.array([1000, 0, 0, 0], np.float32)

    moved = _ask(trained, raised_NLC) - _ask(trained, values_NLC)

    assert (np.abs(moved - 1000).max() < 0.01) == (trained.name != "linear")


@pytest.mark.slow
def test_it_answers_the_same_once_saved_and_read(trained, windows, tmp_path):
    trained.save(tmp_path / "model.keras")

    again = keras.models.load_model(tmp_path / "model.keras", compile=False)

    np.testing.assert_array_equal(_ask(again, windows[0][:8]), _ask(trained, windows[0][:8]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("lookback", "horizon"), [(1, 1), (2, 5), (30, 3)])
def test_it_begins_as_the_last_value_repeated_whatever_the_window(name, lookback, horizon, series_spec):
    """Three windows, so that one case has as many as the horizon has steps, where Keras adds wrongly."""
    spec = ModelSpec(Task.FORECASTING, series_spec.schema, lookback=lookback, horizon=horizon, season=1)
    values_NLC = np.random.default_rng(0).normal(30, 15, (3, lookback, 4)).astype(np.float32)

    forecast_NH = _ask(models.build(spec, name, SMALL.get(name)), values_NLC)

    np.testing.assert_allclose(forecast_NH, np.repeat(values_NLC[:, -1:, 0], horizon, axis=1), rtol=1e-6)


def test_half_precision_rounds_no_large_values(series_spec):
    """float16 ends at 65,504, and has steps of 32 below it."""
    values_NLC = np.zeros((1, series_spec.lookback, 4), np.float32)
    values_NLC[:, :, 0] = 123_457
    keras.config.set_dtype_policy("mixed_float16")
    try:
        forecast = models.build(series_spec, "gru")({"values": values_NLC}, training=False)
    finally:
        keras.config.set_dtype_policy("float32")

    assert forecast.dtype == "float32"
    np.testing.assert_array_equal(forecast, np.full((1, series_spec.horizon), 123_457))


def test_the_channels_of_a_transformer_know_nothing_of_each_other_unless_they_are_mixed(series_spec, windows):
    model = models.build(series_spec, "patchtst", {**SMALL["patchtst"], "mix_channels": False})
    change = model.get_layer("change")
    change.set_weights([np.ones_like(weights) for weights in change.get_weights()])
    values_NLC = np.nan_to_num(windows[0][:4])
    others_NLC, told_NLC = values_NLC.copy(), values_NLC.copy()
    others_NLC[:, :, 1] += np.linspace(-1, 1, values_NLC.shape[1])
    told_NLC[:, -1, 2] += 1

    np.testing.assert_array_equal(_ask(model, others_NLC), _ask(model, values_NLC))
    np.testing.assert_allclose(_ask(model, told_NLC) - _ask(model, values_NLC), 15, rtol=1e-3)


def test_patches_overlap_and_end_with_the_last_step_repeated():
    """Five steps in patches of 2 that start at every second step: the third one begins at the last step."""
    steps_NLC = np.arange(10, dtype=np.float32).reshape(1, 5, 2)

    patches = layers.Patches(2, 2)(steps_NLC)

    np.testing.assert_array_equal(patches, [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9]]])


@pytest.mark.parametrize(
    ("lookback", "kernel_size", "blocks"), [(1, 3, 1), (5, 3, 1), (6, 3, 2), (13, 3, 2), (14, 3, 3), (9, 1, 1)]
)
def test_a_convolutional_network_is_as_deep_as_the_window_is_long(lookback, kernel_size, blocks):
    """One block of two convolutions over 3 steps sees 5 steps, two see 13: 5 + 2 · (3 − 1) · 2."""
    assert tcn.num_blocks(lookback, kernel_size) == blocks


def test_the_last_known_value_is_where_a_forecast_starts_and_the_mean_where_none_is_known():
    layer = layers.SinceLast(mean=[7.0, 0.0], std=[2.0, 1.0])

    differences, last = layer(tf.constant([[[4.0, 1.0], [10.0, np.nan], [np.nan, np.inf]], [[np.nan, 5.0]] * 3]))

    np.testing.assert_allclose(differences, [[-3, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    np.testing.assert_allclose(last, [[10], [7]])


def _ask(model: keras.Model, values_NLC: np.ndarray) -> np.ndarray:
    return model({"values": tf.constant(values_NLC)}, training=False).numpy()
