"""`estafet train-workers`: one training by several processes, on this machine or as one worker of a cluster."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import load_run_file, run_file_options

if TYPE_CHECKING:
    from estafet.runfile import LoadedRunFile
    from estafet.runfile.steps import TrainSettings
    from estafet.tracking import Tracker
    from pipelines.workspace import Workspace

COMMAND = "train-workers"
PATH = click.Path(path_type=Path, file_okay=False)


@click.command(COMMAND)
@run_file_options
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes on this machine, if not train.workers.")
@click.option("--data", metavar="DIR", help="Data set, or a run's folder, in place of the run file's newest data set.")
@click.option("--out", metavar="DIR", type=PATH, help="Where the model goes; `train-workers/model` in the workspace.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for workers who are not there.",
)
@click.option(
    "--restarts",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    metavar="N",
    help="How often lost workers are started anew.",
)
def train_workers(
    run_file: str,
    profile: str | None,
    overrides: tuple[str, ...],
    workers: int | None,
    data: str | None,
    out: Path | None,
    timeout_s: float,
    restarts: int,
) -> None:
    """Train one model with several processes that share each batch.

    It learns from the newest data set of the run file's runs, as its `train` and `model` sections say. Without
    TF_CONFIG, all workers run on this machine. With it, this is one worker of those that it names: start the same
    command for each, with the workspace on storage that all share. A worker that is killed is started anew, and the
    training goes on from the last checkpoint; so does the same command after SIGTERM or Ctrl-C.

    \b
    estafet train-workers run.yaml --workers 2
    """
    loaded = load_run_file(run_file, profile, overrides)
    from components.train import workers as training
    from components.train.summary import summary
    from estafet.records.manifest import Manifest
    from estafet.training.workers import cluster
    from estafet.training.workers.supervisor import Patience
    from pipelines.workspace import Workspace

    workspace, here, settings = Workspace(loaded), cluster.from_environment(), _settings(loaded, workers)
    say = _Saying()
    dataset = _dataset(loaded, workspace, data, say, is_alone=here is None)
    manifest = Manifest.load(dataset)
    out = (out or workspace.root / COMMAND / "model").resolve()
    scratch = workspace.scratch / f"{COMMAND}-{_key(settings, manifest.version)}"
    scratch.mkdir(parents=True, exist_ok=True)
    os.environ["ESTAFET_USER_PATH"] = str(loaded.folder)
    if here is not None:
        say(f"worker {here.index} of {len(here.addresses)}, at {here.addresses[here.index]}")
    with _tracked(loaded, workspace, is_chief=here is None or here.is_chief) as tracker:
        trained = training.train(
            settings,
            dataset,
            out,
            hyperparameters={},
            scratch=scratch,
            progress=say.progress,
            tracker=tracker,
            say=say,
            patience=Patience(come_s=timeout_s, restarts=restarts),
        )
    shutil.rmtree(scratch, ignore_errors=True)
    num_workers = len(here.addresses) if here else settings.workers
    say(f"{summary(trained)} · {num_workers} worker{'s' * (num_workers > 1)}")
    say(f"model {trained.version[:12]} in {out}")


class _Saying:
    """Says how the training goes: a line that changes on a terminal, a line for each epoch elsewhere."""

    def __init__(self) -> None:
        from cli.inspection.progress import ProgressLine

        self._line, self._message, self._epochs = ProgressLine(), "", 0

    def __call__(self, text: str) -> None:
        """Print a line in place of the one that changes."""
        self._line.__exit__(None, None, None)
        click.echo(text)

    def ingesting(self, message: str, done: float | None = None, total: float | None = None) -> None:
        """Say how far the ingest is; `done` and `total` count bytes."""
        self._line(message, done, total)

    def progress(self, message: str, done: float | None = None, total: float | None = None) -> None:
        """Say what is being done; `done` and `total` count epochs."""
        self._line(message, done, total, unit="epochs")
        if done is None and message != self._message:
            self(message)
        elif done is not None and int(done) > self._epochs:
            self._epochs = int(done)
            self(message)
        self._message = message


def _settings(loaded: LoadedRunFile, num_workers: int | None) -> TrainSettings:
    from estafet.runfile.steps import TrainSettings, settings_for

    settings = TrainSettings.model_validate(settings_for("train", loaded.run))
    wanted = {"devices": "multi-worker", "workers": num_workers or settings.workers}
    return settings.model_copy(update=wanted)


def _dataset(loaded: LoadedRunFile, workspace: Workspace, data: str | None, say: _Saying, *, is_alone: bool) -> Path:
    """Return the data set; where the run file has none yet, it is ingested, unless several would do so at once."""
    from cli.inspection.target import find_dataset
    from cli.sizes import dataset
    from estafet.errors import DataError

    if data is None and is_alone:
        return dataset.find(loaded, workspace, say.ingesting)
    found = find_dataset(data or str(loaded.path), loaded.profile, loaded.overrides)
    if found is None:
        raise DataError(
            f"'{data}' is no data set: it has no manifest.json.",
            hint=f"leave --data out, or name what ingest wrote; `estafet run {loaded.path.name}` makes one.",
        )
    return found


def _key(settings: TrainSettings, dataset_version: str) -> str:
    """Return what the checkpoints are found by again; another number of workers may go on from them."""
    described = settings.model_dump(mode="json", exclude={"workers"})
    return hashlib.sha256(json.dumps([described, dataset_version], sort_keys=True).encode()).hexdigest()[:24]


@contextmanager
def _tracked(loaded: LoadedRunFile, workspace: Workspace, *, is_chief: bool) -> Iterator[Tracker]:
    """Give the tracker of the chief's MLflow run, and close the run; other workers track nothing."""
    from estafet.tracking import MlflowTracker, NullTracker, check_reachable, gone_away

    if not is_chief:
        yield NullTracker()
        return
    uri = workspace.tracking_uri(loaded)
    check_reachable(uri)
    tracker = MlflowTracker(
        uri,
        loaded.run.tracking.experiment or loaded.run.name,
        COMMAND,
        artifact_root=Path(workspace.mlflow_artifacts).as_uri() if uri.startswith("sqlite:") else None,
        tags={"estafet.command": COMMAND, "estafet.run_file": str(loaded.path)},
    )
    try:
        yield tracker
    except BaseException as error:
        if gone := gone_away(uri, error):
            raise gone from error
        tracker.end("FAILED")
        raise
    tracker.end("FINISHED")
