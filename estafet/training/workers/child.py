"""A worker's training process: it says how it ended in a way that its supervisor understands, and never outlives it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from estafet.errors import EstafetError
from estafet.process import is_running
from estafet.telemetry import describe
from estafet.training.workers.relay import Relay

SUPERVISOR_VARIABLE = "ESTAFET_SUPERVISOR_PID"
PEER_LOST = 76
"""Exit status where TensorFlow says that another worker is gone."""
PR_SET_PDEATHSIG = 1
LOST = ("UnavailableError", "AbortedError", "CancelledError", "DeadlineExceededError", "FailedPreconditionError")
"""TensorFlow's errors when a peer is gone: refused, aborted, without heartbeats, or started anew meanwhile."""
LOST_WORDS = ("Collective ops is aborted", "RecvBufResponse", "Connection reset by peer", "Socket closed")


def run(body: Callable[[Relay], None]) -> NoReturn:
    """Run a worker's work and end the process: 0, an error's exit status, or `PEER_LOST`.

    The process ends without Python's own end, in which TensorFlow may wait for peers that are no longer there.

    Args:
        body: The work; it gets the relay to the supervisor. `SystemExit` passes its status on.
    """
    _end_with_supervisor()
    relay = Relay.from_environment()
    try:
        body(relay)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException as error:
        status = _status_of(error, relay)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _status_of(error: BaseException, relay: Relay) -> int:
    traceback.print_exception(error)
    if is_loss_of_peer(error):
        return PEER_LOST
    described = describe(error)
    relay.tell("error", error=described)
    return error.exit_status if isinstance(error, EstafetError) else 1


def is_loss_of_peer(error: BaseException) -> bool:
    """Return whether TensorFlow raised this because another worker is gone."""
    if isinstance(error, EstafetError) or not type(error).__module__.startswith("tensorflow."):
        return False
    return type(error).__name__ in LOST or any(words in str(error) for words in LOST_WORDS)


def _end_with_supervisor() -> None:
    """Have the system kill this process when its supervisor ends, in whatever way.

    On Linux the kernel does it. Elsewhere a thread looks, which cannot run while TensorFlow holds the global lock.
    """
    named = os.environ.get(SUPERVISOR_VARIABLE)
    if not named:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    supervisor = int(named)
    if not is_running(supervisor):  # it ended before the kernel was told
        os._exit(1)

    def watch() -> None:
        while is_running(supervisor):
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="end-with-supervisor", daemon=True).start()
