"""The smoke test: a real server process loads a candidate and answers the requests that came with it."""

from __future__ import annotations

import time
from pathlib import Path

from estafet.errors import DataError, ServiceUnavailable, StepFailed
from estafet.release import Smoke
from estafet.telemetry import Progress
from serving.client import Client
from serving.server.process import ServerProcess
from serving.targets.recorded import HINT, compare


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
