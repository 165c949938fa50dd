"""What is counted of batches and of warm-ups, under TensorFlow Serving's names where it has them."""

from __future__ import annotations

from collections.abc import Sequence

from serving.server.watching.metrics import REGISTRY, Counter, Histogram, exponential

SIZES = exponential(1, 2, 14)
_SESSION = "/tensorflow/serving/batching_session"
_RUNS = REGISTRY.add(Counter(f"{_SESSION}/wrapped_run_count"))
_INPUT = REGISTRY.add(Histogram(f"{_SESSION}/input_batch_size", SIZES))
_PROCESSED = REGISTRY.add(Histogram(f"{_SESSION}/processed_batch_size", SIZES))
_PADDING = REGISTRY.add(Histogram(f"{_SESSION}/padding_size", SIZES, "execution_batch_size"))
_WARMUP = REGISTRY.add(
    Histogram("/tensorflow/serving/model_warmup_latency", exponential(10, 1.8, 33), "model_path", "status")
)
_RECORDS = REGISTRY.add(Counter("/tensorflow/serving/model_warmup_records_read", "model_path", "status"))
ROWS = REGISTRY.add(Histogram("estafet_batch_rows", SIZES))


def batched(sizes: Sequence[int], num_rows: int) -> None:
    """Count a batch of `--enable_batching`.

    Args:
        sizes: Number of rows of each request in it.
        num_rows: Number of rows that were run, with those that filled it up.
    """
    _RUNS.add()
    for size in sizes:
        _INPUT.observe(size)
    _PROCESSED.observe(num_rows)
    _PADDING.observe(num_rows - sum(sizes), str(num_rows))


def warmed_up(folder: str, status: str, took_s: float, num_records: int) -> None:
    """Count a warm-up: the version's folder, the name of the code that it ended with, and its records."""
    _WARMUP.observe(took_s * 1e6, folder, status)
    _RECORDS.add(folder, status, by=num_records)
