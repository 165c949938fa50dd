"""How the rows of a table are divided: by digest, within classes, by group or by time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from components.ingest.parts import training_parts
from components.ingest.rows.rows import Rows
from components.ingest.splitting import Divider, lengths_by_time, part_names
from estafet.errors import ConfigError
from estafet.runfile.data import Split
from estafet.runfile.steps import IngestSettings


@dataclass(frozen=True)
class Division:
    """Gives each row its part.

    Attributes:
        names: The parts.
        training: Numbers of those that the schema's statistics are made of.
        parts: Returns the number of each row's part, int8 (N,).
        is_in_order: Whether rows must be given with rising digests, from call to call.
    """

    names: tuple[str, ...]
    training: tuple[int, ...]
    parts: Callable[[Rows], np.ndarray]
    is_in_order: bool = False


def check_division(settings: IngestSettings) -> None:
    """Refuse a split by time without a time, and a stratified one of numbers.

    Raises:
        ConfigError: It is so.
    """
    if settings.split.by == "time" and settings.time is None:
        raise ConfigError("data.split.by is 'time', and no column holds the time.", hint="set data.time.")
    if settings.split.by == "stratified" and not settings.task.is_classification:
        raise ConfigError(
            f"data.split.by is 'stratified', and {settings.task.value} has no classes.", hint="set data.split.by: hash."
        )


def division(
    settings: IngestSettings, class_totals: np.ndarray | None, times: tuple[np.ndarray, np.ndarray] | None
) -> Division:
    """Return how rows are divided.

    Args:
        settings: The step's settings.
        class_totals: For classification, the number of rows of each class by its number in order of appearance.
        times: For a split by time, the times of all rows that were read, int64 (N,), and which of them are kept.
    """
    names = part_names(settings.split)
    training = training_parts(names)
    if times is not None:
        return Division(names, training, _by_time(settings.split, *times))
    divider = Divider(settings.split, class_totals)
    is_stratified = settings.split.by == "stratified"
    return Division(names, training, lambda rows: divider.parts(rows.draws, rows.labels), is_stratified)


def _by_time(shares: Split, times_N: np.ndarray, is_kept_N: np.ndarray) -> Callable[[Rows], np.ndarray]:
    """Return what gives the oldest rows to training; rows of one time stay together."""
    kept_N = times_N[is_kept_N]
    firsts = np.cumsum(lengths_by_time(len(kept_N), shares))
    kept_N.partition(np.minimum(firsts, len(kept_N) - 1))
    # Beyond the last row lies no time at all.
    bounds = np.array([kept_N[first] if first < len(kept_N) else np.iinfo(np.int64).max for first in firsts])
    return lambda rows: np.searchsorted(bounds, times_N[rows.numbers], side="right").astype(np.int8)
