"""The data set that batch sizes are compared on: the run file's newest, or one that is ingested now."""

from __future__ import annotations

import shutil
from pathlib import Path

from cli.inspection import target
from estafet.errors import DataError
from estafet.runfile import LoadedRunFile
from estafet.telemetry import Progress
from pipelines.workspace import Workspace

IN_RUN = "artifacts/batch-sizes/ingest/dataset"
"""Where other commands look for the data sets of runs."""


def find(loaded: LoadedRunFile, workspace: Workspace, progress: Progress) -> Path:
    """Return the newest data set of the run file's runs; where there is none, one is ingested, as a run would.

    Args:
        loaded: The run file.
        workspace: Its workspace, where a new data set stays, to be found the next time.
        progress: Told how far the ingest is.

    Raises:
        EstafetError: The data cannot be ingested.
    """
    try:
        found = target.find_dataset(str(loaded.path), loaded.profile, loaded.overrides)
    except DataError:
        found = None
    return found or _ingest(loaded, workspace, progress)


def _ingest(loaded: LoadedRunFile, workspace: Workspace, progress: Progress) -> Path:
    from components.ingest import step

    run = workspace.new_run()
    try:
        settings = target.settings_of_run(loaded, None, {})
        step.ingest(settings, run / IN_RUN, scratch=workspace.scratch / "batch-sizes", progress=progress)
    except BaseException:
        shutil.rmtree(run, ignore_errors=True)
        raise
    return run / IN_RUN
