"""What a server answers: predictions as arrays, rows or a frame, and the states of its versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from estafet.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

REQUEST_ID_COLUMN = "request_id"


@dataclass(frozen=True)
class VersionStatus:
    """One version, as the server reports it.

    Attributes:
        version: Its number.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error: Why it is not served; empty where nothing is wrong.
    """

    version: int
    state: str
    error: str = ""

    @property
    def is_available(self) -> bool:
        """Whether it answers requests."""
        return self.state == "AVAILABLE"


@dataclass(frozen=True)
class Prediction:
    """What a server answered to one request.

    Attributes:
        outputs: The model's outputs by name, in the model's types; words as `str`, outputs named `…_bytes` as `bytes`.
        request_id: The request's id; row k is logged as `<request_id>-<k>`. Empty where the server gives none.
        rows: The answer's rows as REST sent them, where it sent rows.
        index: The index of the frame that was asked about, if it was one.
    """

    outputs: dict[str, np.ndarray]
    request_id: str
    rows: list[object] | None = field(default=None, repr=False)
    index: Any = field(default=None, repr=False)

    @cached_property
    def predictions(self) -> list[object]:
        """One for each row: a value, or values by name where the model has several outputs."""
        if self.rows is not None:
            return self.rows
        self._num_rows()  # refuses outputs that have no rows
        lists = {name: array.tolist() for name, array in self.outputs.items()}
        if len(lists) == 1:
            return next(iter(lists.values()))
        return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]

    @property
    def row_ids(self) -> list[str]:
        """The id of each row in the request log, by which labels are joined later; empty texts without ids."""
        num_rows = self._num_rows()
        return [f"{self.request_id}-{k}" if self.request_id else "" for k in range(num_rows)]

    def frame(self) -> pd.DataFrame:
        """Return one row for each row of the request: the outputs, several numbers as a list, and `request_id`.

        Raises:
            DataError: An output has another number of rows than the others.
        """
        import pandas as pd

        columns: Mapping[str, Sequence[object]] = {
            name: array if array.ndim == 1 else array.tolist() for name, array in self.outputs.items()
        }
        ids = self.row_ids
        return pd.DataFrame({**columns, REQUEST_ID_COLUMN: ids}, index=self.index)

    def _num_rows(self) -> int:
        sizes = {name: array.shape[0] if array.ndim else None for name, array in self.outputs.items()}
        found = set(sizes.values())
        if len(found) != 1 or None in found:
            raise DataError(
                f"the outputs are no rows: {json.dumps(sizes)} (null is a single value).",
                hint="read them by name, from `outputs`.",
            )
        return next(iter(found))
