"""What a step leaves behind: its record, its error, its scratch folder; and that it ends with its runner."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from estafet import errors, telemetry
from estafet.telemetry import RUN_DIR_VARIABLE, RUNNER_PID_VARIABLE, SCRATCH_VARIABLE, StepRecord


@pytest.fixture
def run_dir(tmp_path, monkeypatch):
    """A run's folder, named in the environment as the runner does."""
    for variable in ("MLFLOW_TRACKING_URI", RUNNER_PID_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(RUN_DIR_VARIABLE, str(tmp_path / "run"))
    monkeypatch.setenv(SCRATCH_VARIABLE, str(tmp_path / "scratch"))
    return tmp_path / "run"


def record(run_dir, step="train") -> StepRecord:
    return StepRecord.read(telemetry.record_path(run_dir, step))


def test_a_running_step_says_so_with_its_progress(run_dir):
    with telemetry.step("train") as running:
        assert (record(run_dir).state, record(run_dir).message) == ("running", "starting")

        running.progress("epoch", 3, 20)

        seen = record(run_dir)
        assert (seen.message, seen.done, seen.total) == ("epoch", 3, 20)
        assert (seen.pid, seen.ended) == (os.getpid(), None)


def test_counting_begins_anew_with_another_total_and_when_less_is_done_than_before(run_dir):
    with telemetry.step("train") as running:
        begun = []
        for message, done, total in (
            ("read", 5, 10),
            ("read", 9, 10),
            ("write", 1, 40),
            ("write", 30, 40),
            ("x", 0, 40),
        ):
            running.progress(message, done, total)
            begun.append(running.record.counted_from)

    assert [done for _, done in begun] == [5, 5, 1, 1, 0]
    assert begun[0] == begun[1] <= begun[2] == begun[3] <= begun[4]


def test_a_step_that_is_done_keeps_its_result_and_what_it_cost(run_dir):
    with telemetry.step("train") as running:
        running.progress("epoch", 20, 20)
        while time.process_time() < 0.05:
            pass
        running.result("accuracy 0.981")

    seen = record(run_dir)
    assert (seen.state, seen.message, seen.done, seen.total) == ("done", "accuracy 0.981", None, None)
    assert seen.error is None
    assert seen.ended >= seen.started
    assert seen.wall_s == pytest.approx(seen.ended - seen.started, abs=0.1)
    assert seen.cpu_s >= 0.05
    assert 5 < seen.peak_mb < 100_000


def test_progress_in_quick_succession_does_not_write_a_file_each_time(run_dir, monkeypatch):
    writes = []
    monkeypatch.setattr(telemetry, "_save", lambda path, text: writes.append(text))

    with telemetry.step("train") as running:
        for done in range(1000):
            running.progress("step", done, 1000)

    assert len(writes) < 500


def test_an_error_of_ours_ends_the_step_with_its_exit_status_and_is_kept(run_dir, capsys):
    with pytest.raises(SystemExit) as ended, telemetry.step("ingest"):
        raise errors.DataError("no rows.", hint="look at the file.")

    assert ended.value.code == 3
    assert record(run_dir, "ingest").state == "failed"
    rebuilt = telemetry.rebuild(record(run_dir, "ingest").error)
    assert (type(rebuilt), rebuilt.message, rebuilt.hint) == (errors.DataError, "no rows.", "look at the file.")
    assert "error: no rows.\n  hint: look at the file." in capsys.readouterr().err


def test_an_unforeseen_error_passes_and_is_kept_with_its_traceback(run_dir):
    with pytest.raises(ZeroDivisionError), telemetry.step("train"):
        1 / 0  # noqa: B018

    error = record(run_dir).error
    assert error["message"] == "ZeroDivisionError: division by zero"
    assert "test_telemetry.py" in error["traceback"]
    assert isinstance(telemetry.rebuild(error), errors.StepFailed)


def test_an_interrupted_step_has_failed(run_dir):
    with pytest.raises(KeyboardInterrupt), telemetry.step("train"):
        raise KeyboardInterrupt

    assert record(run_dir).state == "failed"


@pytest.mark.parametrize("kind", [kind for kind in errors.BY_NAME.values()], ids=lambda kind: kind.__name__)
def test_every_error_of_ours_comes_back_from_its_description(kind):
    described = json.loads(json.dumps(telemetry.describe(kind("what", hint="do"))))

    rebuilt = telemetry.rebuild(described)

    assert (type(rebuilt), rebuilt.message, rebuilt.hint) == (kind, "what", "do")
    assert described["exit_status"] == kind.exit_status


def wrapped(cause: Exception) -> Exception:
    try:
        raise RuntimeError("could not save the model") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/shard-0"),
        OSError(errno.EDQUOT, "Disk quota exceeded", "/data/shard-0"),
        RuntimeError("ResourceExhausted: /data/shard-0; No space left on device"),
        wrapped(OSError(errno.ENOSPC, "No space left on device", "/data/shard-0")),
        wrapped(RuntimeError("(sqlite3.OperationalError) database or disk is full")),
    ],
)
def test_a_full_disk_is_said_in_plain_words(error):
    described = telemetry.describe(error)

    assert described["message"].startswith("the disk is full")
    assert "traceback" not in described
    assert "estafet doctor" in described["hint"]


