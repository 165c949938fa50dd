"""Releases with every format beside the SavedModel; each made once."""

from __future__ import annotations

import pytest

from components.export import step


@pytest.fixture(scope="session")
def formats_of(relay_of, evaluation_of, tmp_path_factory: pytest.TempPathFactory):
    """Give the version directory of a task's model, exported in all formats, and what is known of it."""
    made = {}

    def formats(task):
        if task not in made:
            relay, folder = relay_of(task), tmp_path_factory.mktemp(f"formats-{task.value}") / "1"
            settings = step.Settings(name="tiny", lite=["float", "dynamic", "int8"], tfjs=True, **relay.settings())
            papers = step.export(settings, relay.model, relay.dataset, evaluation_of(task), folder, provenance={})
            made[task] = folder, papers
        return made[task]

    return formats
