"""The `train.batch` section: how large a batch is, when it grows, and what the learning rate does then."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from estafet.runfile.section import Section

AUTO_LIMIT = 2048


class Batch(Section):
    """The batch-size schedule: sizes are global batch sizes, over all replicas.

    `batch: 64` is short for one size throughout, and `batch: auto` for `{when: auto}`.
    """

    start: int = Field(32, ge=1)
    """Batch size of the first epoch."""
    limit: int = Field(256, ge=1)
    """Batch size that is never exceeded; 2048 where nothing is said and `when` is `auto`. Where it does not fit into
    memory, gradients are accumulated over parts of it."""
    growth: float = Field(2, gt=1)
    """Factor by which the batch grows."""
    when: Literal["epochs", "plateau", "noise", "auto"] = "epochs"
    """When the batch grows. `epochs`: at given epochs. `plateau`: when the validation loss has stopped improving.
    `noise`: as far as the measured gradient noise scale says that a larger batch wastes nothing. `auto`: measures
    while the training begins, and says what it chose: a larger first size where steps with it take hardly longer, its
    learning rate, and growth by plateau from there; or the usual schedule."""
    every_epochs: int | None = Field(None, ge=1)
    """With `epochs`: number of epochs between two growths. Where neither this nor `at` is given, the batch
    reaches its limit when half of the epochs are done."""
    at: tuple[float, ...] = ()
    """With `epochs`: where the batch grows, each a number of epochs, or below 1 a share of all epochs."""
    patience: int = Field(1, ge=1)
    """With `plateau`: number of epochs without improvement after which the batch grows."""
    min_improvement: float = Field(0.005, ge=0, lt=1)
    """With `plateau`: share by which the validation loss must fall to count as improved."""
    learning_rate_rule: Literal["none", "sqrt", "linear"] = "none"
    """How the learning rate follows the batch: not at all, with its square root, or in proportion."""
    warm_up_steps: int = Field(0, ge=0)
    """Number of optimiser steps over which the learning rate goes from its old to its new value after a growth."""

    @model_validator(mode="before")
    @classmethod
    def _long_form(cls, value: Any) -> Any:
        """Take `auto`, or one number, for the mapping that it is short for."""
        if value == "auto":
            value = {"when": "auto"}
        if isinstance(value, dict) and value.get("when") == "auto":
            return {"limit": AUTO_LIMIT, **value}
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"start": value, "limit": value}
        if isinstance(value, str):
            raise ValueError("must be a size, auto, or keys such as {start: 32, limit: 256}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Batch:
        if self.start > self.limit:
            raise ValueError(f"start must not exceed limit ({self.start} > {self.limit})")
        if self.at and self.every_epochs is not None:
            raise ValueError("give either at or every_epochs, not both")
        if (self.at or self.every_epochs is not None) and self.when != "epochs":
            raise ValueError(f"at and every_epochs are for when: epochs, and this is when: {self.when}")
        fixed = {"growth": 2, "patience": 1, "min_improvement": 0.005, "learning_rate_rule": "none", "warm_up_steps": 0}
        given = [key for key, usual in fixed.items() if getattr(self, key) != usual]
        if self.when == "auto" and given:
            raise ValueError(f"with auto, {given[0]} is chosen by what is measured; leave it out, or set when")
        if any(b <= a for a, b in zip((0, *self.at), self.at, strict=False)) or any(
            place >= 1 and not place.is_integer() for place in self.at
        ):
            raise ValueError(
                f"at must rise, and hold whole numbers of epochs or shares between 0 and 1, not {list(self.at)}"
            )
        if self.at and self.at[0] < 1 <= self.at[-1]:
            raise ValueError(f"at must hold either epochs or shares, not both ({list(self.at)})")
        return self

    @property
    def is_fixed(self) -> bool:
        """Whether the batch has one size throughout."""
        return self.start == self.limit and self.when != "auto"

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Let editors accept the short forms too."""
        long_form = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}, dict(long_form)]}
