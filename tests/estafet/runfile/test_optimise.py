"""What `tune.optimise` and `tune.satisfy` may name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from estafet.runfile import RunFile

SERIES = {"name": "a", "task": "forecasting", "data": {"source": "x"}}


@pytest.mark.parametrize(
    ("tune", "key"),
    [
        ({"optimise": {"metric": "accuracy"}}, "tune.optimise.0.metric"),
        ({"optimise": [{"metric": "mae"}, {"metric": "accuracy"}]}, "tune.optimise.1.metric"),
        ({"satisfy": ["parameters <= 9", "accuracy >= 0.9"]}, "tune.satisfy.1"),
    ],
)
def test_a_metric_that_the_task_does_not_have_is_refused_where_it_stands(tune, key):
    with pytest.raises(ValidationError) as caught:
        RunFile.model_validate({**SERIES, "tune": tune})

    (problem,) = caught.value.errors()
    assert ".".join(map(str, problem["loc"])) == key
    assert "forecasting has no metric 'accuracy'" in problem["msg"]
    assert "mae, rmse, mape, skill" in problem["ctx"]["hint"]


def test_the_tasks_own_metrics_and_all_costs_are_taken():
    tune = {"optimise": [{"metric": "skill"}, {"metric": "latency_ms"}], "satisfy": ["size_mb <= 1"]}

    assert RunFile.model_validate({**SERIES, "tune": tune}).tune.is_front
