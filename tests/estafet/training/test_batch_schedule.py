"""The schedule is a pure function of the history; its callback makes Keras follow it exactly, without a new trace."""

from __future__ import annotations

import keras
import pytest

from estafet.runfile.batch import Batch
from estafet.training import feeding
from estafet.training.batch_schedule import BatchSchedule, num_steps, total_steps
from estafet.training.callbacks.schedule import Schedule
from estafet.training.learner import Learner
from estafet.training.learning_rate import RampedRate


def _sizes(schedule: BatchSchedule, num_epochs: int) -> list[int]:
    return [schedule.batch_size([{}] * epoch) for epoch in range(num_epochs)]


def _after(schedule: BatchSchedule, name: str, values: list[float]) -> list[int]:
    """Return the batch size of each epoch, where the epochs before it ended with these values."""
    history = [{name: value} for value in values]
    return [schedule.batch_size(history[:epoch], name) for epoch in range(len(values) + 1)]


def test_the_batch_doubles_every_two_epochs_up_to_its_limit():
    schedule = BatchSchedule.from_settings(Batch(start=32, limit=100, every_epochs=2), 8)

    assert _sizes(schedule, 8) == [32, 32, 64, 64, 100, 100, 100, 100]


def test_growth_by_half_rounds_to_whole_examples():
    """10 · 1.5² = 22.5, which Python rounds to the even 22; 10 · 1.5³ = 33.75."""
    assert BatchSchedule(start=10, limit=34, growth=1.5).sizes == (10, 15, 22, 34)


def test_a_growth_that_rounds_to_nothing_still_adds_an_example():
    assert BatchSchedule(start=1, limit=4, growth=1.1).sizes == (1, 2, 3, 4)


def test_shares_of_the_epochs_become_boundaries():
    schedule = BatchSchedule.from_settings(Batch(at=(0.25, 0.5, 0.75)), 8)

    assert _sizes(schedule, 8) == [32, 32, 64, 64, 128, 128, 256, 256]


def test_without_a_word_about_when_the_limit_is_reached_in_half_of_the_epochs():
    """Three growths in 15 of 30 epochs: after 5, 10 and 15."""
    schedule = BatchSchedule.from_settings(Batch(), 30)

    assert schedule.boundaries == (5, 10, 15)
    assert BatchSchedule.from_settings(Batch(), 1).boundaries == (1, 1, 1)


def test_more_boundaries_than_growths_stay_at_the_limit():
    assert _sizes(BatchSchedule(32, 64, boundaries=(1, 2, 3)), 5) == [32, 64, 64, 64, 64]


def test_a_plateau_of_two_epochs_grows_the_batch_and_patience_is_counted_anew():
    """Better, better, two without improvement (one of them 0.1 % better, below the half per cent that counts): grow."""
    schedule = BatchSchedule(32, 256, when="plateau", patience=2, min_improvement=0.005)

    assert _after(schedule, "val_loss", [1.0, 0.8, 0.7992, 0.81, 0.9, 0.7, 0.7, 0.71]) == (
        [32, 32, 32, 32, 64, 64, 64, 64, 128]
    )


def test_the_noise_scale_grows_the_batch_as_far_as_it_reaches_and_never_shrinks_it():
    schedule = BatchSchedule(32, 256, when="noise")

    assert _after(schedule, "noise_scale", [20.0, 70.0, 40.0, 1e9]) == [32, 32, 64, 64, 256]


@pytest.mark.parametrize(("rule", "factor"), [("none", 1), ("sqrt", 2), ("linear", 4)])
def test_the_learning_rate_follows_a_batch_that_is_four_times_larger_by_its_rule(rule, factor):
    assert BatchSchedule(8, 64, learning_rate_rule=rule).learning_rate_factor(32) == factor


def test_a_constant_schedule_stays():
    assert _sizes(BatchSchedule.constant(32), 50) == [32] * 50


def test_a_tuned_start_wins_over_the_run_files_and_stays_below_the_limit():
    settings = Batch(start=16, limit=64)

    assert [BatchSchedule.from_settings(settings, 9, start).start for start in (None, 48, 128)] == [16, 48, 64]


@pytest.mark.parametrize(
    ("num_examples", "batch_size", "num_replicas", "steps"),
    [(100, 25, 1, 4), (101, 25, 1, 5), (101, 25, 2, 4), (102, 25, 2, 5), (1, 25, 2, 1)],
)
def test_a_rest_is_a_step_unless_a_replica_would_get_nothing(num_examples, batch_size, num_replicas, steps):
    assert num_steps(num_examples, batch_size, num_replicas) == steps


