"""What a search optimises: one metric, a weighted sum of several, or the front of several; and what it must keep to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from estafet.runfile.architectures import Misfit
from estafet.runfile.section import Section
from estafet.runfile.tasks import HIGHER_IS_BETTER, METRICS_OF, Task

COSTS = {
    "latency_ms": "milliseconds that the trained model takes to answer for one example, the median of repeated calls",
    "parameters": "number of the model's weights",
    "size_mb": "megabytes of the model's weights",
    "seconds": "seconds that the trial's training took",
}
"""What a trial costs: measured once, after its training; less is better."""

_CONSTRAINT = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=)\s*([-+0-9.eE_]+)\s*")


class Objective(Section):
    """One thing that is optimised."""

    metric: str
    """A validation metric of the task, or a cost: latency_ms, parameters, size_mb, seconds."""
    direction: Literal["minimise", "maximise"] | None = None
    """Which way is better; the metric's own where it is not said."""
    weight: float | None = Field(None, gt=0)
    """With several: what one unit of the metric counts for in the sum. Give it for all, or for none."""

    @model_validator(mode="after")
    def _is_known(self) -> Objective:
        check_metric(self.metric)
        return self

    @property
    def is_maximised(self) -> bool:
        """Whether more of it is better."""
        if self.direction is not None:
            return self.direction == "maximise"
        return HIGHER_IS_BETTER.get(self.metric, False)


class Choose(Section):
    """Which point of a Pareto front wins: of those within a share of the best by one metric, the best by the others."""

    metric: str
    """The metric that comes first; one of those optimised."""
    within: float = Field(0.02, ge=0, lt=1)
    """How much worse than the front's best it may be, as a share of that best."""


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric or cost.

    Attributes:
        metric: What is bounded.
        at_most: Whether `bound` is the largest value allowed, and not the smallest.
        bound: The bound itself, which is allowed.
    """

    metric: str
    at_most: bool
    bound: float

    def violation(self, value: float) -> float:
        """Return by how much `value` is beyond the bound; 0 or less where it keeps to it."""
        return value - self.bound if self.at_most else self.bound - value

    def __str__(self) -> str:
        return f"{self.metric} {'<=' if self.at_most else '>='} {self.bound:g}"


def parse_constraint(text: str) -> Constraint:
    """Return what a line of `tune.satisfy` means.

    Raises:
        ValueError: It is no comparison of a known metric or cost with a number.
    """
    if not (found := _CONSTRAINT.fullmatch(text)):
        raise ValueError(f"'{text}' is no constraint; write one such as 'latency_ms <= 5'")
    metric, sign, number = found.groups()
    check_metric(metric)
    try:
        bound = float(number)
    except ValueError:
        raise ValueError(f"'{number}' in '{text}' is no number") from None
    return Constraint(metric, sign == "<=", bound)


def check_metric(metric: str) -> None:
    """Look whether there is a metric or cost of this name.

    Raises:
        ValueError: There is none; the message names those that there are.
    """
    known = [*HIGHER_IS_BETTER, *COSTS]
    if metric not in known:
        near = difflib.get_close_matches(metric, known, n=1)
        asked = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"there is no metric '{metric}' among {', '.join(known)}{asked}")


def misfit_of(
    optimise: Sequence[Objective], satisfy: Sequence[str], task: Task
) -> tuple[tuple[str | int, ...], Misfit] | None:
    """Return which key of `tune` names a metric that the task does not have, and what is wrong; None for none.

    Args:
        optimise: What `tune.optimise` says.
        satisfy: What `tune.satisfy` says.
        task: What the model is asked to do.
    """
    known = (*METRICS_OF[task], *COSTS)
    named: list[tuple[tuple[str | int, ...], str]] = [
        *((("tune", "optimise", i, "metric"), objective.metric) for i, objective in enumerate(optimise)),
        *((("tune", "satisfy", i), parse_constraint(text).metric) for i, text in enumerate(satisfy)),
    ]
    for key, metric in named:
        if metric not in known:
            return key, Misfit(
                f"{task.value} has no metric '{metric}' that {'.'.join(map(str, key[:2]))} could name",
                f"write one of {', '.join(METRICS_OF[task])}, or a cost: {', '.join(COSTS)}.",
            )
    return None
