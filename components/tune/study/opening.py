"""A study is created, or goes on where it is the same search: of the same space, for the same objectives and data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import NopPruner

from components.tune.running.budget import finished
from components.tune.study import pruning, sampling, space
from components.tune.study.steady import PATIENCE_S
from components.tune.study.storage import open_storage
from estafet.errors import ConfigError
from estafet.runfile.study_storage import shown
from estafet.runfile.tune import Tune

ABOUT = "about"
"""Under this name, a study keeps what it is about: its space, its directions, the version of the data, and so on."""


def open_study(
    settings: Tune,
    objective_directions: Sequence[str],
    distributions: Mapping[str, BaseDistribution],
    folder: Path,
    name: str,
    *,
    about: Mapping[str, Any] | None = None,
    worker: int = 0,
    may_prune: bool = True,
    patience_s: float = PATIENCE_S,
) -> optuna.Study:
    """Return a new study, or the one that was begun before.

    Every process that runs its trials opens it, in any order.

    Args:
        settings: `storage`, `search`, `pruner`, `trials` and `seed` are read.
        objective_directions: `minimize` or `maximize`, one for each objective.
        distributions: What is searched.
        folder: The step's own folder, for a journal.
        name: The study's name in its storage.
        about: What else must not change while a study goes on, with a name for each, such as `data set`.
        worker: Number of this process, from 0, so that no two draw the same.
        may_prune: Whether a trial's curve tells how good it is; without it, no trial is ended early.
        patience_s: Seconds that a storage which is locked or away is waited for.

    Raises:
        ConfigError: The study was made with another space, other objectives or other data; or the storage is wrong.
        ServiceUnavailable: The storage is locked or away.
    """
    study = _load(settings, list(objective_directions), folder, name, patience_s)
    told = _described(settings, objective_directions, distributions, about or {})
    kept = study.user_attrs.get(ABOUT)
    if kept is None:
        study.set_user_attr(ABOUT, told)
    elif differences := _differences(kept, told):
        raise _another(settings, folder, name, differences, len(finished(study)))
    search, _ = sampling.chosen_search(settings, distributions)
    num_begun = len(study.get_trials(deepcopy=False))  # with those that a kill interrupted, which are not drawn again
    study.sampler = sampling.sampler(search, settings, num_begun, worker)
    study.pruner = pruning.pruner(settings, pruning.max_epochs(settings)) if may_prune else NopPruner()
    return study


def _load(settings: Tune, directions: list[str], folder: Path, name: str, patience_s: float) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(settings.storage, folder, patience_s=patience_s)
    return optuna.create_study(storage=storage, study_name=name, directions=directions, load_if_exists=True)


def _described(
    settings: Tune,
    directions: Sequence[str],
    distributions: Mapping[str, BaseDistribution],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    told = {"directions": list(directions), **about, "space": space.described(distributions)}
    return json.loads(json.dumps(told))


def _differences(kept: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """Say in words what is not as it was: for the space, what was added, removed or changed."""
    before = {name: value for name, value in kept.items() if name != "space"}
    now = {name: value for name, value in told.items() if name != "space"}
    found = [
        f"{name} was {_shown(before.get(name))} and is {_shown(now.get(name))}"
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    ]
    old, new = kept.get("space", {}), told["space"]
    found += [f"{name} {_shown(old[name])} was removed" for name in old if name not in new]
    found += [f"{name} {_shown(new[name])} was added" for name in new if name not in old]
    both = [name for name in new if name in old and old[name] != new[name]]
    return found + [f"{name} was changed from {_shown(old[name])} to {_shown(new[name])}" for name in both]


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "choices" in value:
        return f"[{', '.join(map(str, value['choices']))}]"
    if isinstance(value, dict) and "low" in value:
        marks = ["log"] * (value["scale"] == "log") + ["integer"] * bool(value["integer"])
        return f"{value['low']:g}–{value['high']:g}" + (f" ({', '.join(marks)})" if marks else "")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "not said" if value is None else str(value)


def _another(settings: Tune, folder: Path, name: str, differences: list[str], num_finished: int) -> ConfigError:
    place = f"in {shown(settings.storage)}" if settings.storage else f"in {folder}"
    instead = (
        "give it another name with tune.study, and let tune.warm_start name its study.json to learn from it"
        if settings.storage
        else f"remove {folder}"
    )
    return ConfigError(
        f"the study '{name}' {place}, with {num_finished} finished trials, is another one: {'; '.join(differences)}.",
        hint=f"{instead}; or undo the change, and it goes on.",
    )
