"""Trains again, on the old data and on the labelled requests, by the same run file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from estafet import runfile
from estafet.errors import GateRefused, StepFailed
from estafet.files import write_json
from estafet.runfile.steps import DriftSettings
from estafet.runfile.tasks import Task
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from monitoring.incidents.state import MonitorState, RetrainingRecord
from monitoring.incidents.verdict import Verdict
from monitoring.retraining import labels, triggers
from monitoring.retraining.labelled import LabelledSet, write_labelled
from monitoring.served import ServedVersion, newest_version, served_version

Settings = DriftSettings
MAX_LINE_CHARS = 160
DONE = ("deployed", "kept")


@dataclass(frozen=True)
class Retraining:
    """How a retraining went.

    Attributes:
        outcome: `deployed`: a new version is served; `kept`: the champion stays; `skipped`: nothing was trained.
        why: The reason, in a few words.
        key: Fingerprint of the labelled requests that were learned; empty where there were none.
        num_labelled: How many they are, those of earlier retrainings included.
        version_before: The version that was served before.
        version_after: The version that is served now.
        sources: What was trained on.
        incident: The incident that asked for it, if it was one.
    """

    outcome: Literal["deployed", "kept", "skipped"]
    why: str
    key: str
    num_labelled: int
    version_before: int
    version_after: int
    sources: tuple[str, ...] = ()
    incident: str | None = None


def retrain(
    settings: DriftSettings,
    report_folder: str | Path,
    run_file: str | Path,
    overrides: Sequence[str],
    profile: str | None,
    models_dir: str | Path,
    requests_dir: str | Path,
    state_dir: str | Path,
    outcome_path: str | Path,
    *,
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Retraining:
    """Run the training pipeline on the old sources and on everything that was labelled.

    Args:
        settings: The `monitor` section with the model's name and task; `labels` is an absolute path.
        report_folder: What `detect_drift` wrote.
        run_file: The run file to run.
        overrides: Overrides that the monitoring run was started with.
        profile: The run file's profile, if one is applied.
        models_dir: Folder with one sub-folder for each served model.
        requests_dir: The request log.
        state_dir: Folder in which retrainings are remembered and labelled data sets are kept.
        outcome_path: The JSON file that gets the result.
        progress: Is told what the training run says.
        tracker: Where the outcome is recorded.

    Raises:
        DataError: The labels do not suit the model.
        StepFailed: The training run ended with an error other than a gate that said no.
    """
    served, state = served_version(models_dir, settings.name), MonitorState(state_dir)
    loaded = runfile.load(run_file, profile=profile, overrides=overrides)
    progress("joining labels with requests")
    found = _labelled_set(settings, loaded, served, requests_dir, state_dir, state)
    if isinstance(found, str):
        result = Retraining("skipped", found, "", 0, served.version, served.version)
    elif any(run.key == found.key and run.outcome in DONE for run in state.retrainings(settings.name)):
        why = f"these {found.num_examples:,} labelled requests have been learned already"
        result = Retraining("skipped", why, found.key, found.num_examples, served.version, served.version)
    else:
        result = _train(settings, loaded, found, served, state, progress)
    incident = Verdict.read(report_folder).get("incident") if Path(report_folder).is_dir() else None
    result = Retraining(**{**vars(result), "incident": incident})
    write_json(outcome_path, asdict(result))
    _track(tracker or NullTracker(), result)
    return result


def summary(result: Retraining) -> str:
    """Return the outcome in a few words."""
    if result.outcome == "deployed":
        return f"version {result.version_after} is served, trained with {result.num_labelled:,} labelled requests"
    return f"{result.outcome}: {result.why}"


def _labelled_set(
    settings: DriftSettings,
    loaded: runfile.LoadedRunFile,
    served: ServedVersion,
    requests_dir: str | Path,
    state_dir: str | Path,
    state: MonitorState,
) -> LabelledSet | str:
    """Return the labelled data set, or why there is none."""
    path = settings.labels
    if settings.task is Task.FORECASTING:
        return "a forecast learns from new rows of its series, not from labels"
    if path is None or not Path(path).is_file():
        return f"there is no file of labels {path}" if path else "monitor.labels names no file"
    requests = labels.labelled_requests(requests_dir, settings.name, labels.read_labels(path))
    if requests.num_rows == 0:
        return f"no request in the log has a label in {path}"
    root = Path(state_dir).resolve() / "labelled"
    earlier = state.learned_folder(settings.name)
    data = loaded.run.data
    if data.labels:
        data = data.model_copy(update={"labels": loaded.absolute(data.labels)})
    return write_labelled(root, requests, served.contract, data, loaded.sources, earlier)


def _in_one_row(line: str) -> str:
    """Return a line of the training run without its columns and its bar, which would not line up in another table."""
    return " ".join(word for word in line.split() if word.strip("━─"))[:MAX_LINE_CHARS]


def _train(
    settings: DriftSettings,
    loaded: runfile.LoadedRunFile,
    found: LabelledSet,
    served: ServedVersion,
    state: MonitorState,
    progress: Progress,
) -> Retraining:
    name, key, folder = settings.name, found.key, str(found.folder)
    record = state.start_retraining(
        name, key, version=served.version, folder=folder, num_labelled=found.num_examples, now_s=time.time()
    )
    progress(f"training with {found.num_examples:,} labelled requests")
    sources = (*loaded.sources, folder)
    hyperparameters = None if settings.retrain.tune else served.release.hyperparameters
    overrides = triggers.training_overrides(loaded.overrides, sources, hyperparameters, found.listing)
    ended = triggers.run_training(
        loaded.path, loaded.profile, overrides, lambda line: progress(f"training: {_in_one_row(line)}")
    )
    newest = newest_version(served.folder.parent.parent, name) or served
    outcome, why = _outcome(ended, record, newest)
    state.end_retraining(name, key, outcome=outcome, why=why, version=newest.version, now_s=time.time())
    if outcome == "failed":
        raise StepFailed(
            f"the training run ended with status {ended.exit_status}: {why}",
            hint=f"see whether `estafet run {loaded.path}` fails without the new data too; they are in {folder}.",
        )
    return Retraining(outcome, why, key, found.num_examples, record.version_before, newest.version, sources)


def _outcome(ended: triggers.Ended, record: RetrainingRecord, newest: ServedVersion) -> tuple[str, str]:
    if ended.exit_status == GateRefused.exit_status:
        return "kept", "a gate refused the new model"
    if ended.exit_status != 0:
        return "failed", ended.error
    if newest.version > record.version_before:
        return "deployed", f"version {newest.version} is served"
    return "kept", "the training run deployed no new version"


def _track(tracker: Tracker, result: Retraining) -> None:
    tracker.log_metrics({"num_labelled": float(result.num_labelled)})
    tracker.log_tags({"estafet.retrain.outcome": result.outcome, "estafet.retrain.why": result.why})
