"""Supervisors and their processes, without TensorFlow: who is started anew, who ends, and that nobody stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from estafet.errors import DataError, Preempted, ServiceUnavailable, StepFailed
from estafet.process import is_running
from estafet.training.workers import local
from estafet.training.workers.cluster import on_this_machine
from estafet.training.workers.supervisor import Patience, Supervisor

pytestmark = pytest.mark.slow

CHILD = """
import json, os, signal, sys, time
from pathlib import Path
from estafet.errors import DataError, Preempted
from estafet.training.workers import child

folder, index = Path(sys.argv[1]), json.loads(os.environ["TF_CONFIG"])["task"]["index"]

def is_first(what):
    try:
        (folder / what).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

def wait():
    time.sleep(600)

def wait_for_first(*others):
    while not all((folder / f"first-{other}").exists() for other in others):
        time.sleep(0.05)

def main(relay):
    with (folder / f"starts-{index}").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    relay.tell("joined")
    relay.progress(f"worker {index}", 1, 2)
    work(relay)
"""


def _command(tmp_path: Path, work: str) -> list[str]:
    """Return the command of workers that do `work`, in which `folder`, `index` and `relay` are known."""
    body = textwrap.indent(textwrap.dedent(work), "    ")
    (tmp_path / "child.py").write_text(f"{CHILD}\ndef work(relay):\n{body}\nchild.run(main)\n")
    return [sys.executable, str(tmp_path / "child.py"), str(tmp_path)]


def _run(tmp_path: Path, work: str, num_workers: int = 2, **told) -> None:
    local.run(_command(tmp_path, work), num_workers, dict(os.environ), tmp_path / "logs", **told)


def _starts(tmp_path: Path, index: int) -> list[int]:
    """Return the ids of all processes that a worker has had."""
    return [int(line) for line in (tmp_path / f"starts-{index}").read_text().split()]


def test_a_worker_that_is_killed_is_started_anew_and_so_are_those_that_waited_for_it(tmp_path):
    lines, said = [], []

    _run(
        tmp_path,
        """
        if is_first(f"first-{index}"):
            if index == 1:
                wait_for_first(0, 2)
                os.kill(os.getpid(), signal.SIGKILL)
            wait()
        """,
        num_workers=3,
        on_line=lines.append,
        say=said.append,
    )

    assert [len(_starts(tmp_path, index)) for index in range(3)] == [2, 2, 2]
    assert len(said) == 1 and said[0].startswith("worker 1 (127.0.0.1:")
    assert said[0].endswith(" was lost; all begin anew from the last checkpoint")
    assert [line["message"] for line in lines if line["kind"] == "progress"] == ["worker 0"] * 2  # the chief's alone


def test_a_chief_that_always_dies_is_given_up_after_so_many_restarts(tmp_path):
    with pytest.raises(
        StepFailed, match=r"lost 3 times, the last time so: .* worker 0 .* was killed by SIGKILL"
    ) as caught:
        _run(
            tmp_path,
            "os.kill(os.getpid(), signal.SIGKILL) if index == 0 else wait()",
            patience=Patience(restarts=2),
        )

    assert f"{tmp_path / 'logs' / 'worker-0.log'}" in caught.value.hint
    assert len(_starts(tmp_path, 0)) == 3


def test_an_error_that_a_person_can_mend_ends_all_workers_with_its_words_and_is_not_tried_again(tmp_path):
    work = """
        is_first(f"first-{index}")
        if index == 1:
            wait_for_first(0)
            raise DataError("bad data", hint="mend them")
        wait()
    """

    with pytest.raises(DataError) as caught:
        _run(tmp_path, work)

    assert (caught.value.message, caught.value.hint) == ("bad data", "mend them")
    assert [len(_starts(tmp_path, index)) for index in range(2)] == [1, 1]
    assert not any(is_running(pid) for index in range(2) for pid in _starts(tmp_path, index))


def test_an_error_that_nobody_foresaw_leads_to_its_traceback(tmp_path):
    with pytest.raises(StepFailed, match="ZeroDivisionError: division by zero") as caught:
        _run(tmp_path, "1 / 0 if index == 0 else wait()")

    assert "in work" in (Path(caught.value.hint.split(" is in ")[1].rstrip("."))).read_text()


def test_a_process_that_has_lost_its_peer_by_tensorflows_word_begins_anew_with_it(tmp_path):
    """It sees the peer's death before the supervisors have told each other; another status would end the training."""
    said = []

    _run(
        tmp_path,
        """
        if is_first(f"first-{index}"):
            if index == 0:
                wait_for_first(1)
                sys.exit(child.PEER_LOST)
            wait()
        """,
        patience=Patience(word_s=0.1),
        say=said.append,
    )

    assert said == ["TensorFlow lost a peer; all begin anew from the last checkpoint"]


