"""The smoke test: a real server process loads a candidate and answers the requests that came with it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from estafet.errors import DataError, ServiceUnavailable, StepFailed
from estafet.release import Smoke
from estafet.telemetry import Progress
from serving.client import Client
from serving.server.process import ServerProcess

HINT = "nothing was published; the version that was served before still is."
MAX_SHOWN_CHARS = 200


def smoke_test(
    smoke: Smoke, models_dir: Path, name: str, output_dir: Path, *, timeout_s: float, progress: Progress
) -> float:
    """Start a server on a candidate alone, and compare its answers with the expected ones.

    Args:
        smoke: The requests and the answers they must get.
        models_dir: Folder with nothing but the candidate.
        name: The model's name.
        output_dir: Folder for the server's output.
        timeout_s: Seconds that the server has to load the candidate and to answer.
        progress: Told what is being done.

    Returns:
        Seconds that the requests took, all in one.

    Raises:
        StepFailed: The candidate does not load or answers wrongly, or not in time.
    """
    deadline = time.monotonic() + timeout_s
    progress("starting a model server on the candidate")
    with ServerProcess(models_dir, name, output_dir) as server:
        try:
            url = server.wait_until_listening(timeout_s)
            remaining_s = max(1.0, deadline - time.monotonic())
            client = Client(url, name, timeout_s=remaining_s)
            client.wait_until_available(timeout_s=remaining_s)
            progress(f"asking it for {len(smoke.instances)} predictions")
            started = time.perf_counter()
            predictions = client.predict(smoke.instances).predictions
            latency_s = time.perf_counter() - started
        except (DataError, ServiceUnavailable) as error:
            raise StepFailed(f"the candidate failed its smoke test: {error.message}", hint=HINT) from error
    compare(smoke, predictions)
    return latency_s


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
