"""Reads TensorFlow Serving's metrics: how many requests to a model failed, and how long the others took.

Both that server and ours give them, per process and not per version, so what is compared are pods that serve one
version by default. Its latencies are counted in buckets whose ends lie a factor of 1.8 apart; within one they are taken
for evenly spread over the logarithm.

Source:
    https://github.com/prometheus/docs/blob/main/content/docs/instrumenting/exposition_formats.md
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from serving.targets.canary import BOUNDS_S, Counts

COUNT = ":tensorflow:serving:request_count"
BUCKET = ":tensorflow:serving:request_latency_bucket"
CALLS = frozenset(("predict", "classify", "regress", "multiinference"))
GIVEN_UP = frozenset(("CANCELLED",))
_LINE = re.compile(r"^(?P<name>[^\s{]+)\{(?P<labels>.*)\}\s+(?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Sample:
    """What one server has counted since it started.

    Attributes:
        by_status: Requests to the model, by their status.
        below: Requests that were answered within so many microseconds, cumulative, by the bucket's end.
    """

    by_status: dict[str, float] = field(default_factory=dict)
    below: dict[float, float] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, model: str) -> Sample:
        """Read a server's metrics.

        Args:
            text: In Prometheus' text format.
            model: The model.
        """
        sample = cls()
        for name, labels, value in _lines(text):
            if labels.get("model_name") != model:
                continue
            if name == COUNT:
                status = labels.get("status", "")
                sample.by_status[status] = sample.by_status.get(status, 0) + value
            elif name == BUCKET and labels.get("API", "").lower() in CALLS:
                end = float(labels["le"].replace("+Inf", "inf"))
                sample.below[end] = sample.below.get(end, 0) + value
        return sample

    def since(self, before: Sample) -> Sample:
        """Return what was counted since another look; all of it where the server was started anew in between."""
        if sum(self.by_status.values()) < sum(before.by_status.values()):
            return self
        return Sample(
            {status: count - before.by_status.get(status, 0) for status, count in self.by_status.items()},
            {end: count - before.below.get(end, 0) for end, count in self.below.items()},
        )

    def counts(self) -> Counts:
        """Return it as releases judge it."""
        counted = {status: round(count) for status, count in self.by_status.items() if status not in GIVEN_UP}
        counts = Counts(num_requests=sum(counted.values()))
        counts.num_errors = counts.num_requests - counted.get("OK", 0)
        start_s, before = 0.0, 0.0
        for end_us, count in sorted(self.below.items()):
            _spread(counts.latencies, start_s, end_us / 1e6, round(count - before))
            start_s, before = end_us / 1e6, count
        return counts


def _spread(latencies: list[int], start_s: float, end_s: float, num: int) -> None:
    """Add `num` requests that took between `start_s` and `end_s` seconds to the finer buckets between."""
    if num <= 0:
        return
    first = bisect_left(BOUNDS_S, start_s * (1 + 1e-9))
    last = min(bisect_left(BOUNDS_S, end_s * (1 - 1e-9)), len(latencies) - 1)
    size = max(last - first + 1, 1)
    for index in range(size):
        latencies[min(first + index, len(latencies) - 1)] += num * (index + 1) // size - num * index // size


def _lines(text: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        try:
            value = float(found["value"])
        except ValueError:
            continue
        yield found["name"], dict(_LABEL.findall(found["labels"])), value
