"""Sends prepared requests again and again from many clients, each as soon as the last was answered, and times them.

Run it as a process of its own, `python closed_loop.py FILE`. It works on bare sockets: a request costs it some 20 µs, a
tenth of what a client library takes, so that it is the server that is measured. FILE holds a `Load` as JSON; what was
measured is printed as one line of JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop

SERVE = Path(__file__).parent
sys.path[:0] = [str(SERVE.parent)]

from serve.http1 import Http1Client  # noqa: E402
from serve.http2 import Http2Client  # noqa: E402

CLIENTS = {"rest": Http1Client, "grpc": Http2Client}


@dataclass(frozen=True)
class Load:
    """What is sent.

    Attributes:
        kind: `rest` or `grpc`.
        port: The server's port on this machine.
        path: The request's path.
        bodies: The requests' bodies, or the messages, in base 64; each client sends its share of them, in turns.
        seconds: How long it is measured.
        warm_up_s: How long it is sent before.
        num_clients: Requests under way at a time, each on a connection of its own.
        until: Go on until there is a file of this name, in place of the seconds.
        keeps: Return each different answer's body, in base 64, with how often it came.
    """

    kind: str
    port: int
    path: str
    bodies: list[str]
    seconds: float = 2.0
    warm_up_s: float = 0.3
    num_clients: int = 64
    until: str = ""
    keeps: bool = False

    @classmethod
    def of(cls, kind: str, port: int, path: str, bodies: Sequence[bytes], **others: Any) -> Load:
        """Return the load of some bodies."""
        return cls(kind, port, path, [base64.b64encode(body).decode() for body in bodies], **others)


@dataclass(frozen=True)
class Measured:
    """What became of the requests.

    Attributes:
        num_answered: Those that were answered well.
        num_failed: All the others.
        seconds: How long it took.
        p50_ms: The median latency.
        p99_ms: What 99 % of the latencies do not exceed.
        client_cpu_us: The load's own processor time for each request.
        failures: The first bytes of some failures.
        answers: How often each body came, where they are kept.
    """

    num_answered: int
    num_failed: int
    seconds: float
    p50_ms: float
    p99_ms: float
    client_cpu_us: float
    failures: list[str]
    answers: dict[str, int]

    @property
    def per_s(self) -> float:
        """Answered requests a second."""
        return self.num_answered / self.seconds


class Tally:
    """Takes what became of each request, from all clients."""

    def __init__(self, keeps: bool):
        """Begin, and keep the bodies where `keeps` says so."""
        self.latencies_s: list[float] = []
        self.failures: list[str] = []
        self.num_failed = 0
        self.answers: dict[bytes, int] | None = {} if keeps else None
        self.is_over = False

    def add(self, latency_s: float, is_good: bool, body: bytes) -> None:
        """Count one."""
        if not is_good:
            self.num_failed += 1
            if len(self.failures) < 5:
                self.failures.append(body[:300].decode("latin-1"))
            return
        self.latencies_s.append(latency_s)
        if self.answers is not None:
            self.answers[body] = self.answers.get(body, 0) + 1


def measure(load: Load) -> Measured:
    """Measure in a process of its own.

    Raises:
        RuntimeError: It ended without a result.
    """
    with start(load) as running:
        return running.result()


class start:  # noqa: N801
    """Begins to measure in a process of its own; `result` waits for its end."""

    def __init__(self, load: Load):
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump(asdict(load), file)
        self._file, self._load = Path(file.name), load
        command = [sys.executable, str(Path(__file__).resolve()), file.name]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> start:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        self._file.unlink(missing_ok=True)

    @property
    def is_running(self) -> bool:
        """Whether it still measures."""
        return self._process.poll() is None

    def result(self) -> Measured:
        """Wait for the end and return what was measured."""
        out, err = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the load ended with {self._process.returncode}: {err[-2000:]}")
        return Measured(**json.loads(out))


async def run(load: Load) -> dict[str, Any]:
    """Load a server, and return what `Measured` takes."""
    loop = asyncio.get_running_loop()
    bodies = [base64.b64decode(body) for body in load.bodies]
    tally = Tally(load.keeps)
    make = CLIENTS[load.kind]
    shares = [bodies[number :: load.num_clients] or bodies for number in range(load.num_clients)]
    made = [make(load.path, share, tally) for share in shares]
    for client in made:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", load.port)
    for client in made:
        client.begin()
    await asyncio.sleep(load.warm_up_s)
    tally.latencies_s = []  # but what failed before counts
    if tally.answers is not None:
        tally.answers.clear()
    usage, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    await _until_done(load)
    seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    latencies_s = sorted(tally.latencies_s)
    answers = dict(tally.answers or {})
    tally.is_over = True
    for client in made:
        client.transport.abort()
    cpu_s = used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime
    return {
        "num_answered": len(latencies_s),
        "num_failed": tally.num_failed,
        "seconds": seconds,
        "p50_ms": 1e3 * latencies_s[len(latencies_s) // 2] if latencies_s else 0.0,
        "p99_ms": 1e3 * latencies_s[int(len(latencies_s) * 0.99)] if latencies_s else 0.0,
        "client_cpu_us": 1e6 * cpu_s / max(len(latencies_s), 1),
        "failures": tally.failures,
        "answers": {base64.b64encode(body).decode(): count for body, count in answers.items()},
    }


async def _until_done(load: Load) -> None:
    if not load.until:
        await asyncio.sleep(load.seconds)
        return
    while not Path(load.until).exists():
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(Load(**json.loads(Path(sys.argv[1]).read_text()))))))