def test_a_process_that_never_finds_its_peers_is_started_anew(tmp_path):
    said = []
    command = _command(tmp_path, "pass")
    script = Path(command[1])
    script.write_text(script.read_text().replace('relay.tell("joined")', 'is_first(f"late-{index}") and wait()'))

    local.run(command, 1, dict(os.environ), tmp_path / "logs", patience=Patience(join_s=2), say=said.append)

    assert set(said) == {"TensorFlow did not find its peers within 2 s; all begin anew from the last checkpoint"}


def test_whoever_is_asked_to_end_may_save_first(tmp_path):
    """Both get SIGTERM; worker 1 takes its time, and worker 0 does not listen and is killed when its time is up."""
    work = """
        def save(number, frame):
            (folder / "saved").touch()
            raise Preempted("told to end")
        signal.signal(signal.SIGTERM, save if index == 1 else signal.SIG_IGN)
        (folder / f"ready-{index}").touch()
        wait()
    """
    stop = threading.Event()

    def ask() -> None:
        while not all((tmp_path / f"ready-{index}").exists() for index in range(2)):
            time.sleep(0.05)
        stop.set()

    threading.Thread(target=ask, daemon=True).start()
    with pytest.raises(Preempted, match=r"worker 0 .* was asked to end"):
        _run(tmp_path, work, stop=stop, patience=Patience(end_s=2))

    assert (tmp_path / "saved").exists()
    assert not any(is_running(pid) for index in range(2) for pid in _starts(tmp_path, index))


def test_when_one_of_several_machines_is_taken_away_the_others_wait_for_it(tmp_path):
    """All processes save and end when one supervisor is asked to; the other's goes on when a new one comes."""
    work = """
        signal.signal(signal.SIGTERM, lambda number, frame: (folder / "told").touch())
        if is_first(f"first-{index}"):
            while not (folder / "told").exists():  # how the processes agree among themselves
                time.sleep(0.05)
            raise Preempted("told to end")
    """
    command, (chief, worker) = _command(tmp_path, work), on_this_machine(2)
    stop, said = threading.Event(), []
    waiting = threading.Thread(target=Supervisor(chief, command, say=said.append).run)
    waiting.start()
    taken = Supervisor(worker, command, stop=stop)

    def take() -> None:
        while not all((tmp_path / f"first-{index}").exists() for index in range(2)):
            time.sleep(0.05)
        stop.set()

    threading.Thread(target=take, daemon=True).start()
    with pytest.raises(Preempted):
        taken.run()
    Supervisor(worker, command).run()
    waiting.join()

    assert len(said) == 1 and said[0].endswith("was asked to end; all begin anew from the last checkpoint")
    assert [len(_starts(tmp_path, index)) for index in range(2)] == [2, 2]


def test_a_worker_that_never_comes_ends_the_others_without_starting_a_process(tmp_path):
    chief, absent = on_this_machine(2)

    with pytest.raises(ServiceUnavailable, match=absent.addresses[1]):
        Supervisor(chief, _command(tmp_path, "pass"), patience=Patience(come_s=0.3)).run()

    assert not (tmp_path / "starts-0").exists()


def test_a_launcher_that_is_killed_leaves_no_process_behind(tmp_path):
    command = _command(tmp_path, "wait()")
    code = (
        "import os, sys; from pathlib import Path; from estafet.training.workers import local;"
        "local.run(sys.argv[2:], 2, dict(os.environ), Path(sys.argv[1]))"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "logs"), *command])
    while not all((tmp_path / f"starts-{index}").exists() for index in range(2)):
        assert launcher.poll() is None
        time.sleep(0.05)
    pids = [_starts(tmp_path, index)[0] for index in range(2)]
    assert all(map(is_running, pids))

    launcher.send_signal(signal.SIGKILL)
    launcher.wait()

    while any(map(is_running, pids)):
        time.sleep(0.05)
