"""What is known of a running pipeline, step by step, from the cache and from the records that steps leave."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from estafet import telemetry
from pipelines.ledger import Ledger
from pipelines.workspace import run_that_made


@dataclass
class StepState:
    """One row of the live table.

    Attributes:
        step: The step's name.
        state: waiting, running, reused, done, failed or skipped.
        message: What it is doing, or its result in a few words.
        started: Seconds since the epoch, or 0.
        record: What the step last said of itself.
        made_by: For a reused step, the run that made its outputs.
        outputs: For a reused step, its outputs.
    """

    step: str
    state: str = "waiting"
    message: str = ""
    started: float = 0.0
    record: telemetry.StepRecord | None = None
    made_by: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def elapsed_s(self) -> float:
        """Seconds that the step took, or has taken so far."""
        if self.record and self.record.ended:
            return self.record.wall_s
        return time.time() - self.started if self.started and self.state == "running" else 0.0


class RunState:
    """The states of all steps of one run; it listens to the cache, and reads records when it is asked.

    Attributes:
        run_id: The run's id.
        folder: The run's folder.
        steps: One state for each step, in the order of the relay.
        started: Seconds since the epoch.
    """

    def __init__(self, folder: Path, steps: Sequence[str], ledger: Ledger, provenance: Mapping[str, Any]):
        self.run_id, self.folder, self.started = folder.name, folder, time.time()
        self.steps = {step: StepState(step) for step in steps}
        self._ledger, self._provenance = ledger, provenance
        self._settled = threading.Lock()

    def looked_up(self, step: str, arguments: Mapping[str, Any], outputs: Mapping[str, Any] | None) -> None:
        """Hear from the cache that a step is reused, or starts."""
        state = self.steps[step]
        if outputs is None:
            state.state, state.started = "running", time.time()
            return
        state.state, state.made_by, state.outputs = "reused", run_that_made(outputs), outputs
        made = telemetry.record_path(self.folder.parent / state.made_by, step)
        with contextlib.suppress(OSError, ValueError, TypeError):  # an older Estafet may have written other fields
            state.message = telemetry.StepRecord.read(made).message

    def ran(self, step: str, arguments: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Hear from the cache that a step ran to its end, and keep what it was called with."""
        self.steps[step].outputs = outputs
        provenance = self._provenance.get(step, {})
        self._ledger.write(step, {"run": self.run_id, "arguments": arguments, **provenance})

    def refresh(self) -> None:
        """Read what the steps have said of themselves since."""
        with self._settled:  # the table asks too, and must not bring back what `finish` has settled
            for state in self.steps.values():
                if state.state in ("waiting", "running"):
                    self._refresh(state)

    def finish(self) -> None:
        """Settle the states when the pipeline has ended: what still runs was killed, what still waits was skipped."""
        self.refresh()
        with self._settled:
            for state in self.steps.values():
                state.state = {"running": "failed", "waiting": "skipped"}.get(state.state, state.state)

    def stop(self) -> None:
        """End the step that is running, when the run is interrupted."""
        self.refresh()
        for state in self.steps.values():
            if state.state == "running" and state.record:
                with contextlib.suppress(OSError):
                    os.kill(state.record.pid, signal.SIGTERM)

    @property
    def failed(self) -> StepState | None:
        """The first step that failed, if any."""
        return next((state for state in self.steps.values() if state.state == "failed"), None)

    def _refresh(self, state: StepState) -> None:
        try:
            record = telemetry.StepRecord.read(telemetry.record_path(self.folder, state.step))
        except (OSError, ValueError, TypeError):
            return
        state.record, state.state, state.message = record, record.state, record.message
        state.started = record.started
