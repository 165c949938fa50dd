"""Claim: `estafet --help` answers in under 0.3 s, because heavy packages are imported where they are used.

The other side, in the same run: the same process start with the packages that the commands use imported first.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from claim import ROOT, conclude, parse

GOAL_S = 0.3
EAGER = "import kfp, mlflow, tensorflow; from cli.main import estafet; estafet(['--help'])"


def main() -> None:
    """Measure both, several times, and compare the medians."""
    quick = parse(__doc__ or "").quick
    lazy_s = median_s([sys.executable, "-m", "cli.main", "--help"], 7 if quick else 21)
    eager_s = median_s([sys.executable, "-c", EAGER], 1 if quick else 5)
    print(f"estafet --help       {lazy_s:.3f} s")
    print(f"with eager imports   {eager_s:.3f} s   ({eager_s / lazy_s:.0f} times)")
    conclude("`estafet --help` answers in under 0.3 s", round(lazy_s, 3), GOAL_S, lazy_s < GOAL_S)


def median_s(command: list[str], times: int) -> float:
    """Return the median wall time of a command."""
    walls = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, check=True)
        walls.append(time.perf_counter() - started)
    return statistics.median(walls)


if __name__ == "__main__":
    main()
