"""A model server as a child process, which ends with whoever started it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from estafet.errors import ServiceUnavailable, StepFailed
from estafet.files import read_json
from serving.server.running import url

POLL_S = 0.05
STOP_S = 15
TAIL_CHARS = 2000


class ServerProcess:
    """Starts `python -m serving.server` on a free port of this machine; use it as a context manager."""

    def __init__(self, models_dir: str | Path, name: str, output_dir: str | Path, *arguments: str):
        """Describe the server.

        Args:
            models_dir: Folder with one sub-folder for each model.
            name: The model.
            output_dir: Folder for what the server prints, and for its address.
            arguments: More of the server's own arguments.
        """
        self._announced = Path(output_dir) / "address.json"
        self._output = Path(output_dir) / "server.log"
        self._command = [sys.executable, "-m", "serving.server", "--models-dir", str(models_dir), "--name", name]
        self._command += ["--port", "0", "--announce", str(self._announced), "--parent-pid", str(os.getpid())]
        self._command += arguments
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServerProcess:
        self._announced.unlink(missing_ok=True)
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def wait_until_listening(self, timeout_s: float) -> str:
        """Wait for the server's address.

        Returns:
            Its URL.

        Raises:
            StepFailed: The server ended instead.
            ServiceUnavailable: It did not listen in time.
        """
        deadline = time.monotonic() + timeout_s
        while not self._announced.exists():
            status = self._process.poll()
            if status is not None:
                raise StepFailed(f"the model server ended with status {status} before it listened:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"the model server did not listen within {timeout_s:g} s.\n{self.tail()}".rstrip(),
                    hint="raise deploy.smoke_timeout_s, or see whether the machine is busy.",
                )
            time.sleep(POLL_S)
        address = read_json(self._announced)
        return url(address["host"], address["port"])

    def tail(self) -> str:
        """Return the end of what the server printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARS:] if self._output.exists() else ""

    def stop(self) -> None:
        """Ask the server to end, and make it end where it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
