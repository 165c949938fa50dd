"""What one training cost and reached, and the numbers that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from statistics import median

from estafet.files import read_json
from estafet.runfile.tasks import HIGHER_IS_BETTER

Epoch = Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """One of the trainings that were compared.

    Attributes:
        name: What people call it, such as `64`, `32 → 256` or `auto`.
        kind: fixed, schedule or auto.
        learning_rate: Learning rate of the first epoch.
        history: For each epoch: loss and metrics on both splits, batch_size, learning_rate, seconds.
        cpu_s: CPU seconds of each epoch.
        before_s: Seconds from the beginning to the first epoch: building the model, and measuring what is chosen.
        before_cpu_s: CPU seconds until then.
        num_examples: Number of training examples.
        peak_mb: Largest memory, in 10⁶ bytes: of the process, or of the GPU where there is one.
        devices: What it ran on.
        decisions: What was measured and chosen, by what it is about, and why.
        reason: Why it did not come to its end; empty where it did.
    """

    name: str
    kind: str
    learning_rate: float
    history: Sequence[Epoch] = ()
    cpu_s: Sequence[float] = ()
    before_s: float = 0.0
    before_cpu_s: float = 0.0
    num_examples: int = 0
    peak_mb: float = 0.0
    devices: str = ""
    decisions: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @classmethod
    def read(cls, path: str | Path, name: str, kind: str, learning_rate: float) -> Measured:
        """Read what a training process wrote."""
        return cls(name, kind, learning_rate, **read_json(path))

    @property
    def is_whole(self) -> bool:
        """Whether the training came to its end."""
        return not self.reason

    @property
    def epochs_s(self) -> list[float]:
        """Seconds of each epoch, its validation included and the tracing of its first steps left out."""
        return without_start([epoch["seconds"] for epoch in self.history], self.sizes)

    @property
    def epochs_cpu_s(self) -> list[float]:
        """CPU seconds of each epoch, likewise."""
        return without_start(self.cpu_s, self.sizes)

    @property
    def epoch_s(self) -> float:
        """Seconds of an epoch, the median."""
        return median(self.epochs_s)

    @property
    def epoch_cpu_s(self) -> float:
        """CPU seconds of an epoch, the median."""
        return median(self.epochs_cpu_s)

    @property
    def examples_per_s(self) -> float:
        """Training examples in a second of such an epoch."""
        return self.num_examples / max(self.epoch_s, 1e-9)

    @property
    def sizes(self) -> list[float]:
        """The batch size of each epoch."""
        return [epoch["batch_size"] for epoch in self.history]

    @property
    def clock_s(self) -> list[float]:
        """Seconds at the end of each epoch, from the beginning of the first."""
        return list(accumulate(self.epochs_s))

    @property
    def cpu_clock_s(self) -> list[float]:
        """CPU seconds at the end of each epoch, likewise."""
        return list(accumulate(self.epochs_cpu_s))

    def values(self, metric: str) -> list[float]:
        """Return a metric's validation value after each epoch."""
        return [epoch[f"val_{metric}"] for epoch in self.history]

    def best(self, metric: str) -> float:
        """Return the best validation value of any epoch."""
        return better(metric)(self.values(metric))

    def final(self, metric: str) -> float:
        """Return the validation value after the last epoch."""
        return self.values(metric)[-1]

    def epochs_to(self, metric: str, value: float) -> int | None:
        """Return how many epochs it took until a metric was as good as a value; None where it never was."""
        pick = better(metric)
        reached = (number for number, now in enumerate(self.values(metric), 1) if pick(now, value) == now)
        return next(reached, None)


def better(metric: str) -> Callable:
    """Return `max` for a metric of which more is better, and `min` for any other."""
    return max if HIGHER_IS_BETTER.get(metric, False) else min


def without_start(costs: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Return what each epoch cost, without what only the first one pays: TensorFlow's tracing.

    That is the same for every size and takes seconds, so that in a short comparison it would hide what differs. The
    first epoch counts as the median of the others with its size, unless it cost less; where there are none, it stays.

    Args:
        costs: Seconds of each epoch.
        sizes: The batch size of each epoch.
    """
    others = [cost for cost, size in list(zip(costs, sizes, strict=True))[1:] if size == sizes[0]]
    return [min(costs[0], median(others)), *costs[1:]] if others else list(costs)
