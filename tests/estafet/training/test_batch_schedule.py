"""The schedule is a pure function of the epoch; its callback makes Keras follow it exactly."""

from __future__ import annotations

import keras
import pytest

from estafet.runfile.train import Batch
from estafet.training import feeding
from estafet.training.batch_schedule import BatchSchedule, num_steps
from estafet.training.callbacks import Schedule


def test_the_batch_doubles_every_two_epochs_up_to_its_limit():
    schedule = BatchSchedule(start=32, max=100, growth=2, every_epochs=2)

    assert [schedule.batch_size(epoch) for epoch in range(8)] == [32, 32, 64, 64, 100, 100, 100, 100]


def test_growth_by_half_rounds_to_whole_examples():
    """10 · 1.5² = 22.5, which Python rounds to the even 22; 10 · 1.5³ = 33.75."""
    schedule = BatchSchedule(start=10, max=1000, growth=1.5, every_epochs=1)

    assert [schedule.batch_size(epoch) for epoch in range(4)] == [10, 15, 22, 34]


@pytest.mark.parametrize(("rule", "factors"), [("none", [1, 1]), ("sqrt", [1, 2]), ("linear", [1, 4])])
def test_the_learning_rate_follows_a_batch_that_is_four_times_larger_by_its_rule(rule, factors):
    schedule = BatchSchedule(start=8, max=64, growth=4, every_epochs=1, learning_rate_rule=rule)

    assert [schedule.learning_rate_factor(epoch) for epoch in range(2)] == factors


def test_growth_of_one_keeps_the_batch_below_its_limit():
    assert BatchSchedule(start=32, max=256, growth=1).batch_size(50) == 32


def test_ten_thousand_growths_do_not_overflow():
    assert BatchSchedule(start=1, max=256, growth=2, every_epochs=1).batch_size(10_000) == 256


def test_a_tuned_start_wins_over_the_run_files_and_stays_below_the_limit():
    settings = Batch(start=16, max=64)

    assert [BatchSchedule.from_settings(settings, start).start for start in (None, 48, 128)] == [16, 48, 64]


@pytest.mark.parametrize(
    ("num_examples", "batch_size", "num_replicas", "steps"),
    [(100, 25, 1, 4), (101, 25, 1, 5), (101, 25, 2, 4), (102, 25, 2, 5), (1, 25, 2, 1)],
)
def test_a_rest_is_a_step_unless_a_replica_would_get_nothing(num_examples, batch_size, num_replicas, steps):
    assert num_steps(num_examples, batch_size, num_replicas) == steps


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_keras_takes_exactly_the_steps_of_the_schedule(numbers, steps_per_execution):
    """100 examples in batches of 16, 16, 32, 32, 64: 7 + 7 + 4 + 4 + 2 steps; the rate grows with the square root."""
    source = feeding.load(numbers, "train")
    schedule = Schedule(BatchSchedule(16, 64, 2, 2, "sqrt"), learning_rate=0.01, num_examples=100)
    inputs = {"numeric": keras.Input((1,), name="numeric")}
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs["numeric"]))
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution)
    followed = []
    record = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: followed.append(schedule.describe()))

    batches = source.scheduled_batches(schedule.batch_size, schedule.epoch, seed=0)
    model.fit(batches, epochs=5, callbacks=[schedule, record], verbose=0, shuffle=False)

    assert int(model.optimizer.iterations.numpy()) == 24
    assert [epoch["batch_size"] for epoch in followed] == [16, 16, 32, 32, 64]
    rates = [0.01, 0.01, 0.01 * 2**0.5, 0.01 * 2**0.5, 0.02]
    assert [epoch["learning_rate"] for epoch in followed] == pytest.approx(rates, rel=1e-5)