def test_another_error_of_the_system_is_not_a_full_disk():
    assert "the disk is full" not in telemetry.describe(PermissionError(errno.EACCES, "Permission denied"))["message"]


def test_on_a_full_disk_the_error_still_reaches_the_record(run_dir, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"), telemetry.step("ingest"):
        monkeypatch.setattr(telemetry, "replacing", full)
        full()

    seen = record(run_dir, "ingest")
    assert seen.state == "failed"
    assert seen.error["message"].startswith("the disk is full")


def test_without_a_run_folder_progress_goes_to_the_log(run_dir, monkeypatch, capsys):
    monkeypatch.delenv(RUN_DIR_VARIABLE)

    with telemetry.step("train") as running:
        running.progress("reading 52 of 208 MB", 52_000_000, 208_000_000)

    assert "train: reading 52 of 208 MB (25%)" in capsys.readouterr().out


def test_the_same_inputs_find_the_same_scratch_folder_and_others_do_not(run_dir):
    with telemetry.step("train") as first:
        folder = first.scratch("v1", {"epochs": 3, "seed": 0})
        (folder / "checkpoint").write_text("half way")
    with telemetry.step("train") as second:
        assert second.scratch("v1", {"seed": 0, "epochs": 3}) == folder
        assert (second.scratch("v1", {"epochs": 3, "seed": 0}) / "checkpoint").read_text() == "half way"
        assert second.scratch("v2", {"epochs": 3, "seed": 0}) != folder
        assert second.scratch("v1", {"epochs": 4, "seed": 0}) != folder
    with telemetry.step("tune") as other:
        assert other.scratch("v1", {"epochs": 3, "seed": 0}) != folder


RUNNER = """
import subprocess, sys, time
child = "import sys, time\\nfrom estafet import telemetry\\nwith telemetry.step('train'):\\n    time.sleep(60)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(60)
"""


@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "left as a zombie"])
def test_a_step_dies_with_its_runner(run_dir, reaped):
    """The runner starts a step and is killed; the step must be gone a little later, whoever asks after the runner."""
    program = "import os; os.environ['ESTAFET_RUNNER_PID'] = str(os.getpid())\n" + RUNNER
    runner = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_until(lambda: telemetry.record_path(run_dir, "train").exists())
        step_pid = record(run_dir).pid

        runner.send_signal(signal.SIGKILL)
        if reaped:
            runner.wait()

        wait_until(lambda: not telemetry.is_running(step_pid))
        assert record(run_dir).state == "running"  # it had no time to say more: the runner must look at the process
    finally:
        runner.kill()
        runner.wait()


def wait_until(condition, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
