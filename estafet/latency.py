"""How long models take to answer: one example, and a batch, each as compiled functions, as a server calls them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import keras

Key = TypeVar("Key")
BATCH_SIZE = 64
NUM_WARM_UPS = 3
NUM_ROUNDS, MIN_ROUNDS = 41, 5
MAX_S = 20.0
"""After so many seconds no new round begins, but for the first few."""


@dataclass(frozen=True)
class Latency:
    """How long a model takes to answer.

    Attributes:
        single_s: Median seconds for one example.
        batch_s: Median seconds for a batch of 64.
    """

    single_s: float
    batch_s: float


def measure(models: Mapping[str, keras.Model], dataset_folder: str | Path, split: str) -> dict[str, Latency]:
    """Measure each model on the first examples of a split; where there are fewer than 64, they are repeated.

    Models take turns, so that what else the machine does falls on all of them alike.

    Args:
        models: By name; they take the same inputs.
        dataset_folder: What `ingest` wrote.
        split: Where the examples come from.
    """
    import tensorflow as tf

    from estafet.records import reading

    features, _ = next(iter(reading.dataset(dataset_folder, split, batch_size=BATCH_SIZE, cache=False)))
    batch = {name: tf.gather(v, np.arange(BATCH_SIZE) % int(v.shape[0])) for name, v in features.items()}
    single = {name: values[:1] for name, values in batch.items()}
    calls = {(name, size): _call(model, asked) for name, model in models.items() for size, asked in
             (("single", single), ("batch", batch))}  # fmt: skip
    taken = _take_turns(calls)
    return {name: Latency(*(median(taken[name, size]) for size in ("single", "batch"))) for name in models}


def of_calls(calls: Mapping[Key, Callable[[], object]]) -> dict[Key, float]:
    """Return the median seconds of each call, warmed up; calls take turns."""
    return {key: median(taken) for key, taken in _take_turns(calls).items()}


def single_s(
    answer: Callable[[Mapping[str, object]], object], features: Mapping[str, object], num_calls: int = NUM_ROUNDS
) -> float:
    """Return the median seconds that `answer` takes for one example, warmed up.

    Args:
        answer: A compiled function from features to predictions.
        features: Features of one example or more; the first one is asked about.
        num_calls: Number of calls that are timed.
    """
    single = {name: values[:1] for name, values in features.items()}
    return median(_take_turns({"single": lambda: np.asarray(answer(single))}, num_calls)["single"])


def _call(model: keras.Model, features: Mapping[str, object]) -> Callable[[], object]:
    import tensorflow as tf

    answer = tf.function(lambda asked: model(asked, training=False))
    return lambda: np.asarray(answer(features))


def _take_turns(calls: Mapping[Key, Callable[[], object]], num_rounds: int = NUM_ROUNDS) -> dict[Key, list[float]]:
    taken: dict[Key, list[float]] = {key: [] for key in calls}
    for call in calls.values():
        for _ in range(NUM_WARM_UPS):
            call()
    begun = time.perf_counter()
    for number in range(num_rounds):
        if number >= MIN_ROUNDS and time.perf_counter() - begun > MAX_S:
            break
        for key, call in calls.items():
            start = time.perf_counter()
            call()
            taken[key].append(time.perf_counter() - start)
    return taken
