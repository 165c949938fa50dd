"""Runs in every state, as the command line shows them, built by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from estafet import telemetry
from pipelines.ledger import Ledger
from pipelines.run_state import RunState

EARLIER = "20260101-120000-abcd"
STEPS = ("ingest", "tune", "train", "evaluate", "export", "deploy", "report_end")


class Runs:
    """Makes run states and puts their steps into one state or another."""

    def __init__(self, folder: Path):
        self.folder = folder

    def state(self, steps: tuple[str, ...] = STEPS) -> RunState:
        """Return a run of which no step has begun."""
        run = self.folder / "20260102-130000-ef01"
        run.mkdir(exist_ok=True)
        return RunState(run, steps, Ledger(self.folder / "ledger"), {})

    def put(self, state: RunState, step: str, to: str, message: str = "", **record: Any) -> None:
        """Put a step into a state; with a record, as if it had said so itself."""
        found = state.steps[step]
        found.state, found.message = to, message
        found.made_by = EARLIER if to == "reused" else ""
        if record:
            found.record = telemetry.StepRecord(step, state=to, message=message, **record)
            found.started = found.record.started


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """A maker of run states."""
    return Runs(tmp_path)
