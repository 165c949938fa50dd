"""Claim: while versions are switched no request fails, each answer is that of one whole version, and nothing grows.

A small dense Keras model whose versions have other weights; 64 clients with one row each, half over REST, half over
gRPC, which ask without a pause. Ten times a new version appears (by renaming, as `estafet run` releases it), and the
folder of the old one goes once the new one answers. Every answer is compared with what each version alone answers to
that row, and over gRPC with the version that the answer names.

Then a hundred switches under a light load (4 clients): the server's memory and threads after 20 of them, when all is
warm, against those after 100.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import json
import os
import shutil
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from claim import conclude, parse
from serve import models, servers
from serve.closed_loop import Load, Measured
from serve.closed_loop import start as start_load

NUM_WEIGHTS = 4
MIN_REQUESTS, NUM_SWITCHES = 20_000, 10
WARM_SWITCHES = 20
MAX_GROWTH = 0.05
SWITCH_S = 60.0
REST = f"/v1/models/{models.NAME}:predict"


def main() -> None:
    """Switch under a full load, then often, and compare with the goals."""
    quick = parse(__doc__ or "").quick
    num_switches, num_many, least = (3, 30, 2_000) if quick else (NUM_SWITCHES, 100, MIN_REQUESTS)
    with tempfile.TemporaryDirectory(prefix="estafet-serve-") as name:
        base = Versions(Path(name))
        base.publish()
        with servers.ours(base.folder, models.NAME, Path(name), "--poll-s", "0.2") as server:
            answers = under_load(base, server, num_switches, least)
            growth = many(base, server, num_many)
    value = {"switches": num_switches, **answers, "switches in all": base.number - 1, **growth}
    goal = {
        "requests": f"≥ {least}",
        "failed": 0,
        "of no whole version": 0,
        "memory grew by": f"≤ {MAX_GROWTH}",
        "threads grew by": 0,
        "failed in the many": 0,
    }
    holds = (
        answers["requests"] >= least
        and answers["failed"] == answers["of no whole version"] == 0
        and answers["versions that answered"] == num_switches + 1
        and growth["memory grew by"] <= MAX_GROWTH
        and growth["threads grew by"] <= 0
        and growth["failed in the many"] == 0
    )
    conclude("a switch of versions loses no request, mixes no versions, and leaves nothing behind", value, goal, holds)


class Versions:
    """A model's base path; version N has the weights N modulo 4, so that two that follow one another always differ.

    Attributes:
        number: The newest version.
        expected: What the weights of each kind answer to the one row, (4, 10).
        row_1F: The row.
    """

    def __init__(self, root: Path):
        """Export the kinds of weights below `root`."""
        self.folder, self.number, self.row_1F = root / "models", 0, models.rows(1)
        self._path = self.folder / models.NAME
        self._path.mkdir(parents=True)
        self._kinds, expected = [], []
        for seed in range(NUM_WEIGHTS):
            model = models.dense_model(seed)
            self._kinds.append(models.export(model, root / "exported" / str(seed)))
            expected.append(model(self.row_1F).numpy()[0])
        self.expected = np.array(expected)

    def publish(self) -> None:
        """Let the next version appear, whole."""
        self.number += 1
        hidden = self._path / f".{self.number}"
        shutil.copytree(self._kinds[self.number % NUM_WEIGHTS], hidden)
        os.replace(hidden, self._path / str(self.number))

    def switch(self, server: servers.Server) -> None:
        """Publish a version, wait until only that one answers, and delete the one before."""
        self.publish()
        deadline = time.monotonic() + SWITCH_S
        while available(server) != [self.number]:
            if time.monotonic() > deadline:
                raise SystemExit(f"version {self.number} was not served within {SWITCH_S:g} s")
            time.sleep(0.05)
        shutil.rmtree(self._path / str(self.number - 1))

    def kind_of(self, values_10: np.ndarray) -> int | None:
        """Return which weights an answer is of, or None for none."""
        close = np.abs(self.expected - values_10).max(axis=1) < 1e-5
        return int(close.argmax()) if close.sum() == 1 else None


def under_load(base: Versions, server: servers.Server, num_switches: int, least: int) -> dict[str, int]:
    """Switch while 64 clients ask; return what became of their requests."""
    before = base.number
    with contextlib.ExitStack() as stack:
        stop = base.folder.parent / "stop"
        loads = [stack.enter_context(start_load(load)) for load in loads_of(base, server, 32, stop)]
        time.sleep(2.0)
        for _ in range(num_switches):
            base.switch(server)
            time.sleep(0.3)
        time.sleep(max(least / 2000 - 3, 1))
        stop.touch()
        rest, grpc = (load.result() for load in loads)
    stop.unlink()
    answered: collections.Counter[object] = collections.Counter()
    for body, count in rest.answers.items():
        (values,) = json.loads(base64.b64decode(body))["predictions"]
        answered[base.kind_of(np.array(values))] += count
    versions = set()
    for body, count in grpc.answers.items():
        version, values = read(base64.b64decode(body))
        versions.add(version)
        kind = base.kind_of(values)
        answered[kind if kind == version % NUM_WEIGHTS else None] += count
    print(f"{rest.num_answered} answers over REST, {grpc.num_answered} over gRPC; by weights: {dict(answered)}")
    for failure in (*rest.failures, *grpc.failures):
        print(f"failed: {failure}")
    return {
        "requests": rest.num_answered + grpc.num_answered + rest.num_failed + grpc.num_failed,
        "failed": rest.num_failed + grpc.num_failed,
        "of no whole version": answered[None],
        "versions that answered": len(versions & set(range(before, base.number + 1))),
    }


def many(base: Versions, server: servers.Server, num_switches: int) -> dict[str, float]:
    """Switch often under a light load; return how memory and threads have grown."""
    stop, memory_mb, threads = base.folder.parent / "stop", [], []
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(start_load(load)) for load in loads_of(base, server, 2, stop)]
        for _ in range(num_switches):
            base.switch(server)
            time.sleep(0.2)  # the old version is freed in the background
            status = dict(line.split(":", 1) for line in Path(f"/proc/{server.pid}/status").read_text().splitlines())
            memory_mb.append(int(status["VmRSS"].split()[0]) / 1e3)
            threads.append(int(status["Threads"]))
        stop.touch()
        found: list[Measured] = [load.result() for load in loads]
    warm = min(WARM_SWITCHES, num_switches // 2)
    first_mb, last_mb = (statistics.median(part) for part in (memory_mb[warm - 5 : warm + 5], memory_mb[-10:]))
    first, last = (statistics.median(part) for part in (threads[warm - 5 : warm + 5], threads[-10:]))
    print(
        f"memory, MB: {[round(value) for value in memory_mb[:: max(num_switches // 10, 1)]]}, threads: {threads[::10]}"
    )
    return {
        "memory grew by": round(last_mb / first_mb - 1, 4),
        "memory MB": round(last_mb),
        "threads grew by": round(last - first),
        "threads": round(last),
        "failed in the many": sum(one.num_failed for one in found),
    }


def loads_of(base: Versions, server: servers.Server, num_clients: int, stop: Path) -> list[Load]:
    """Return the load over REST and that over gRPC, which go on until there is a file `stop`."""
    how = {"num_clients": num_clients, "until": str(stop), "keeps": True}
    return [
        Load.of("rest", server.rest, REST, [models.rest_body(base.row_1F)], **how),
        Load.of("grpc", server.grpc, models.PREDICT, [models.grpc_message(base.row_1F)], **how),
    ]


def read(message: bytes) -> tuple[int, np.ndarray]:
    """Return the version and the values of a PredictResponse."""
    from tensorflow_serving.apis.predict_pb2 import PredictResponse

    response = PredictResponse.FromString(message)
    return response.model_spec.version.value, np.array(response.outputs[models.OUTPUT].float_val)


def available(server: servers.Server) -> list[int]:
    """Return the versions that the server answers with."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.rest}/", timeout=10) as response:
        return json.load(response)["models"][models.NAME]


if __name__ == "__main__":
    main()