def test_all_steps_of_a_schedule_are_counted_by_size():
    """100 examples: 2 epochs of 7 steps at 16, one of 4 at 32; the limit of 200 is more than there are."""
    schedule = BatchSchedule(16, 200, growth=2, boundaries=(2, 3, 3, 3))

    assert total_steps(schedule, 100, 4) == {16: 14, 32: 4, 100: 1}


@pytest.mark.slow
@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_keras_takes_exactly_the_steps_of_the_schedule_in_one_trace(numbers, steps_per_execution):
    """100 examples in batches of 16, 16, 32, 32, 64: 7 + 7 + 4 + 4 + 2 steps; the rate grows with the square root."""
    schedule, model, traces = _following(numbers, BatchSchedule(16, 64, 2, "epochs", (2, 4), learning_rate_rule="sqrt"))
    model.steps_per_execution, followed = steps_per_execution, []

    def record(epoch, logs):
        followed.append(schedule.describe())
        schedule.history.append(schedule.describe())

    _fit(numbers, schedule, model, keras.callbacks.LambdaCallback(on_epoch_end=record))

    assert int(model.optimizer.iterations.numpy()) == int(model.steps_taken.numpy()) == 24
    assert [epoch["batch_size"] for epoch in followed] == [16, 16, 32, 32, 64]
    rates = [0.01, 0.01, 0.01 * 2**0.5, 0.01 * 2**0.5, 0.02]
    assert [epoch["learning_rate"] for epoch in followed] == pytest.approx(rates, rel=1e-5)
    assert len(traces) == 1


@pytest.mark.slow
def test_after_a_growth_the_learning_rate_warms_up(numbers):
    """Seven steps at 0.01, then from 0.01 to 0.02 in four steps, of which the epoch at 64 has two, and the next two."""
    schedule = BatchSchedule(16, 64, 4, "epochs", (1,), learning_rate_rule="sqrt", warm_up_steps=4)
    following, model, _ = _following(numbers, schedule)
    rates = []

    def record(epoch, logs):
        rates.append(following.describe()["learning_rate"])
        following.history.append(following.describe())

    _fit(numbers, following, model, keras.callbacks.LambdaCallback(on_epoch_end=record))

    assert rates == pytest.approx([0.01, 0.015, 0.02, 0.02, 0.02], rel=1e-5)


@pytest.mark.slow
def test_the_learning_rate_warms_up_in_half_precision_too(numbers):
    """There the optimiser with the rate is inside of one that scales losses."""
    schedule = BatchSchedule(16, 64, 4, "epochs", (1,), learning_rate_rule="sqrt", warm_up_steps=4)
    following, model, _ = _following(numbers, schedule)
    model.compile(keras.optimizers.LossScaleOptimizer(model.optimizer), keras.losses.MeanSquaredError())
    rates = []

    def record(epoch, logs):
        rates.append(following.describe()["learning_rate"])
        following.history.append(following.describe())

    _fit(numbers, following, model, keras.callbacks.LambdaCallback(on_epoch_end=record))

    assert rates == pytest.approx([0.01, 0.015, 0.02, 0.02, 0.02], rel=1e-5)


def _following(folder, schedule: BatchSchedule) -> tuple[Schedule, Learner, list]:
    """Return the callback of a schedule, a learner, and a list to which each trace of its training step adds."""
    inputs, traces = {"numeric": keras.Input((1,), name="numeric")}, []

    class Counting(Learner):
        def train_step(self, data):
            traces.append(data)
            return super().train_step(data)

    model = Counting(keras.Model(inputs, keras.layers.Dense(1)(inputs["numeric"])))
    rate = RampedRate(0.01) if schedule.warm_up_steps else 0.01
    model.compile(keras.optimizers.SGD(rate), keras.losses.MeanSquaredError())
    return Schedule(schedule, 0.01, 100, [], ""), model, traces


def _fit(folder, schedule: Schedule, model: Learner, record: keras.callbacks.Callback) -> None:
    batches = feeding.load(folder, "train").scheduled_batches(schedule.position, seed=0)
    model.fit(batches, epochs=5, callbacks=[schedule, record], verbose=0, shuffle=False)
