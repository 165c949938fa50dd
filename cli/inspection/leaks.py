"""Whether the splits of a data set leak, found out from the shards alone.

The code that divided the data is not asked: the records are read back, and what two parts have in common is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cli.inspection.shards import Part
from estafet.records.manifest import Manifest
from estafet.records.windows import window_starts

FIRST_CASES = 5


@dataclass(frozen=True)
class Leak:
    """What parts of a data set have in common.

    Attributes:
        num_shared: Number of examples, or of training windows, that share something with another part.
        num_compared: Of how many.
        first: The first cases, in words.
    """

    num_shared: int
    num_compared: int
    first: tuple[str, ...] = ()


def shared_examples(parts: Sequence[Part]) -> Leak:
    """Count the examples of whose content there is an exact duplicate in another part."""
    digests_N = np.concatenate([np.zeros(0, "V16"), *(part.digests for part in parts)])
    num_records = [len(part.digests) for part in parts]
    part_N, first_P = np.repeat(np.arange(len(parts)), num_records), np.cumsum([0, *num_records])
    halves_N2 = digests_N.view(np.uint64).reshape(-1, 2)
    order_N = np.lexsort((part_N, halves_N2[:, 1], halves_N2[:, 0]))
    sorted_N2, part_N = halves_N2[order_N], part_N[order_N]
    runs = np.flatnonzero(np.r_[True, (sorted_N2[1:] != sorted_N2[:-1]).any(axis=1)]) if len(order_N) else order_N
    ends = np.r_[runs[1:], len(order_N)][: len(runs)]
    straddles = part_N[runs] != part_N[ends - 1] if len(runs) else np.zeros(0, bool)
    cases = []
    for start, end in zip(runs[straddles][:FIRST_CASES], ends[straddles][:FIRST_CASES], strict=True):
        last = parts[part_N[end - 1]], order_N[end - 1] - first_P[part_N[end - 1]]
        one = parts[part_N[start]], order_N[start] - first_P[part_N[start]]
        cases.append(f"{one[0].where(int(one[1]))} = {last[0].where(int(last[1]))}")
    return Leak(int((ends - runs)[straddles].sum()), len(order_N), tuple(cases))


def shared_windows(parts: Sequence[Part], manifest: Manifest, show_time: Callable[[int], str]) -> Leak:
    """Count the training windows that share a step of a series with a window of another split.

    Args:
        parts: The splits, with the time of each step.
        manifest: Says which steps make up a window, as whoever reads the data set is told.
        show_time: Says a time in words.
    """
    by_name = {part.name: part for part in parts}
    train = by_name.pop("train")
    held_out: dict[tuple[str, ...], list[np.ndarray]] = {}
    for part in by_name.values():
        covered_T = _covered(part, manifest)
        for key, steps in _segments(part):
            held_out.setdefault(key, []).append(part.times[steps][covered_T[steps]])
    is_shared_T = np.zeros(len(train.times), bool)
    for key, steps in _segments(train):
        is_shared_T[steps] = np.isin(train.times[steps], np.concatenate(held_out.get(key, [np.zeros(0, np.int64)])))
    starts_W, length = window_starts(manifest, train.name), _length(manifest)
    before_T = np.cumsum(np.r_[0, is_shared_T])
    num_shared_W = before_T[np.minimum(starts_W + length, len(is_shared_T))] - before_T[starts_W]
    leaking = np.flatnonzero(num_shared_W)
    cases = [
        f"the window of train from {show_time(int(train.times[step]))}{_of_series(train, int(step))} shares {shared:,} "
        f"of its {length:,} steps with a window of another split"
        for step, shared in zip(starts_W[leaking[:FIRST_CASES]], num_shared_W[leaking[:FIRST_CASES]], strict=True)
    ]
    return Leak(len(leaking), len(starts_W), tuple(cases))


def _segments(part: Part) -> Iterator[tuple[tuple[str, ...], slice]]:
    """Yield each series of a split, with its steps."""
    start = 0
    for segment in part.split.segments:
        yield segment.key, slice(start, start + segment.num_steps)
        start += segment.num_steps


def _covered(part: Part, manifest: Manifest) -> np.ndarray:
    """Return which steps are in a window, bool (T,)."""
    changes_T = np.zeros(len(part.times) + _length(manifest) + 1, np.int64)
    starts_W = window_starts(manifest, part.name)
    np.add.at(changes_T, starts_W, 1)
    np.add.at(changes_T, starts_W + _length(manifest), -1)
    return np.cumsum(changes_T)[: len(part.times)] > 0


def _length(manifest: Manifest) -> int:
    return manifest.window.lookback + manifest.window.horizon


def _of_series(part: Part, step: int) -> str:
    key = next(key for key, steps in _segments(part) if step < steps.stop)
    return f" of {' / '.join(key)}" if key else ""
