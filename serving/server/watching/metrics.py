"""Counters, gauges and histograms, written as Prometheus text in the way that TensorFlow Serving writes its own."""

from __future__ import annotations

import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

_ODD = re.compile(r"[^a-zA-Z0-9_]")


class Metric(Protocol):
    """Something that can be written."""

    name: str
    kind: str

    def lines(self) -> list[str]:
        """Return one line for each value; none before the metric was touched."""

    def first_value(self) -> int | None:
        """Return the value of the first cell, or None where it has none."""


class Counter:
    """Counts that only rise, one for each combination of labels."""

    kind = "counter"

    def __init__(self, name: str, *labels: str):
        """Count under a name such as /tensorflow/serving/request_count, by these labels."""
        self.name, self._labels = name, labels
        self._cells: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, *values: str, by: int = 1) -> None:
        """Count `by` more under these labels' values."""
        with self._lock:
            self._cells[values] = self._cells.get(values, 0) + by

    def lines(self) -> list[str]:
        """Return one line for each cell."""
        name = exposed(self.name)
        with self._lock:
            cells = list(self._cells.items())
        return [f"{name}{_braces(self._labels, values)} {count}" for values, count in cells]

    def first_value(self) -> int | None:
        """Return the count of the first cell."""
        return next(iter(self._cells.values()), None)


class Gauge:
    """Values that are asked for when they are written."""

    kind = "gauge"

    def __init__(self, name: str, read: Callable[[], Mapping[tuple[str, ...], float]], *labels: str):
        """Show what `read` returns: a value for each combination of labels."""
        self.name, self._read, self._labels = name, read, labels

    def lines(self) -> list[str]:
        """Return one line for each value."""
        name = exposed(self.name)
        return [f"{name}{_braces(self._labels, values)} {value:g}" for values, value in self._read().items()]

    def first_value(self) -> int | None:
        """Return nothing: a gauge has no increase."""
        return None


class Histogram:
    """How often values fell below each of a row of bounds, for each combination of labels."""

    kind = "histogram"

    def __init__(self, name: str, bounds: Sequence[float], *labels: str):
        """Count values by `bounds`, the upper ends of the buckets; one more takes what is larger."""
        self.name, self._labels, self._bounds = name, labels, list(bounds)
        self._cells: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}
        self._lock = threading.Lock()

    def observe(self, value: float, *values: str) -> None:
        """Count one value under these labels' values."""
        with self._lock:
            cell = self._cells.get(values)
            if cell is None:
                cell = self._cells[values] = ([0] * (len(self._bounds) + 1), [0.0])
            counts, total = cell
            counts[bisect_left(self._bounds, value)] += 1
            total[0] += value

    def lines(self) -> list[str]:
        """Return the buckets, cumulated, then the sum and the count."""
        name = exposed(self.name)
        with self._lock:
            cells = [(values, list(counts), total[0]) for values, (counts, total) in self._cells.items()]
        lines = []
        for values, counts, total in cells:
            running = 0
            for bound, count in zip([*(f"{bound:g}" for bound in self._bounds), "+Inf"], counts, strict=True):
                running += count
                lines.append(f"{name}_bucket{_braces((*self._labels, 'le'), (*values, bound))} {running}")
            braces = _braces(self._labels, values)
            lines += [f"{name}_sum{braces} {total:g}", f"{name}_count{braces} {running}"]
        return lines

    def first_value(self) -> int | None:
        """Return nothing: a histogram is no counter."""
        return None


M = TypeVar("M", bound=Metric)


class Registry:
    """All metrics of a process."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def add(self, metric: M) -> M:
        """Take a metric up; one of the same name is replaced."""
        self._metrics[metric.name] = metric
        return metric

    def text(self) -> str:
        """Return every metric that was touched."""
        parts = []
        for metric in list(self._metrics.values()):
            lines = metric.lines()
            if lines:
                parts += [f"# TYPE {exposed(metric.name)} {metric.kind}", *lines]
        return "\n".join(parts) + "\n" if parts else ""

    def first_value(self, name: str) -> int | None:
        """Return the first cell of a counter, or None where there is none."""
        metric = self._metrics.get(name)
        return None if metric is None else metric.first_value()


def exposed(name: str) -> str:
    """Return a metric's name as Prometheus takes it: everything odd becomes a colon."""
    return _ODD.sub(":", name)


def exponential(first: float, factor: float, count: int) -> list[float]:
    """Return bounds that grow by a factor."""
    return [first * factor**index for index in range(count)]


def _braces(labels: Sequence[str], values: Sequence[str]) -> str:
    pairs = (f'{exposed(label)}="{_escaped(value)}"' for label, value in zip(labels, values, strict=True))
    return f"{{{','.join(pairs)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


REGISTRY = Registry()
"""What the server's parts write into and `/monitoring/prometheus/metrics` shows."""
