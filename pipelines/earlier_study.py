"""Reads the study that a search is to learn from, where the run is started: the step may not reach the file."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from components.tune.result import STUDY_FILE, Study
from estafet.errors import ConfigError
from estafet.runfile.earlier import EarlierStudy, EarlierTrial


def read_earlier_study(path: str) -> EarlierStudy:
    """Return what `tune.warm_start` names.

    Args:
        path: A `study.json` as `tune` wrote it, or the folder that holds one.

    Raises:
        ConfigError: It is missing, on another machine, or no study.
    """
    if "://" in path:
        raise ConfigError(
            f"tune.warm_start must be a file on this machine, and is '{path}'.", hint="copy it beside the run file."
        )
    file = Path(path) / STUDY_FILE if Path(path).is_dir() else Path(path)
    try:
        study = Study.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"tune.warm_start names '{path}', which cannot be read: {error.strerror or error}.",
            hint="name a study.json, or its folder; a run's summary says where its study is.",
        ) from error
    except (ValidationError, ValueError) as error:
        raise ConfigError(
            f"tune.warm_start names '{file}', which is no study of this version of Estafet: {_first(error)}.",
            hint="name a study.json that `tune` wrote, or leave warm_start out.",
        ) from error
    complete = [trial for trial in study.trials if trial.state == "complete"]
    trials = [
        EarlierTrial(number=trial.number, hyperparameters=trial.hyperparameters, metrics=trial.metrics)
        for trial in complete
    ]
    num_incomplete = len(study.trials) - len(complete)
    return EarlierStudy(dataset_version=study.dataset_version, num_incomplete=num_incomplete, trials=tuple(trials))


def _first(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        return f"{place}: {problem['msg']}" if place else problem["msg"]
    return str(error).splitlines()[0]
