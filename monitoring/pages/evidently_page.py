"""Evidently's own page about a window, to look at; it decides nothing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

MAX_CATEGORIES = 1_000
"""A column of more words takes Evidently over a minute."""


def draw(
    path: str | Path, reference: dict[str, np.ndarray], requests: dict[str, np.ndarray], max_rows: int
) -> str | None:
    """Write Evidently's page about the columns that both sides have.

    Args:
        path: The HTML file.
        reference: Columns of the reference, by name.
        requests: Columns of the requests, by name.
        max_rows: Number of rows of each side that are drawn from, at most.

    Returns:
        None, or why there is no page: Evidently loses the whole page to one column that it cannot draw, and that must
        not cost the verdict.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    drawable = [name for name in reference if name in requests and _can_be_drawn(reference[name], requests[name])]
    if not drawable:
        return "no column can be drawn"
    try:
        import pandas as pd
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        definition = DataDefinition(
            numerical_columns=[name for name in drawable if reference[name].dtype != object],
            categorical_columns=[name for name in drawable if reference[name].dtype == object],
        )
        frames = (pd.DataFrame(_sample(side, drawable, max_rows)) for side in (requests, reference))
        current_data, reference_data = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
        unfinished = Path(path).with_name(f".{Path(path).name}.tmp")
        Report([DataDriftPreset()]).run(current_data, reference_data).save_html(str(unfinished))
        unfinished.replace(path)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _sample(columns: dict[str, np.ndarray], names: list[str], max_rows: int) -> dict[str, np.ndarray]:
    """Return as many rows of each column, spread evenly over it; of many images only some were described."""
    num_rows = min(max_rows, *(len(columns[name]) for name in names))
    rows = {length: np.linspace(0, length - 1, num_rows).astype(np.int64) for length in map(len, columns.values())}
    return {name: columns[name][rows[len(columns[name])]] for name in names}


def _can_be_drawn(reference: np.ndarray, current: np.ndarray) -> bool:
    for values in (reference, current):
        if values.dtype == object:
            known = {value for value in values if value is not None}
            if not known or len(known) > MAX_CATEGORIES:
                return False
        elif not np.isfinite(values).any():
            return False
    return reference.dtype == current.dtype
