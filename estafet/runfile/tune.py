"""The `tune` section: how hyperparameters are searched on a subsample."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from estafet.runfile.model import Hyperparameter
from estafet.runfile.section import Section


class Range(Section):
    """Values that one hyperparameter may take: `choices`, or everything from `low` to `high`."""

    low: float | None = None
    """Smallest value."""
    high: float | None = None
    """Largest value, included."""
    log: bool = False
    """Whether the logarithm is searched evenly, as learning rates want it."""
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
        elif self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range must start above 0, not at {self.low}")
        return self


class Tune(Section):
    """How hyperparameters are searched on a subsample."""

    enabled: bool = True
    """Whether to tune at all; without it, `train` uses the model's defaults and `model.hyperparameters`."""
    trials: int = Field(12, ge=1)
    """Number of configurations to try."""
    subsample: float = Field(0.25, gt=0, le=1)
    """Share of the training split that trials learn from: stratified by class, the newest part of a series."""
    epochs: int = Field(5, ge=1)
    """Number of epochs of each trial."""
    batch_size: int = Field(32, ge=1)
    """Batch size of the trials, unless it is searched."""
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    """How the next configuration is chosen."""
    pruner: Literal["percentile", "median", "none"] = "percentile"
    """How hopeless trials are ended early."""
    search: dict[str, Range] = Field(default_factory=dict)
    """Hyperparameters and their ranges; where it is empty, those that the model suggests."""
    timeout_s: float | None = Field(None, gt=0)
    """Seconds after which no new trial begins."""
    seed: int = Field(0, ge=0)
    """Seed of the sampler and of each trial."""
