"""The search in MLflow: each trial a run below the step's own, and what was found with the step's own.

Trials are written by a thread of its own, so that a slow server keeps no trial waiting. Which were written is kept in
the step's scratch folder: when a killed step goes on, they are put below its new run, and none is written twice.
"""

from __future__ import annotations

import json
import queue
import threading
from pathlib import Path

from components.tune.looking import words
from components.tune.result import Study, TrialResult
from estafet.nested_runs import NestedRun
from estafet.tracking import Tracker

LEDGER_FILE = "mlflow-runs.jsonl"
STATUSES = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
NOTE_TAG = "mlflow.note.content"


class TrialRuns:
    """Writes trials into MLflow as they end; a context, at whose end all have been written.

    What becomes of writing is told later: a server that went away ends the step at the next trial or at the end. The
    study is on the disk then, and the same command goes on with it.

    Args:
        tracker: Tracker of the step's own run, which exists already where there is MLflow.
        metric: Name of what the curves show.
        folder: The step's scratch folder, which keeps which trials were written; None to forget it.
        round_: Where the slice grows by itself: a name for the trials on this slice, such as `20 %`.
    """

    def __init__(self, tracker: Tracker, metric: str, folder: Path | None = None, round_: str = ""):
        self._tracker, self._metric, self._round = tracker, metric, round_
        self._ledger = None if folder is None else folder / LEDGER_FILE
        self._known = _read(self._ledger)
        self._error: BaseException | None = None
        self._trials: queue.SimpleQueue[TrialResult | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="trial-runs", daemon=True)
        self._thread.start()

    def log(self, trial: TrialResult) -> None:
        """Hand a trial on to be written; raises what became of an earlier one, if that was an error."""
        if self._error is not None:
            raise self._error
        self._trials.put(trial)

    def close(self) -> None:
        """Wait until all have been written; raises what became of one of them, if that was an error."""
        self._trials.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def __enter__(self) -> TrialRuns:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.close()
        else:  # what ended the search is what shall be told
            self._trials.put(None)

    def _write_all(self) -> None:
        while (trial := self._trials.get()) is not None:
            try:
                run = nested_run(trial, self._metric, self._round)
                known = self._known.get(run.name)
                run_id = self._tracker.log_run(run, known)
                if run_id is not None and run_id != known:
                    self._remember(run.name, run_id)
            except BaseException as error:
                self._error = error
                return

    def _remember(self, name: str, run_id: str) -> None:
        self._known[name] = run_id
        if self._ledger is not None:
            self._ledger.parent.mkdir(parents=True, exist_ok=True)
            with open(self._ledger, "a", encoding="utf-8") as file:
                file.write(json.dumps({"name": name, "run": run_id}) + "\n")


def _read(ledger: Path | None) -> dict[str, str]:
    if ledger is None or not ledger.is_file():
        return {}
    known = {}
    for line in ledger.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # the step was killed within this line, and the run is written once more
            continue
        known[entry["name"]] = entry["run"]
    return known


def nested_run(trial: TrialResult, metric: str, round_: str = "") -> NestedRun:
    """Return a trial as a run: its hyperparameters, what it came to, its curve, its state and the reason.

    A pruned trial's run is KILLED, a failed one's FAILED.
    """
    found = {**trial.metrics, "epochs": trial.epochs, "seconds": trial.seconds, "cpu_seconds": trial.cpu_seconds}
    if trial.value is not None:
        found["objective"] = trial.value
    tags = {"estafet.trial": str(trial.number), "estafet.state": trial.state}
    broken = words.broken(trial)
    told = {"estafet.reason": trial.reason, "estafet.breaks": broken, NOTE_TAG: trial.reason or broken}
    return NestedRun(
        name=f"trial {trial.number}{f' on {round_}' if round_ else ''}",
        parameters=trial.hyperparameters,
        metrics=found,
        curves={f"val_{metric}": trial.curve} if trial.curve else {},
        tags={**tags, **{name: text for name, text in told.items() if text}},
        started=trial.started,
        seconds=trial.seconds,
        status=STATUSES[trial.state],
    )


def log_study(study: Study, folder: str | Path, tracker: Tracker) -> None:
    """Record with the step's own run what the search found, and keep the study's folder with it.

    Args:
        study: The search.
        folder: Folder that holds the study, its page and its picture.
        tracker: Tracker of the step's own run.
    """
    tracker.log_parameters(
        {"best": study.hyperparameters, "best_trial": study.best.number, "objective": study.objective}
    )
    value = words.winning_value(study)
    found = {
        "objective": value,
        "times_cheaper": study.cost.times_cheaper if study.cost.is_measured else None,
        "trials": len(study.trials),
        "pruned": sum(trial.state == "pruned" for trial in study.trials),
        "failed": sum(trial.state == "failed" for trial in study.trials),
    }
    if study.proof:
        found["regret"] = study.proof.regret
        for name, estimate in (("rho", study.proof.rho), ("tau", study.proof.tau)):
            if estimate:
                found |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    tracker.log_metrics({name: number for name, number in found.items() if number is not None})
    tracker.log_tags({NOTE_TAG: words.summary(study)})
    tracker.log_file(folder)
