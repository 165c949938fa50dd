"""Compares a server's answers to recorded requests with the recorded answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from estafet.errors import StepFailed
from estafet.release import Smoke

HINT = "nothing was published; the version that was served before still is."
MAX_SHOWN_CHARS = 200


def compare(smoke: Smoke, predictions: Sequence[object]) -> None:
    """Compare a server's predictions with the expected ones.

    Raises:
        StepFailed: One differs by more than the tolerance, or is missing.
    """
    if len(predictions) != len(smoke.expected):
        raise StepFailed(
            f"the candidate answered {len(predictions)} predictions to {len(smoke.expected)} instances.", hint=HINT
        )
    for index, (prediction, expected) in enumerate(zip(predictions, smoke.expected, strict=True)):
        value = prediction.get(smoke.output) if isinstance(prediction, dict) else prediction
        if not equal(value, expected, smoke.tolerance):
            raise StepFailed(
                f"the candidate failed its smoke test: for instance {index} it answers {smoke.output} = "
                f"{_short(value)}, where {_short(expected)} was expected.",
                hint=HINT,
            )


def equal(value: object, expected: object, tolerance: float) -> bool:
    """Whether two JSON values are the same, numbers within `tolerance` (absolute, and relative for large ones)."""
    if isinstance(expected, (list, tuple)):
        same_length = isinstance(value, (list, tuple)) and len(value) == len(expected)
        return same_length and all(equal(v, e, tolerance) for v, e in zip(value, expected, strict=True))
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        both_nan = math.isnan(value) and math.isnan(expected)
        return both_nan or math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance)
    return value == expected


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"
