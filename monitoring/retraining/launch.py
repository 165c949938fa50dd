"""Runs a command that must not outlive the process that started it.

Its form is `python -m monitoring.retraining.launch PID COMMAND …`. On Linux the kernel is asked to end this process
with its parent, and the command takes its place. Elsewhere this process stays beside the command and watches.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
POLL_S = 0.5


def main(arguments: list[str]) -> int:
    """Run the command, unless the parent is gone already.

    Args:
        arguments: The parent's process id, then the command.

    Returns:
        The command's exit status.
    """
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            os.execv(command[0], command)
        return 1
    child = subprocess.Popen(command)
    while child.poll() is None:
        if os.getppid() != parent:
            child.kill()
        time.sleep(POLL_S)
    return child.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
