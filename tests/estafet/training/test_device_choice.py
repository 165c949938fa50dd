"""Devices are taken as named, or by what all steps of the schedule take on each."""

from __future__ import annotations

import math

import pytest
import tensorflow as tf

from estafet.errors import ConfigError
from estafet.records.manifest import Manifest
from estafet.training import device_choice, feeding, loop
from estafet.training.assembly import assemble
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.device_choice import choose, fastest
from estafet.training.distribution import strategy_for
from estafet.training.execution import Timing
from estafet.training.models import ModelSpec
from estafet.training.plan import Plan

STEPS = {32: 1000, 256: 100}


def _unmeasured(kind: str, batch_size: int) -> float:
    raise AssertionError(f"{kind} was measured at {batch_size}")


@pytest.mark.parametrize("devices", ["cpu", "gpu", "tpu", "multi-worker", "single"])
def test_what_the_run_file_names_is_taken_without_measuring(devices):
    assert choose(devices, STEPS, _unmeasured) == (devices, "")


def test_on_a_machine_without_gpus_there_is_nothing_to_choose(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)

    assert choose("auto", STEPS, _unmeasured) == ("cpu", "")


def test_several_workers_are_seen_in_the_environment(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {}}')

    assert choose("auto", STEPS, _unmeasured)[0] == "multi-worker"


def test_with_gpus_each_kind_is_measured_at_each_size(monkeypatch):
    """Small batches are faster on the CPU, but 100 large ones take longer there than all on the GPU."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(device_choice, "logical_devices", lambda kind: ["/GPU:0"])
    step_s = {("cpu", 32): 0.001, ("cpu", 256): 0.03, ("one-gpu", 32): 0.002, ("one-gpu", 256): 0.003}

    kind, why = choose("auto", STEPS, lambda kind, size: step_s[kind, size])

    assert kind == "one-gpu"
    assert why == (
        "one GPU, where a step is fastest over the whole schedule "
        "(the CPU 1.00 ms at 32, 30.00 ms at 256; one GPU 2.00 ms at 32, 3.00 ms at 256)"
    )


def test_devices_that_have_no_memory_for_a_size_are_not_taken():
    kind, why = fastest({"cpu": {256: 0.03}, "one-gpu": {256: math.inf}}, {256: 10})

    assert kind == "cpu" and "one GPU no memory at 256" in why


@pytest.mark.slow
def test_a_step_for_which_memory_runs_out_while_devices_are_measured_ends_no_training(numbers, monkeypatch):
    """The CPU stands for a GPU that has no memory for a batch of 50."""

    def measured(learner, way, train, batch_size, seed):
        if batch_size == 50:
            raise tf.errors.ResourceExhaustedError(None, None, "no memory")
        return Timing(0.1, 0.001)

    monkeypatch.setattr(loop.execution, "time_steps", measured)
    monkeypatch.setattr(
        loop.device_choice,
        "choose",
        lambda devices, steps, measure: (str([measure("cpu", size) for size in steps]), ""),
    )
    plan, train = Plan(2, BatchSchedule(25, 50, boundaries=(1,))), feeding.load(numbers, "train")
    spec = ModelSpec.from_manifest(Manifest.load(numbers))

    found, _ = loop._devices(plan, train, None, lambda kind: assemble(spec, "default", {}, plan, strategy_for(kind)))

    assert found == "[0.001, inf]"


def test_a_training_of_small_batches_alone_stays_on_the_cpu():
    assert fastest({"cpu": {32: 0.001}, "one-gpu": {32: 0.002}, "gpu": {32: 0.003}}, {32: 1000})[0] == "cpu"


def test_what_was_chosen_on_a_machine_with_a_gpu_is_not_there_on_one_without():
    assert [device_choice.is_there(kind) for kind in ("cpu", "gpu", "one-gpu")] == [True, False, False]


def test_a_gpu_that_is_not_there_is_named_with_what_to_do():
    with pytest.raises(ConfigError, match=r"train\.devices is 'gpu', and TensorFlow sees no GPU") as caught:
        strategy_for("gpu")

    assert "auto or cpu" in caught.value.hint


def test_a_tpu_that_does_not_answer_is_said(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)

    with pytest.raises(ConfigError, match=r"train\.devices is 'tpu', and no TPU answers"):
        strategy_for("tpu")
