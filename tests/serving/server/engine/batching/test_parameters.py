"""The text file of batching parameters."""

from __future__ import annotations

import os

import pytest

from serving.server.engine.batching.parameters import Parameters
from serving.server.status import StatusError

ALL = """
max_batch_size { value: 128 }
batch_timeout_micros { value: 1500 }
max_enqueued_batches { value: 1000000 }
num_batch_threads { value: 8 }
thread_pool_name { value: "mine" }
allowed_batch_sizes: 16
allowed_batch_sizes: 64
pad_variable_length_inputs: true
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 64 }
"""


@pytest.fixture
def read(tmp_path):
    def read(text: str) -> Parameters:
        (tmp_path / "batching.config").write_text(text)
        return Parameters.read(tmp_path / "batching.config")

    return read


def test_every_field_is_read(read):
    assert read(ALL) == Parameters(
        max_batch_size=128,
        timeout_s=0.0015,
        max_enqueued_batches=1_000_000,
        num_threads=8,
        thread_pool_name="mine",
        allowed_batch_sizes=(16, 64),
        pads=True,
        splits=True,
        max_execution_batch_size=64,
    )


def test_an_empty_file_has_tensorflow_servings_defaults(read):
    assert read("") == Parameters(1000, 0.0, 10, os.cpu_count(), "batch_threads", (), False, False, 1000)


def test_the_largest_batch_is_as_large_as_the_largest_request_unless_said(read):
    assert read("max_batch_size { value: 5 }").max_execution_batch_size == 5
    assert read("max_batch_size { value: 5 } max_execution_batch_size { value: 2 }").max_execution_batch_size == 5


@pytest.mark.parametrize(
    "text", ["max_batch_sise { value: 1 }", "max_batch_size: 1", "allowed_batch_sizes { value: 1 }"]
)
def test_unknown_fields_and_kinds_are_refused(read, text, tmp_path, capfd):
    with pytest.raises(StatusError) as caught:
        read(text)

    assert str(caught.value) == f"INVALID_ARGUMENT: Invalid protobuf file: '{tmp_path / 'batching.config'}'"
    assert "Error parsing text-format" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        (
            "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 8 } allowed_batch_sizes: 4",
            "Last entry in allowed_batch_sizes must match max_execution_batch_size; last entry was 4; expected 8",
        ),
        (
            "max_batch_size { value: 4 } allowed_batch_sizes: 4 allowed_batch_sizes: 4",
            "allowed_batch_sizes entries must be positive and increase monotonically",
        ),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("max_enqueued_batches { value: -1 }", "max_enqueued_batches must be non-negative; was -1"),
        (
            "max_batch_size { value: 4 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 8 }",
            "max_execution_batch_size should be less than or equal to max_batch_size; was 8 and 4",
        ),
    ],
)
def test_values_that_do_not_fit_together_are_refused(read, text, message):
    with pytest.raises(StatusError) as caught:
        read(text)

    assert str(caught.value) == f"INVALID_ARGUMENT: {message}"
