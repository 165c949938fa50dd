"""Killed at any moment, the same command goes on where the run stopped, and nothing is half-written."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from estafet import telemetry
from estafet.files import read_json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def wait_for_step(project, process, step, timeout_s=120):
    """Wait until a step of the newest run is at work, and return its record."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        for folder in (project.workspace / "runs").glob("*"):
            with contextlib.suppress(OSError, ValueError):
                record = telemetry.StepRecord.read(telemetry.record_path(folder, step))
                if record.state == "running" and record.message != "starting":
                    return record
        time.sleep(0.02)
    raise AssertionError(f"{step} was never seen at work:\n{process.communicate()[0]}")


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_every_step_may_be_killed_and_the_same_command_goes_on(project):
    for step in ("ingest", "tune", "train", "evaluate", "export", "deploy"):
        process = project.start("run", "run.yaml")
        os.kill(wait_for_step(project, process, step).pid, signal.SIGKILL)
        output, _ = process.communicate(timeout=120)

        assert process.returncode == 1, output
        assert f"{step} was killed" in output
        assert "run the same command again" in output
        assert not list(project.folder.glob(".estafet/models/cancer/[0-9]*")), "half a release is served"

    done = project.estafet("run", "run.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in project.folder.glob(".estafet/models/cancer/[0-9]*")] == ["1"]
    steps = read_json(project.newest_run() / "run.json")["steps"]
    assert [steps[step]["state"] for step in ("ingest", "tune", "train", "evaluate")] == ["reused"] * 4


def test_a_killed_runner_takes_its_step_along_and_frees_the_workspace(project):
    process = project.start("run", "run.yaml", "--set", "train.epochs=200", "--set", "tune.enabled=false")
    step = wait_for_step(project, process, "train")
    process.kill()
    process.communicate()

    deadline = time.monotonic() + 20
    while is_alive(step.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_alive(step.pid)

    again = project.estafet("run", "run.yaml", "--set", "tune.enabled=false")
    assert again.returncode == 0, again.stdout + again.stderr


def test_two_runs_at_once_in_one_workspace_are_refused(project):
    first = project.start("run", "run.yaml", "--set", "train.epochs=500", "--set", "tune.enabled=false")
    try:
        wait_for_step(project, first, "train")
        second = project.estafet("run", "run.yaml")
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()

    assert second.returncode == 4
    assert f"process {first.pid}" in second.stderr
    assert "--set workspace=" in second.stderr


def test_a_run_that_is_interrupted_says_how_to_go_on(project):
    process = project.start("run", "run.yaml", "--set", "train.epochs=500", "--set", "tune.enabled=false")
    step = wait_for_step(project, process, "train")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "interrupted" in output
    assert not is_alive(step.pid)
    assert read_json(project.newest_run() / "run.json")["state"] == "failed"
