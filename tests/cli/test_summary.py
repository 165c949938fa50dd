"""What a run leaves on the screen: the result, the cost, where to look; a refusal in words."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from cli.summary import print_summary, raise_error, refusal
from estafet.errors import GateRefused, StepFailed
from estafet.evaluation import Evaluation, GateResult
from estafet.runfile import Task
from pipelines.local import RunResult

COST = {"wall_s": 8.25, "cpu_s": 6.0, "peak_mb": 1234.0, "ended": 1.0}


@pytest.fixture
def loaded(tmp_path):
    return SimpleNamespace(path=tmp_path / "run.yaml", profile=None, overrides=())


def printed(result, loaded, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_summary(result, loaded, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def row(lines, step):
    [found] = [line for line in lines if line[2:].startswith(f"{step} ")]
    return found.split()


@pytest.fixture
def finished(runs, tmp_path):
    """A run that reused some steps, made others, and was evaluated."""
    state = runs.state()
    for step in ("ingest", "tune", "train"):
        runs.put(state, step, "reused", "as before")
    runs.put(state, "evaluate", "done", "accuracy 0.9123 · gate passed", **COST)
    runs.put(state, "export", "done", "69 kB", **COST)
    runs.put(state, "deploy", "done", "version 2 · smoke test passed in 9 ms", **COST)
    evaluation(tmp_path / "evaluation", passed=True)
    state.steps["evaluate"].outputs = {"evaluation": SimpleNamespace(path=str(tmp_path / "evaluation"))}
    return RunResult(state, None, 130.0, "sqlite://")


def evaluation(folder, *, passed):
    folder.mkdir(exist_ok=True)
    gate = GateResult(metric="accuracy", value=0.9123, min=0.9 if passed else 0.95, passed=passed)
    Evaluation(
        task=Task.TABULAR_CLASSIFICATION, split="test", num_examples=100, headline="accuracy",
        metrics={"accuracy": 0.9123}, gates=(gate,),
    ).save(folder)  # fmt: skip


def test_the_result_comes_first_then_the_cost_of_each_step_then_what_to_type_next(finished, loaded):
    lines = printed(finished, loaded)

    assert lines[1:3] == ["accuracy 0.9123 · gate passed", "version 2 · smoke test passed in 9 ms"]
    assert row(lines, "evaluate") == ["✓", "evaluate", "8.2", "s", "6.0", "s", "1,234", "MB"]
    assert row(lines, "ingest") == ["↺", "ingest", "from", "run", "20260101-120000-abcd"]
    assert row(lines, "whole run") == ["whole", "run", "2", "min", "10", "s", "18.0", "s", "1,234", "MB"]
    assert any(line.startswith("serve it") and "estafet serve" in line for line in lines)


def test_the_next_commands_find_the_same_workspace(finished, loaded):
    loaded.profile, loaded.overrides = "quick", ("train.epochs=3", "workspace=my runs")

    told = [line for line in printed(finished, loaded) if line.startswith(("serve it", "browse the runs"))]

    assert len(told) == 2
    assert all(line.endswith("run.yaml --profile quick --set 'workspace=my runs'") for line in told)


@pytest.mark.parametrize("width", [80, 140])
def test_no_row_of_the_costs_is_wrapped_and_no_path_is_broken(finished, loaded, width):
    lines = printed(finished, loaded, width)

    assert sum("from run 20260101-120000-abcd" in line for line in lines) == 3
    [page] = [line for line in lines if line.startswith("evaluation ")]
    assert page.endswith("evaluation/report.html")


def test_a_refusing_gate_is_an_error_of_its_own_and_names_the_page(finished, loaded, tmp_path):
    evaluation(tmp_path / "evaluation", passed=False)
    finished.state.steps["evaluate"].message = "accuracy 0.9123 · below 0.95"

    with pytest.raises(GateRefused) as raised:
        raise_error(finished)

    assert "accuracy 0.9123 · below 0.95" in raised.value.message
    assert "report.html" in raised.value.hint
    assert raised.value.exit_status == 5
    assert not any(line.startswith("serve it") for line in printed(finished, loaded))


def test_a_run_that_failed_has_no_headline_and_raises_what_ended_it(runs, loaded):
    state = runs.state()
    runs.put(state, "ingest", "failed", "reading", **COST)
    failed = RunResult(state, StepFailed("ingest: no such file."), 9.0, "sqlite://")

    lines = printed(failed, loaded)

    assert lines[1].split() == ["step", "wall", "CPU", "peak"]
    assert row(lines, "ingest")[-1] == "failed"
    assert refusal(failed) is None
    with pytest.raises(StepFailed, match="no such file"):
        raise_error(failed)


def test_a_check_of_the_requests_says_what_it_found_and_where_the_report_is(runs, loaded):
    state = runs.state(("detect_drift", "retrain", "report_end"))
    runs.put(state, "detect_drift", "done", "no drift in 450 requests", **COST)
    runs.put(state, "retrain", "skipped")
    report = state.folder / "artifacts" / "monitoring" / "detect-drift" / "report"
    report.mkdir(parents=True)

    lines = printed(RunResult(state, None, 9.0, "sqlite://"), loaded)

    assert lines[1] == "no drift in 450 requests"
    assert row(lines, "retrain") == ["–", "retrain", "skipped"]
    [page] = [line for line in lines if line.startswith("drift report")]
    assert page.endswith("detect-drift/report/report.html")
    assert not any(line.startswith("serve it") for line in lines)
