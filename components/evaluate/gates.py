"""Gates: the bounds within which a metric must lie before a candidate may be released."""

from __future__ import annotations

from collections.abc import Mapping

from estafet.evaluation import GateResult
from estafet.runfile.evaluate import Gate


def check(gates: Mapping[str, Gate], metrics: Mapping[str, float]) -> tuple[GateResult, ...]:
    """Hold each gated metric against its bounds, which are themselves allowed.

    Args:
        gates: The bounds, by metric.
        metrics: The candidate's metrics. A gated metric that is not among them does not pass.
    """
    return tuple(_check(name, gate, metrics.get(name)) for name, gate in gates.items())


def _check(name: str, gate: Gate, value: float | None) -> GateResult:
    passed = value is not None and (gate.min is None or value >= gate.min) and (gate.max is None or value <= gate.max)
    return GateResult(metric=name, value=value, min=gate.min, max=gate.max, passed=passed)
