"""What fits into memory is estimated from the layers; where it ran out before, less is taken at once."""

from __future__ import annotations

import json
import time

import keras
import pytest
import tensorflow as tf

from estafet.errors import StepFailed
from estafet.training import memory
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.feeding import Source
from estafet.training.learner import Learner
from estafet.training.plan import Plan

PER_EXAMPLE = 3 * 4 * (10 + 20 + 1)
"""Three times the 4-byte outputs of the input and of the two layers."""
WEIGHTS = 4 * 4 * (10 * 20 + 20 + 20 + 1)


@pytest.fixture
def learner() -> Learner:
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(20), keras.layers.Dense(1)])
    learner = Learner(model)
    learner.compile("sgd", keras.losses.MeanSquaredError())
    return learner


def _limit(learner: Learner, monkeypatch, free: float, scratch=None, decisions=None, limit: int = 256) -> dict:
    monkeypatch.setattr(memory, "free_bytes_of_machine", lambda: int(free))
    source = Source(None, "train", 1.0, 1000, None)
    decisions = {} if decisions is None else decisions
    plan = Plan(1, BatchSchedule(32, limit))
    memory.limit(learner, source, plan, tf.distribute.get_strategy(), scratch, decisions)
    return decisions


def test_an_example_takes_what_the_layers_give_and_weights_take_four_copies(learner):
    assert memory.example_bytes(learner.model) == PER_EXAMPLE
    assert memory.weights_bytes(learner.model) == WEIGHTS


def test_with_memory_enough_batches_stay_whole(learner, monkeypatch):
    assert _limit(learner, monkeypatch, 1e9) == {}
    assert learner.part_size is None


def test_a_limit_beyond_memory_is_gone_through_in_parts(learner, monkeypatch):
    """Eight tenths of what is free hold the weights and 100 examples and a half."""
    free = (WEIGHTS + 100.5 * PER_EXAMPLE) / 0.8

    decisions = _limit(learner, monkeypatch, free)

    assert learner.part_size == decisions["memory"]["part_size"] == 100
    assert "gradients are accumulated over parts of 100" in decisions["memory"]["why"]


def test_a_model_of_which_not_one_example_fits_is_refused(learner, monkeypatch):
    with pytest.raises(StepFailed, match=r"one example takes about .* and the weights .* free") as caught:
        _limit(learner, monkeypatch, WEIGHTS)

    assert "data.image_size" in caught.value.hint


def test_what_an_earlier_process_chose_stays(learner, monkeypatch):
    _limit(learner, monkeypatch, 1e9, decisions={"memory": {"part_size": 7, "why": "as before"}})

    assert learner.part_size == 7


def test_a_process_that_was_killed_when_memory_was_short_is_followed_by_one_that_takes_half(
    learner, monkeypatch, tmp_path
):
    (tmp_path / memory.MARK_FILE).write_text(json.dumps({"part_size": 64}))

    decisions = _limit(learner, monkeypatch, 1e9, tmp_path)

    assert learner.part_size == 32
    assert "was killed when memory ran short, with 64 examples at once" in decisions["memory"]["why"]


def test_word_is_left_when_memory_is_nearly_used_up_and_taken_back_at_the_end(learner, monkeypatch, tmp_path):
    free = iter([1000, *[40] * 100])
    monkeypatch.setattr(memory, "free_bytes_of_machine", lambda: next(free))
    monkeypatch.setattr(memory, "LOOK_EVERY_S", 0.01)
    mark = tmp_path / memory.MARK_FILE

    with memory.marked(tmp_path, learner, batch_size=128):
        deadline = time.monotonic() + 10
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert json.loads(mark.read_text()) == {"part_size": 128}

    assert not mark.exists()


def test_the_limit_of_a_container_counts_and_its_file_pages_do_not(monkeypatch, tmp_path):
    """1,000 bytes at most, 700 used, of which 200 are pages of files that are given up when needed."""
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 200\n")
    assert memory.free_bytes_of_machine() == 500

    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_bytes_of_machine() > 10**6


def test_the_free_memory_of_gpus_is_asked_of_nvidias_tool(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 1024\necho 512\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    assert memory._free_of_gpus() == [1024 * 2**20, 512 * 2**20]


def test_gpus_that_tensorflow_does_not_see_may_be_full(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\ncase "$*" in *--id=1*) echo 512;; *) echo 0; echo 512;; esac\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")

    assert memory._free_of_gpus() == [512 * 2**20]


def test_a_worker_that_may_not_write_where_word_is_left_trains_all_the_same(learner, tmp_path):
    """A folder that cannot be: its parent is a file."""
    (tmp_path / "file").touch()

    with memory.marked(tmp_path / "file" / "scratch", learner, batch_size=128):
        pass


def test_parts_are_normalised_by_themselves_since_replicas_may_have_more_of_them_than_others():
    """A replica that waits for another within a part hangs or, with one process, ends with TensorFlow's error."""
    normalising = keras.layers.BatchNormalization(synchronized=True)
    learner = Learner(keras.Sequential([keras.Input((2,)), keras.Sequential([normalising])]))

    learner.go_in_parts(4)

    assert learner.part_size == 4 and not normalising.synchronized
