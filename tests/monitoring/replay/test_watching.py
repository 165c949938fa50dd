"""Checks on a schedule: one after another, whatever becomes of one, until somebody says stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from monitoring.replay.watching import Watch


def command(tmp_path, code):
    return [sys.executable, "-c", f"path = {str(tmp_path / 'log')!r}; {code}"]


def test_a_check_that_fails_is_told_and_the_next_one_is_made(tmp_path):
    said, after = [], []
    code = "import sys; open(path, 'a').write('x'); sys.exit(4 * (open(path).read() == 'x'))"

    Watch(command(tmp_path, code), 0.0, said.append, lambda: after.append(1)).run(num_checks=3)

    assert (tmp_path / "log").read_text() == "xxx"
    assert said == ["the check ended with status 4; the next one judges its requests"]
    assert len(after) == 3


def test_stop_ends_the_pause_at_once(tmp_path):
    """The pause is an hour, and SIGTERM comes after the first check."""
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    before = signal.getsignal(signal.SIGTERM)

    Watch(command(tmp_path, "open(path, 'a').write('x')"), 3600.0, print, lambda: None).run()

    assert (tmp_path / "log").read_text() in ("x", "")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_a_running_check_ends_by_itself_and_no_other_begins(tmp_path):
    watch = (
        "import sys; from monitoring.replay.watching import Watch; Watch(sys.argv[1:], 0.0, print, lambda: None).run()"
    )
    check = (
        "import signal, time; signal.signal(signal.SIGTERM, lambda *_: None); open(path, 'a').write('begin '); "
        "time.sleep(1); open(path, 'a').write('end ')"
    )
    process = subprocess.Popen([sys.executable, "-c", watch, *command(tmp_path, check)])
    while not (tmp_path / "log").exists():
        time.sleep(0.02)

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 0
    assert (tmp_path / "log").read_text() == "begin end "
