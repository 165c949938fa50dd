"""A worker's training process, as its supervisor has it: started, listened to, asked to end, and never left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from estafet.training.workers.child import SUPERVISOR_VARIABLE
from estafet.training.workers.relay import PIPE_VARIABLE, Line


class Process:
    """A training process and the pipe through which it speaks.

    Args:
        command: What to run; it calls `child.run`.
        environment: Its environment, with its TF_CONFIG.
        log: File to which its output is appended; None for that of the supervisor.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path | None = None):
        self._pipe, writing = os.pipe()
        os.set_blocking(self._pipe, False)
        self._unread, self.started = b"", time.monotonic()
        told = {PIPE_VARIABLE: str(writing), SUPERVISOR_VARIABLE: str(os.getpid())}
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, writing)
            output = stack.enter_context(log.open("ab")) if log else None
            self._popen = subprocess.Popen(
                list(command),
                env={**environment, **told},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output and subprocess.STDOUT,
                pass_fds=(writing,),
                start_new_session=True,  # Ctrl-C is for the supervisor, which passes it on
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        os.close(self._pipe)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    @property
    def status(self) -> int | None:
        """Its exit status, the negative number of the signal that killed it, or None while it runs."""
        return self._popen.poll()

    def lines(self) -> list[Line]:
        """Return what it has said since the last call, without waiting."""
        with contextlib.suppress(BlockingIOError):
            while received := os.read(self._pipe, 1 << 16):
                self._unread += received
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines]

    def terminate(self) -> None:
        """Ask it to save and end."""
        if self.status is None:
            self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, with all that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
