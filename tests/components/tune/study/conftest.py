"""Settings of toy searches."""

from __future__ import annotations

from collections.abc import Callable

import optuna
import pytest

from estafet.runfile.steps import TuneSettings

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def settings() -> Callable[..., TuneSettings]:
    """Make the settings of a search over a small table; `fixed` are hyperparameters that are not searched."""

    def make(*, fixed: dict | None = None, build: str = "mlp", **changes) -> TuneSettings:
        model = {"build": build, "hyperparameters": fixed or {}}
        return TuneSettings.model_validate({"task": "tabular_classification", "model": model, **changes})

    return make
