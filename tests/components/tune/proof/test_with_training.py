"""The proof with real trainings: a straight line, learned at rates of which one alone is right."""

from __future__ import annotations

import numpy as np
import pytest

from components.tune.objective import Objective
from components.tune.proof.proving import prove
from components.tune.result import TrialResult
from estafet.runfile.steps import TuneSettings
from estafet.runfile.tasks import Task

RATES = (1e-7, 1e-6, 0.05)
FIXED = {"batch_size": 16, "units": 4, "layers": 1, "dropout": 0.0, "l2": 0.0}


@pytest.mark.slow
def test_the_right_learning_rate_wins_on_all_data_whatever_the_slice_said(tmp_path):
    """The slice is made to rank the rates wrongly, from the one that learns nothing to the right one."""
    from components.tune import slices
    from components.tune.training import Trainer
    from estafet.training import testing
    from estafet.training.models import ModelSpec

    x = np.random.default_rng(0).normal(size=(240, 1)).astype(np.float32)
    parts = {"train": x[:160], "validation": x[160:200], "test": x[200:]}
    rows = {name: {"numeric": part, "label": 3 * part[:, 0] + 100} for name, part in parts.items()}
    manifest = testing.write_table(tmp_path / "line", Task.TABULAR_REGRESSION, rows)
    settings = TuneSettings(task=Task.TABULAR_REGRESSION, model={}, epochs=12, batch_size=16)
    objective = Objective.of(settings, settings.task)
    trainer = Trainer(
        settings, ModelSpec.from_manifest(manifest), objective.wanted, objective.metric, objective.maximised
    )
    trials = [
        TrialResult(
            number=number,
            state="complete",
            hyperparameters={"learning_rate": rate},
            value=1.0 + number,
            metrics={"rmse": 1.0 + number},
            curve=[1.0 + number],
            epochs=12,
            seconds=1,
        )
        for number, rate in enumerate(RATES)
    ]

    def run():
        return prove(
            trials,
            objective,
            trainer,
            settings,
            lambda share: slices.slices(settings, tmp_path / "line", manifest, share),
            lambda searched: {**FIXED, **searched},
            folder=tmp_path / "proof",
        )

    found = run()

    assert (found.winner, found.slices_own, found.num_examples) == (2, 0, 160)
    assert found.reranked[0].value == min(found.reranked[0].curve) < found.reranked[1].value / 2
    assert all(again.seconds > 0 and again.cpu_seconds > 0 for again in found.reranked)
    trainer.measure = None  # what is kept is not trained again
    assert run() == found
