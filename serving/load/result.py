"""What a measurement says: requests a second, failures by kind, and percentiles of the latency."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from serving.load.measuring import Measured, Sample

PER_MILLE = {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999}
SELF_BUSY = 0.85


@dataclass(frozen=True)
class Result:
    """A measurement in numbers.

    Attributes:
        num_requests: Requests that were due.
        num_answered: Those that were answered.
        seconds: From the end of the warm-up to the last answer, at least the plan's duration.
        failures: Those that were not, by kind.
        latencies_ms: Percentiles, `max` and `mean` of the answered ones; empty where none was.
        waited_ms: The same of how late requests were sent, for want of a free client; part of the latency.
        by_second: For each second after the warm-up: `second`, `answered`, `failed`, `p50`, `p99` (ms or None).
        own_cpu: Processor time of the measuring process for each second.
    """

    num_requests: int
    num_answered: int
    seconds: float
    failures: dict[str, int]
    latencies_ms: dict[str, float]
    waited_ms: dict[str, float]
    by_second: list[dict[str, Any]]
    own_cpu: float

    @property
    def requests_per_s(self) -> float:
        """Answered requests a second."""
        return self.num_answered / self.seconds

    @property
    def error_rate(self) -> float:
        """Share of the requests that failed, from 0 to 1; 1 where there was none."""
        return 1 - self.num_answered / self.num_requests if self.num_requests else 1.0

    def as_json(self) -> dict[str, Any]:
        """Return all numbers as JSON values."""
        return {"requests_per_s": self.requests_per_s, "error_rate": self.error_rate, **asdict(self)}

    def warnings(self) -> list[str]:
        """Say what stands between the numbers and the server."""
        found = []
        if self.own_cpu > SELF_BUSY:
            found.append(
                f"this tool itself kept {self.own_cpu:.2f} processors busy: its own limit may be what was measured; "
                "send more rows a request, or start it several times."
            )
        waited, latency = self.waited_ms.get("p99", 0.0), self.latencies_ms.get("p99", 0.0)
        if waited > latency / 4 and waited > 1:
            found.append(
                f"requests were sent up to {waited:.3g} ms late (p99): the server did not keep up, --clients is too "
                "small, or this machine was busy."
            )
        return found


def summarise(measured: Measured) -> Result:
    """Turn a measurement into numbers."""
    samples, warm_up_s = measured.samples, measured.plan.warm_up_s
    answered = [sample for sample in samples if not sample.failure]
    last_s = max((sample.ended_s for sample in samples), default=0.0)
    return Result(
        num_requests=len(samples),
        num_answered=len(answered),
        seconds=max(measured.plan.duration_s, last_s - warm_up_s),
        failures=dict(Counter(sample.failure for sample in samples if sample.failure).most_common()),
        latencies_ms=percentiles(latencies_ms(answered)),
        waited_ms=percentiles(np.array([1e3 * (sample.sent_s - sample.due_s) for sample in answered])),
        by_second=_by_second(samples, warm_up_s),
        own_cpu=measured.own_cpu,
    )


def latencies_ms(samples: list[Sample]) -> np.ndarray:
    """Return how long each request took from when it was due, in milliseconds."""
    return np.array([1e3 * (sample.ended_s - sample.due_s) for sample in samples])


def percentiles(values_N: np.ndarray) -> dict[str, float]:
    """Return percentiles by nearest rank (each is a value that occurred), the largest, and the mean; {} for none."""
    if not values_N.size:
        return {}
    ranked = np.sort(values_N)
    # whole numbers: NumPy's `inverted_cdf` takes the 1000th of 1000 values for 99.9 %, by a rounding error
    named = {name: float(ranked[-(-share * len(ranked) // 1000) - 1]) for name, share in PER_MILLE.items()}
    return {**named, "max": float(values_N.max()), "mean": float(values_N.mean())}


def _by_second(samples: list[Sample], warm_up_s: float) -> list[dict[str, Any]]:
    seconds: dict[int, list[Sample]] = {}
    for sample in samples:
        seconds.setdefault(int(sample.due_s - warm_up_s), []).append(sample)
    rows = []
    for second, group in sorted(seconds.items()):
        answered = [sample for sample in group if not sample.failure]
        found = percentiles(latencies_ms(answered))
        row = {"second": second, "answered": len(answered), "failed": len(group) - len(answered)}
        rows.append(row | {"p50": found.get("p50"), "p99": found.get("p99")})
    return rows
