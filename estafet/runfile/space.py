"""Ranges of hyperparameters, as `tune.space` has them: choices, or everything from low to high on a scale."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import model_validator

from estafet.runfile.model import Hyperparameter
from estafet.runfile.section import Section


class Range(Section):
    """Values that one hyperparameter may take: `choices`, or everything from `low` to `high`."""

    low: float | None = None
    """Smallest value."""
    high: float | None = None
    """Largest value, included."""
    scale: Literal["linear", "log"] = "linear"
    """What is searched evenly: the value, or its logarithm, as learning rates want it."""
    integer: bool = False
    """Whether only whole numbers are tried."""
    choices: tuple[Hyperparameter, ...] | None = None
    """The values to choose from, in place of `low` and `high`."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if self.choices is not None:
            if not self.choices or self.low is not None or self.high is not None:
                raise ValueError("give at least one value in choices, and then neither low nor high")
        elif self.low is None or self.high is None or self.low > self.high:
            raise ValueError(f"give low and high with low ≤ high, or choices (low={self.low}, high={self.high})")
        elif self.scale == "log" and self.low <= 0:
            raise ValueError(f"a logarithmic scale must start above 0, not at {self.low}")
        elif self.integer and math.ceil(self.low) > self.high:
            raise ValueError(f"there is no whole number between {self.low:g} and {self.high:g}")
        return self
