"""Killed at any moment, or without room on the disk, a run goes on where it stopped; nothing is half-written."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from estafet import telemetry
from estafet.files import read_json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
STEPS = ("ingest", "tune", "train", "evaluate", "export", "deploy")
FULL_DISK = """
import errno, os, sys

def full(descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

if os.environ.get("FULL_IN") in sys.orig_argv:
    os.fsync = full
"""


def step_at_work(project, step, has_ended, timeout_s=120):
    """Wait until a step of a run is at work, and return its record; None where the command has ended before."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and not has_ended():
        for folder in (project.workspace / "runs").glob("*"):
            with contextlib.suppress(OSError, ValueError):
                record = telemetry.StepRecord.read(telemetry.record_path(folder, step))
                if record.state == "running" and record.message != "starting" and is_alive(record.pid):
                    return record
        time.sleep(0.02)
    return None


def wait_for_step(project, process, step):
    """Wait until a step is at work in a command that was started."""
    record = step_at_work(project, step, lambda: process.poll() is not None)
    if record is None:
        raise AssertionError(f"{step} was never seen at work:\n{process.communicate()[0]}")
    return record


def run_and_kill(project, step):
    """Run the run file, kill the process of one step when it is at work, and return what became of the command."""
    ended, killed = threading.Event(), []

    def kill():
        if record := step_at_work(project, step, ended.is_set):
            os.kill(record.pid, signal.SIGKILL)
            killed.append(record.pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        done = project.estafet_here("run", "run.yaml")
    finally:
        ended.set()
        killer.join()
    assert killed, f"{step} was never seen at work:\n{done.stdout}{done.stderr}"
    return done


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def is_gone_soon(pid):
    deadline = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not is_alive(pid)


def kill_runner_at_train(project):
    """Kill a command while its step trains: the step is taken along."""
    process = project.start("run", "run.yaml", "--set", "train.epochs=200")
    step = wait_for_step(project, process, "train")
    process.kill()
    process.communicate()

    assert is_gone_soon(step.pid)


def run_without_room(project, step, folder):
    """Run the run file where in the process of one step no file can be put on the disk: that is said in plain words."""
    (folder / "sitecustomize.py").write_text(FULL_DISK)
    before = set(project.folder.rglob(".*.tmp"))
    search = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))

    done = project.estafet_here("run", "run.yaml", PYTHONPATH=search, FULL_IN=step)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"error: {step}: the disk is full" in done.stderr
    assert "run the same command again" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert set(project.folder.rglob(".*.tmp")) <= before, "something is half-written"


def test_whatever_stops_a_run_in_whichever_step_the_same_command_goes_on(project, tmp_path):
    """Each step is killed once, as it goes on with what the steps before it had done; some find the disk full first.

    The runner is killed too, when `tune` is done; what comes then finds the workspace free.
    """
    for step in STEPS:
        if step == "train":
            kill_runner_at_train(project)
        if step in ("ingest", "train", "deploy"):
            run_without_room(project, step, tmp_path)
            assert not list(project.workspace.glob("models/cancer/[0-9]*")), "half a release is served"
        done = run_and_kill(project, step)

        assert done.returncode == 1, done.stdout + done.stderr
        assert f"{step} was killed" in done.stderr
        assert "run the same command again" in done.stderr
        assert not list(project.workspace.glob("models/cancer/[0-9]*")), "half a release is served"

    done = project.estafet("run", "run.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in project.workspace.glob("models/cancer/[0-9]*")] == ["1"]
    steps = read_json(project.newest_run() / "run.json")["steps"]
    assert [steps[step]["state"] for step in STEPS[:-1]] == ["reused"] * 5


@pytest.fixture(scope="module")
def interrupted(used):
    """A run that was asked to end while it trained, with its output; and what a second run said in the meantime."""
    first = used.start("run", "run.yaml", "--set", "train.epochs=500", "--set", "tune.enabled=false")
    try:
        step = wait_for_step(used, first, "train")
        second = used.estafet("run", "run.yaml")
        first.send_signal(signal.SIGTERM)
        output, _ = first.communicate(timeout=60)
    except BaseException:
        os.killpg(first.pid, signal.SIGKILL)
        raise
    return first, step, output, second


def test_two_runs_at_once_in_one_workspace_are_refused(interrupted):
    first, *_, second = interrupted

    assert second.returncode == 4
    assert f"process {first.pid}" in second.stderr
    assert "--set workspace=" in second.stderr


def test_a_run_that_is_interrupted_says_how_to_go_on(used, interrupted):
    process, step, output, _ = interrupted

    assert process.returncode == 1
    assert "interrupted" in output
    assert is_gone_soon(step.pid)
    assert read_json(used.newest_run() / "run.json")["state"] == "failed"
