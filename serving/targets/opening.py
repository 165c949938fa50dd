"""The target that a run file names."""

from __future__ import annotations

from estafet.runfile import LoadedRunFile
from estafet.runfile.release import LOCAL, Deploy
from estafet.telemetry import Progress, silent
from serving.targets.local import LocalTarget
from serving.targets.protocol import Target


def open_target(settings: Deploy, models_dir: str, name: str, *, progress: Progress = silent) -> Target:
    """Return where a model's versions go.

    Args:
        settings: The section `deploy`.
        models_dir: Folder, or `gs://` address, with one sub-folder for each model.
        name: The model's name.
        progress: Told what is waited for.

    Raises:
        ConfigError: The cluster's client is not installed, or no cluster is configured.
    """
    if settings.target == LOCAL:
        return LocalTarget(models_dir, name)
    from serving.targets.cluster.opening import open_cluster_target

    return open_cluster_target(settings, models_dir, name, progress=progress)


def target_of(loaded: LoadedRunFile, *, progress: Progress = silent) -> Target:
    """Return where the versions of a run file's model go.

    Raises:
        ConfigError: As `open_target` does.
    """
    return open_target(loaded.run.deploy, loaded.models_address, loaded.run.name, progress=progress)
