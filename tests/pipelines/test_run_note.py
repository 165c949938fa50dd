"""The description of a run on MLflow's page: a row for each step, with a link where its result was made."""

from __future__ import annotations

from estafet.telemetry import StepRecord
from pipelines.ledger import Ledger
from pipelines.run_note import run_note
from pipelines.run_state import RunState


def test_each_step_links_to_the_run_that_made_its_result(tmp_path):
    state = RunState(tmp_path / "now", ["ingest", "train", "deploy"], Ledger(tmp_path / "ledger"), {})
    ingest, train, deploy = state.steps.values()
    ingest.state, ingest.message, ingest.made_by = "reused", "360 train", "earlier"
    train.state, train.record = "failed", StepRecord("train", wall_s=1.25, error={"message": "a | b\n<i>"})
    deploy.state = "skipped"

    note = run_note(state, {"ingest": "aaa", "train": "bbb", "deploy": None}, "7")

    assert note.splitlines()[2:] == [
        "| ingest | reused | 360 train |  | [earlier](#/experiments/7/runs/aaa) |",
        "| train | failed | a \\| b &lt;i> | 1.2 | [now](#/experiments/7/runs/bbb) |",
        "| deploy | skipped |  |  |  |",
    ]
