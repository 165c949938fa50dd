"""Evaluated models, and the releases that are exported from them; each made once."""

from __future__ import annotations

import pytest

from components.evaluate import step as evaluate
from components.export import step


@pytest.fixture(scope="session")
def evaluation_of(relay_of, tmp_path_factory: pytest.TempPathFactory):
    """Give the folder with the evaluation of a task's model."""
    made = {}

    def evaluation(task):
        if task not in made:
            relay, made[task] = relay_of(task), tmp_path_factory.mktemp(f"evaluation-{task.value}")
            evaluate.evaluate(evaluate.Settings(**relay.settings()), relay.model, relay.dataset, made[task])
        return made[task]

    return evaluation


@pytest.fixture(scope="session")
def release_of(relay_of, evaluation_of, tmp_path_factory: pytest.TempPathFactory):
    """Give the version directory that is exported from a task's model."""
    made = {}

    def release(task):
        if task not in made:
            relay, made[task] = relay_of(task), tmp_path_factory.mktemp(f"release-{task.value}") / "1"
            settings = step.Settings(name="tiny", **relay.settings())
            provenance = {"recipe": "abc", "compared_with": ""}
            step.export(settings, relay.model, relay.dataset, evaluation_of(task), made[task], provenance=provenance)
        return made[task]

    return release
