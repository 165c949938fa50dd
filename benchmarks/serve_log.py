"""Claim: the request log makes the server at most 10 % slower, and stays within its bounds of memory and disk.

A small dense Keras model, 64 clients with one row each, over REST; 4,096 different rows, so that the log cannot be
packed into nothing. First two servers in turns, one of which logs every request: by how much fewer answers a second it
gives, the median over the rounds.

Then an hour, made short. At full load an hour writes some 30 million rows of 120 bytes, less than half of the default
bound of 10 GB, so nothing would be seen. So the bound is set so low that a minute of full load fills it several times,
and files are written every half second, in place of five. All the time the files' size and the server's memory are
looked at. A stuck disk, where rows are dropped and counted, is the subject of `tests/serving/test_request_log.py`.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path

from claim import conclude, parse
from serve import models, servers
from serve.closed_loop import Load, measure
from serve.closed_loop import start as start_load

NUM_CLIENTS, NUM_BODIES = 64, 4096
MAX_SLOWER = 0.10
MIN_TURNS, MAX_GROWTH_MB = 3.0, 64
PATH = f"/v1/models/{models.NAME}:predict"


def main() -> None:
    """Measure both, print, and compare with the goals."""
    quick = parse(__doc__ or "").quick
    rounds, seconds, hour_s, bound = (3, 1.5, 8.0, 2_000_000) if quick else (9, 3.0, 60.0, 8_000_000)
    with tempfile.TemporaryDirectory(prefix="estafet-serve-") as name:
        folder = Path(name)
        models.export(models.dense_model(), folder / "models" / models.NAME / "1")
        slower = slowdown(folder, rounds, seconds)
        hour = short_hour(folder, hour_s, bound)
    value = {"slower": round(slower, 3), **hour}
    goal = {
        "slower": f"≤ {MAX_SLOWER}",
        "largest size of the files": f"≤ {bound}",
        "memory grew by, MB": f"≤ {MAX_GROWTH_MB}",
        "rows lost": 0,
    }
    holds = (
        slower <= MAX_SLOWER
        and hour["largest size of the files"] <= bound
        and hour["times the bound was written"] >= MIN_TURNS
        and hour["memory grew by, MB"] <= MAX_GROWTH_MB
        and hour["rows lost"] == 0
    )
    conclude("the request log costs at most 10 % and stays within its bounds", value, goal, holds)


def slowdown(folder: Path, rounds: int, seconds: float) -> float:
    """Return by which share fewer requests are answered with the log on: the median over the rounds."""
    shares = []
    with contextlib.ExitStack() as stack:
        logging = ("--requests-dir", str(folder / "requests"))
        sides = {
            "log off": stack.enter_context(servers.ours(folder / "models", models.NAME, folder)),
            "log on": stack.enter_context(servers.ours(folder / "models", models.NAME, folder, *logging)),
        }
        for number in range(rounds + 1):
            rates = {}
            for side, server in list(sides.items())[:: 1 if number % 2 else -1]:
                measured = measure(load_of(server, seconds=seconds))
                if measured.num_failed:
                    raise SystemExit(f"{side}: {measured.num_failed} requests failed: {measured.failures[0]}")
                rates[side] = measured.per_s
            if number:  # the first round warms up
                shares.append(1 - rates["log on"] / rates["log off"])
                print("   ".join(f"{side} {rate:7.0f} answers/s" for side, rate in sorted(rates.items())))
    return statistics.median(shares)


def short_hour(folder: Path, hour_s: float, bound: int) -> dict[str, float]:
    """Load a server whose log may take little, and return what became of its bounds."""
    log, largest, written, memory_mb = folder / "hour", 0, 0, []
    known: dict[Path, int] = {}
    arguments = ("--requests-dir", str(log), "--log-flush-s", "0.5", "--log-max-bytes", str(bound))
    with servers.ours(folder / "models", models.NAME, folder, *arguments) as server:
        with start_load(load_of(server, seconds=hour_s)) as running:
            while running.is_running:
                sizes = sizes_of(log)
                written += sum(size for path, size in sizes.items() if path not in known)
                known = sizes
                largest = max(largest, sum(sizes.values()))
                memory_mb.append(resident_mb(server.pid))
                time.sleep(0.1)
            measured = running.result()
        time.sleep(2.0)
        counts = counts_of(server)
    warm_mb = statistics.median(memory_mb[len(memory_mb) // 5 : 2 * len(memory_mb) // 5])
    last_mb = statistics.median(memory_mb[-len(memory_mb) // 5 :])
    return {
        "rows": counts["seen"],
        "rows lost": counts["seen"] - counts["written"],
        "times the bound was written": round(written / bound, 1),
        "largest size of the files": largest,
        "files removed": counts["files_removed"],
        "memory grew by, MB": round(last_mb - warm_mb, 1),
        "failed requests": measured.num_failed,
    }


def load_of(server: servers.Server, **how: float) -> Load:
    """Return the load of single rows."""
    bodies = [models.rest_body(models.rows(1, seed)) for seed in range(NUM_BODIES)]
    return Load.of("rest", server.rest, PATH, bodies, num_clients=NUM_CLIENTS, **how)


def sizes_of(log: Path) -> dict[Path, int]:
    """Return the size of each whole file of a log."""
    found = {}
    for path in log.rglob("*.parquet"):
        with contextlib.suppress(OSError):  # it may go meanwhile
            found[path] = path.stat().st_size
    return found


def resident_mb(pid: int) -> float:
    """Return the memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def counts_of(server: servers.Server) -> dict[str, int]:
    """Ask a server what became of the logged rows."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.rest}/", timeout=10) as response:
        return json.load(response)["request_log"]


if __name__ == "__main__":
    main()
