"""Releases a version: copied, tested by a real server, tried out on a share of the requests, and made the champion."""

from __future__ import annotations

from pathlib import Path

from components.deploy.recovery import recover
from components.deploy.stages import Deployed, Releasing
from estafet.errors import DataError
from estafet.release import Release
from estafet.runfile.steps import DeploySettings as Settings
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from serving.targets.journal import locked
from serving.targets.opening import open_target

EXTRA_WAIT_S = 600
"""Seconds that a release waits for another one, beyond what that one's canary takes."""


def deploy(
    settings: Settings,
    servable_folder: str | Path,
    models_dir: str | Path,
    *,
    registered_version: str = "",
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Deployed:
    """Release a version, unless the newest one is the same; first finish or undo a release that was killed.

    Args:
        settings: The `deploy` section and the model's name.
        servable_folder: A version as `export` wrote it.
        models_dir: Folder, or `gs://` address, with one sub-folder for each served model.
        registered_version: The version's number in the MLflow registry; it becomes the served number where it is
            above all others.
        progress: Told what is being done.
        tracker: Where parameters and metrics go.

    Returns:
        The version under which the model is served.

    Raises:
        DataError: The folder is no release, one of another model, or damaged.
        StepFailed: The smoke test failed, and nothing was published; or a cluster's servers did not take the version,
            and serve what they served before.
        ConfigError: The target cannot be reached, or does not allow what a release does.
        GateRefused: The canary was found wanting and rolled back; or a person has rolled this very model back.
        ServiceUnavailable: The version is served, but the registry did not take its alias; running again mends that.
            Or another release is going on.
    """
    tracker = tracker or NullTracker()
    release = Release.load(servable_folder)
    if release.name != settings.name:
        raise DataError(
            f"the release in '{servable_folder}' is of the model '{release.name}', not '{settings.name}'.",
            hint="deploy it with the run file that it was made with.",
        )
    release = release.model_copy(update={"registered_version": registered_version or release.registered_version})
    target = open_target(settings, str(models_dir), settings.name, progress=progress)
    running = Releasing(settings, release, Path(servable_folder), target, tracker, progress)
    wait_s = EXTRA_WAIT_S + (60 * settings.canary.minutes if settings.canary.share else 0)
    with locked(target, wait_s=wait_s, waiting=progress) as journal:
        recover(target, journal, running.uri)
        return running.go(journal)


def summary(deployed: Deployed) -> str:
    """Return the result in a few words."""
    if not deployed.published:
        return f"already served as version {deployed.version}"
    words = f"version {deployed.version} · smoke test passed in {1000 * deployed.smoke_latency_s:.0f} ms"
    return f"{words} · canary: {deployed.canary}" if deployed.canary else words
