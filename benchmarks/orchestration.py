"""Claim: orchestration costs under 15 % of the demo, and a second run that reuses everything ends in under 5 s.

Both sides in one run: the wall time of the whole demo (three `estafet` commands, the run that retraining starts, the
server's traffic), and the sum of what the bodies of its steps took, as each measured itself. `retrain` counts with its
own work alone: the run that it waits for is counted by that run's steps. `--quick` takes one `estafet run` in place of
the demo.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from claim import ROOT, conclude, estafet, parse

from estafet.files import read_json

GOAL_SHARE = 0.15
GOAL_REUSED_S = 5.0
LEFT_BEHIND = shutil.ignore_patterns(".estafet*", "data", "data-served", "__pycache__")


def main() -> None:
    """Run the digits, account for the time, and run them again."""
    quick = parse(__doc__ or "").quick
    with tempfile.TemporaryDirectory(prefix="estafet-orchestration-") as folder:
        digits = Path(shutil.copytree(ROOT / "examples" / "digits", Path(folder, "digits"), ignore=LEFT_BEHIND))
        python(digits / "make_data.py")
        run = ["run", digits / "run.yaml", "--profile", "quick"]
        whole_s = timed(estafet, *run) if quick else timed(python, digits / "demo.py")
        bodies_s = sum_of_bodies(digits / (".estafet" if quick else ".estafet-demo"))
        if not quick:
            estafet(*run)
        reused_s = min(timed(estafet, *run) for _ in range(3))
    share = (whole_s - bodies_s) / whole_s
    print(f"{'one run' if quick else 'the demo':<14}{whole_s:6.1f} s wall")
    print(f"steps' bodies {bodies_s:6.1f} s, so orchestration and all else took {share:.1%}")
    print(f"reused run    {reused_s:6.1f} s wall (best of 3)")
    conclude(
        "orchestration costs under 15 % of the demo, and a fully reused run ends in under 5 s",
        {"share": round(share, 3), "reused_s": round(reused_s, 2)},
        {"share": GOAL_SHARE, "reused_s": GOAL_REUSED_S},
        share < GOAL_SHARE and reused_s < GOAL_REUSED_S,
    )


def python(script: Path) -> None:
    """Run a script of the example."""
    subprocess.run([sys.executable, str(script)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def timed(function, *arguments: object) -> float:
    """Return the wall time of a call."""
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def sum_of_bodies(workspace: Path) -> float:
    """Return the seconds that the steps of all runs took by their own clocks."""
    runs = [read_json(path) for path in sorted(workspace.glob("runs/*/run.json"))]
    bodies_s = sum(step.get("wall_s", 0) for run in runs for step in run["steps"].values())
    retrained = [run for run in runs if "train" in run["steps"]][1:]
    return bodies_s - sum(run["wall_s"] for run in retrained)


if __name__ == "__main__":
    main()
