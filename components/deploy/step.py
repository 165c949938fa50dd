"""Publishes a numbered version after a smoke test through a real server process, and makes it the champion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from estafet.errors import DataError, EstafetError, StepFailed
from estafet.files import read_json, write_json
from estafet.release import Release, Smoke
from estafet.runfile.steps import DeploySettings as Settings
from estafet.telemetry import Progress, silent
from estafet.tracking import MlflowTracker, NullTracker, Tracker
from serving.targets.local import LocalTarget, Stage

CHAMPION_FILE = ".champion.json"


@dataclass(frozen=True)
class Deployed:
    """What `deploy` did.

    Attributes:
        version: The number under which the version is served.
        published: Whether it was published now; it was there already otherwise.
        folder: The version's folder.
        registered_version: Its number in the registry; empty without MLflow.
        smoke_latency_s: Seconds that the smoke test's requests took; None where none were sent.
        removed: Older versions that were removed.
    """

    version: int
    published: bool
    folder: Path
    registered_version: str = ""
    smoke_latency_s: float | None = None
    removed: tuple[int, ...] = ()


def deploy(
    settings: Settings,
    servable_folder: str | Path,
    models_dir: str | Path,
    *,
    registered_version: str = "",
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Deployed:
    """Publish a version, unless the newest one is the same.

    Args:
        settings: The `deploy` section and the model's name.
        servable_folder: A version as `export` wrote it.
        models_dir: Folder with one sub-folder for each served model.
        registered_version: The version's number in the MLflow registry; it becomes the served number where it is
            above all others.
        progress: Told what is being done.
        tracker: Where parameters and metrics go.

    Returns:
        The version under which the model is served.

    Raises:
        DataError: The folder is no release, or one of another model.
        StepFailed: The smoke test failed; nothing was published.
        ServiceUnavailable: The version is served, but the registry did not take its alias; running again mends that.
    """
    tracker = tracker or NullTracker()
    release = Release.load(servable_folder)
    if release.name != settings.name:
        raise DataError(
            f"the release in '{servable_folder}' is of the model '{release.name}', not '{settings.name}'.",
            hint="deploy it with the run file that it was made with.",
        )
    registered_version = registered_version or release.registered_version
    target = LocalTarget(models_dir, settings.name)
    served = target.newest()
    if served is not None and _fingerprint(served[1]) == release.fingerprint:
        _make_champion(target, served[0], registered_version, tracker, progress)
        return Deployed(served[0], False, served[1], registered_version)
    progress("copying the candidate")
    with target.stage(servable_folder) as stage:
        latency_s = _smoke_test(settings, servable_folder, stage, progress)
        progress("publishing")
        number = stage.publish(int(registered_version) if registered_version.isdigit() else None)
    _make_champion(target, number, registered_version, tracker, progress)
    removed = target.prune(settings.keep_versions)
    tracker.log_parameters({"served_version": number, "fingerprint": release.fingerprint})
    tracker.log_metrics({"smoke_latency_s": latency_s})
    return Deployed(number, True, target.folder / str(number), registered_version, latency_s, tuple(removed))


def summary(deployed: Deployed) -> str:
    """Return the result in a few words."""
    if not deployed.published:
        return f"already served as version {deployed.version}"
    return f"version {deployed.version} · smoke test passed in {1000 * deployed.smoke_latency_s:.0f} ms"


def _smoke_test(settings: Settings, servable_folder: str | Path, stage: Stage, progress: Progress) -> float:
    from components.deploy.smoke import smoke_test

    smoke = Smoke.load(servable_folder)
    if not smoke.instances:
        raise StepFailed(
            f"the release in '{servable_folder}' came without requests for its smoke test.",
            hint="export it again with `estafet run`.",
        )
    return smoke_test(
        smoke,
        stage.models_dir,
        settings.name,
        stage.output_dir,
        timeout_s=settings.smoke_timeout_s,
        progress=progress,
    )


def _fingerprint(version_dir: Path) -> str | None:
    """Return a served version's fingerprint, or None for one that no release of ours put there."""
    try:
        return Release.load(version_dir).fingerprint
    except (EstafetError, ValueError, OSError):
        return None


def _make_champion(
    target: LocalTarget, number: int, registered_version: str, tracker: Tracker, progress: Progress
) -> None:
    """Point the registry's alias at a version, unless that was done; a file remembers it, so that MLflow can sleep."""
    if not registered_version or not isinstance(tracker, MlflowTracker):
        return
    record = target.folder / CHAMPION_FILE
    if record.is_file() and read_json(record).get("served_version") == number:
        return
    from serving import registry

    progress("making it the champion")
    registry.set_alias(tracker.uri, target.name, registry.CHAMPION, registered_version)
    registry.set_tags(tracker.uri, target.name, registered_version, {"served_version": number})
    write_json(record, {"served_version": number, "registered_version": registered_version})
