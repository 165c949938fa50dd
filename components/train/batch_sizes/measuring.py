"""Trains each candidate in a process of its own, one after the other, and reads what it cost and reached."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from components.train.batch_sizes.candidates import Candidate, first_rate
from components.train.batch_sizes.measured import Measured
from estafet import telemetry
from estafet.files import write_json
from estafet.telemetry import Progress, StepRecord, silent
from estafet.training.models.user import USER_PATH_VARIABLE

COMMAND = (sys.executable, "-P", "-m", "components.train.batch_sizes.child")
POLL_S = 0.2
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore"}


def measure(
    candidates: Sequence[Candidate],
    dataset_folder: str | Path,
    folder: str | Path,
    *,
    share: float = 1.0,
    user_folder: str | Path | None = None,
    progress: Progress = silent,
    on_measured: Callable[[Measured], None] = lambda measured: None,
) -> list[Measured]:
    """Train all candidates; one that fails is among them with the reason, and the others go on.

    Args:
        candidates: What is compared.
        dataset_folder: A data set, as `ingest` wrote it.
        folder: Where each leaves its job, its log and its result.
        share: Share of the training split to learn from.
        user_folder: Where the module of a user's model is.
        progress: Told how far all of it is, in epochs.
        on_measured: Told of each candidate as soon as it has ended.
    """
    folder, found = Path(folder).resolve(), []
    total = sum(candidate.settings.epochs for candidate in candidates)
    for candidate in candidates:
        done = sum(before.settings.epochs for before in candidates[: len(found)])

        def tell(message: str, epochs: float | None, name: str = candidate.name, done: int = done) -> None:
            progress(f"{name} · {message}", done + (epochs or 0), total)

        job = {"key": candidate.key, "dataset": str(Path(dataset_folder).resolve()), "share": share}
        job["settings"] = candidate.settings.model_dump(mode="json", exclude_none=True)
        write_json(folder / f"{candidate.key}.json", job)
        status = _run(candidate, folder, _environment(folder, user_folder), tell)
        found.append(_result(candidate, folder, status))
        on_measured(found[-1])
    return found


def _environment(folder: Path, user_folder: str | Path | None) -> dict[str, str]:
    """Return the environment of a training: it tells its progress to a file, and MLflow nothing."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "ESTAFET_")) and k != "TF_CONFIG"}
    told = {telemetry.RUN_DIR_VARIABLE: str(folder), telemetry.RUNNER_PID_VARIABLE: str(os.getpid())}
    user = {} if user_folder is None else {USER_PATH_VARIABLE: str(user_folder)}
    return {**QUIET, **kept, **told, **user}


def _run(
    candidate: Candidate, folder: Path, environment: dict[str, str], tell: Callable[[str, float | None], None]
) -> int:
    """Run a candidate's process to its end, and return its status; below 0 the signal that killed it."""
    files = [str(folder / f"{candidate.key}.json"), str(_result_file(candidate, folder))]
    with (folder / f"{candidate.key}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen([*COMMAND, *files], stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            tell("starting", None)
            while True:
                try:
                    return process.wait(POLL_S)
                except subprocess.TimeoutExpired:
                    if record := _record(candidate, folder):
                        tell(record.message.partition(" · ")[0], record.done)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _record(candidate: Candidate, folder: Path) -> StepRecord | None:
    try:
        return StepRecord.read(telemetry.record_path(folder, candidate.key))
    except (OSError, ValueError, TypeError):
        return None


def _result_file(candidate: Candidate, folder: Path) -> Path:
    return folder / f"{candidate.key}-measured.json"


def _result(candidate: Candidate, folder: Path, status: int) -> Measured:
    about = {"name": candidate.name, "kind": candidate.kind, "learning_rate": first_rate(candidate.settings)}
    if status == 0:
        return Measured.read(_result_file(candidate, folder), **about)
    record = _record(candidate, folder)
    return Measured(
        **about,
        peak_mb=record.peak_mb if record else 0.0,
        reason=_reason(status, record, folder / f"{candidate.key}.log"),
    )


def _reason(status: int, record: StepRecord | None, log: Path) -> str:
    """Say why a training did not come to its end: what it said itself, or that the system killed it."""
    if record and record.error:
        said = str(record.error["message"])
        return f"{said} The traceback is in '{log}'." if "traceback" in record.error else said
    if status < 0:
        used = f" It had used {record.peak_mb:,.0f} MB." if record and record.peak_mb else ""
        name = signal.Signals(-status).name
        return f"it was killed ({name}) before it could say why; the system does so when memory runs out.{used}"
    return f"its process ended with status {status}; its last words are in '{log}'."
