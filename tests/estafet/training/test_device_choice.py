"""Devices are taken as named, or by what all steps of the schedule take on each."""

from __future__ import annotations

import pytest

from estafet.errors import ConfigError
from estafet.training import device_choice
from estafet.training.device_choice import choose, fastest
from estafet.training.distribution import strategy_for

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


def test_a_training_of_small_batches_alone_stays_on_the_cpu():
    assert fastest({"cpu": {32: 0.001}, "one-gpu": {32: 0.002}, "gpu": {32: 0.003}}, {32: 1000})[0] == "cpu"


def test_a_gpu_that_is_not_there_is_named_with_what_to_do():
    with pytest.raises(ConfigError, match=r"train\.devices is 'gpu', and TensorFlow sees no GPU") as caught:
        strategy_for("gpu")

    assert "auto or cpu" in caught.value.hint


def test_a_tpu_that_does_not_answer_is_said(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)

    with pytest.raises(ConfigError, match=r"train\.devices is 'tpu', and no TPU answers"):
        strategy_for("tpu")
