"""From a run file and the command's options to a comparison, in a folder and in MLflow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli.sizes import dataset
from cli.sizes.table import line
from components.train.batch_sizes import candidates, measuring, report
from components.train.batch_sizes.comparison import Comparison, Target, parse_target
from estafet.errors import ConfigError, StepFailed
from estafet.records import reading
from estafet.records.manifest import Manifest
from estafet.runfile import LoadedRunFile
from estafet.runfile.steps import TrainSettings, settings_for
from estafet.runfile.tasks import JUDGED_BY
from estafet.telemetry import Progress
from estafet.tracking import MlflowTracker, check_reachable, gone_away
from pipelines.workspace import Workspace

FOLDER = "batch-sizes"


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        sizes: The sizes as they were typed; None for the usual ones.
        target: What each training should reach, as it was typed; None for what each has reached.
        with_auto: Whether `batch: auto` is compared too.
        epochs: Number of epochs; None for the run file's.
        rule: How the learning rate follows a fixed size.
        share: Share of the training split to learn from.
        out: Where the results go; None for a new folder in the workspace.
    """

    sizes: str | None = None
    target: str | None = None
    with_auto: bool = False
    epochs: int | None = None
    rule: str = "none"
    share: float = 1.0
    out: Path | None = None


@dataclass(frozen=True)
class Prepared:
    """All that is needed to compare.

    Attributes:
        loaded: The run file.
        workspace: Its workspace.
        dataset: Folder of the data set.
        candidates: What is compared.
        target: What each should reach.
        share: Share of the training split to learn from.
        about: What they have in common.
        folder: Where the results go.
    """

    loaded: LoadedRunFile
    workspace: Workspace
    dataset: Path
    candidates: list[candidates.Candidate]
    target: Target
    share: float
    about: report.About
    folder: Path


def prepare(loaded: LoadedRunFile, options: Options, progress: Progress) -> Prepared:
    """Check what was asked for, and find the data, before anything is trained.

    Raises:
        ConfigError: An option makes no sense, or the folder cannot be written.
        ServiceUnavailable: MLflow does not answer.
        EstafetError: There is no data set yet, and the data cannot be ingested.
    """
    target = parse_target(options.target, JUDGED_BY[loaded.run.task])
    sizes = None if options.sizes is None else candidates.parse_sizes(options.sizes)
    settings, workspace = _settings(loaded, options.epochs), Workspace(loaded)
    check_reachable(workspace.tracking_uri(loaded))
    found = dataset.find(loaded, workspace, progress)
    manifest = Manifest.load(found)
    num_examples = reading.num_examples(manifest, "train", options.share)
    sizes = sizes or candidates.usual_sizes(num_examples)
    candidates.check_sizes(sizes, num_examples, options.share)
    compared = candidates.candidates_of(settings, sizes, rule=options.rule, with_auto=options.with_auto)
    about = report.About(
        loaded.run.name,
        {
            "training examples": num_examples,
            "epochs": settings.epochs,
            "model": settings.model.build,
            "learning rate": candidates.first_rate(settings),
            "at a batch of": candidates.first_size(settings),
            "learning-rate rule": options.rule,
            "optimizer": settings.optimizer,
            "seed": settings.seed,
        },
        (manifest.name, manifest.version, str(found)),
    )
    folder = _folder(options.out or workspace.root / FOLDER / time.strftime("%Y%m%d-%H%M%S"))
    return Prepared(loaded, workspace, found, compared, target, options.share, about, folder)


def _settings(loaded: LoadedRunFile, epochs: int | None) -> TrainSettings:
    settings = TrainSettings.model_validate(settings_for("train", loaded.run))
    if settings.devices == "multi-worker":
        raise ConfigError(
            "train.devices is multi-worker, and batch sizes are compared in one process each.",
            hint="compare them on this machine's devices with `--set train.devices=auto`.",
        )
    return settings if epochs is None else settings.model_copy(update={"epochs": epochs})


def _folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the folder '{folder}' cannot be made: {error.strerror}.", hint="name another with --out DIR."
        ) from error
    return folder.resolve()


def compare(prepared: Prepared, progress: Progress, say: Callable[[str], None]) -> Comparison:
    """Train everything that is compared.

    Args:
        prepared: What `prepare` returned.
        progress: Told how far it is, in epochs.
        say: Given a line for each training that has ended.
    """
    measured = measuring.measure(
        prepared.candidates,
        prepared.dataset,
        prepared.folder / "trainings",
        share=prepared.share,
        user_folder=prepared.loaded.folder,
        progress=progress,
        on_measured=lambda one: say(line(one, prepared.target.metric)),
    )
    return Comparison(measured, prepared.target)


def track(prepared: Prepared, comparison: Comparison, files: list[Path]) -> None:
    """Record a comparison in the run file's MLflow store.

    Raises:
        ServiceUnavailable: MLflow went away meanwhile.
    """
    loaded, workspace = prepared.loaded, prepared.workspace
    uri = workspace.tracking_uri(loaded)
    experiment = loaded.run.tracking.experiment or loaded.run.name
    root = Path(workspace.mlflow_artifacts).as_uri() if uri.startswith("sqlite:") else None
    tags = {"estafet.command": FOLDER, "estafet.run_file": str(loaded.path)}

    def tracker_named(name: str, parent: str | None) -> MlflowTracker:
        return MlflowTracker(uri, experiment, name, parent_run_id=parent, artifact_root=root, tags=tags)

    try:
        report.track(comparison, prepared.about, files, tracker_named)
    except Exception as error:
        if gone := gone_away(uri, error):
            raise type(gone)(gone.message, hint=f"the results are in '{prepared.folder}' all the same.") from error
        raise


def fail_if_nothing_ended(comparison: Comparison) -> None:
    """End the command with an error where no training came to its end."""
    if not comparison.whole:
        first = comparison.measured[0]
        raise StepFailed(
            f"none of {len(comparison.measured)} trainings came to its end; {first.name}: {first.reason}",
            hint="lower train.learning_rate, or see with `estafet run` whether these settings can train at all.",
        )
