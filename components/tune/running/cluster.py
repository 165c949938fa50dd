"""One worker of a tuning on a cluster: it runs trials of a study that pods share in a database, and keeps nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from components.tune.running.run import run_as_one_of_several
from components.tune.running.trials import Trials
from estafet.errors import ConfigError
from estafet.runfile.steps import TuneSettings
from estafet.runfile.study_storage import is_server
from estafet.telemetry import Progress, silent


def work(settings: TuneSettings, dataset_folder: str | Path, worker: int, *, progress: Progress = silent) -> str:
    """Run trials until no more may begin, and return the study's name.

    Where the share grows by itself, workers help with the first share's trials; the step goes on alone from there.

    Args:
        settings: The run file's `tune` section, the model and the task.
        dataset_folder: A data set, as `ingest` wrote it.
        worker: Which worker this is, from 0.
        progress: Told how far all workers are.

    Raises:
        ConfigError: A setting is wrong, or `storage` is no server, so that no two pods could meet.
        ServiceUnavailable: The database is away, or the first worker has not come.
        Preempted: The pod was told to end; its trial is tried again by another.
    """
    if settings.storage is None or not is_server(settings.storage):
        raise ConfigError(
            f"tune.storage is {settings.storage or 'not set'}, which only one machine can reach.",
            hint="set tune.storage to postgresql://USER@HOST/DATABASE, or tune.workers to 1.",
        )
    with tempfile.TemporaryDirectory(prefix="estafet-tune-") as folder:
        trials = Trials(settings, dataset_folder)
        search = trials.search(folder, trials.first_share, worker)
        run_as_one_of_several(search, worker, progress=progress)
        return search.study.study_name
