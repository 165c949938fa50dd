"""The `evaluate` section: the headline metric and the gates between a candidate and its release."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from estafet.runfile.section import Section
from estafet.runfile.tasks import HIGHER_IS_BETTER


def _check_metric(name: str) -> str:
    if name not in HIGHER_IS_BETTER:
        raise ValueError(f"no metric is called '{name}'; there are {', '.join(sorted(HIGHER_IS_BETTER))}")
    return name


class Gate(Section):
    """The bounds, included, within which one metric must lie."""

    min: float | None = None
    """Smallest value that passes."""
    max: float | None = None
    """Largest value that passes."""

    @model_validator(mode="after")
    def _bounds_something(self) -> Gate:
        if self.min is None and self.max is None:
            raise ValueError("a gate needs min, max or both")
        return self


class Evaluate(Section):
    """The headline metric and the gates between a candidate and its release."""

    metric: str | None = None
    """Metric that heads the report and that is compared with the champion's: accuracy for images, roc_auc for
    tabular classification, rmse for regression, mae for forecasting, unless another is named."""
    gates: dict[str, Gate] = Field(default_factory=dict)
    """Bounds by metric, such as `{accuracy: {min: 0.95}}`; one that fails keeps the candidate from being deployed."""
    compare_with_champion: bool = True
    """Whether the served model is scored on the same examples, and the candidate refused where it is worse."""
    max_regression: float = Field(0.0, ge=0)
    """How much worse than the champion's the headline metric may be, in the metric's own unit."""

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, name: str | None) -> str | None:
        return name if name is None else _check_metric(name)

    @field_validator("gates")
    @classmethod
    def _gates_are_known(cls, gates: dict[str, Gate]) -> dict[str, Gate]:
        for name in gates:
            _check_metric(name)
        return gates
