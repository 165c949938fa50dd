"""A claim, measured: what a benchmark prints and how it ends."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


def parse(description: str) -> argparse.Namespace:
    """Read a benchmark's command line: `--quick` for a run of under a minute."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="measure less, in under a minute")
    return parser.parse_args()


def conclude(claim: str, value: object, goal: object, holds: bool) -> None:
    """Print the line of JSON that ends a benchmark, and exit 1 where the claim does not hold."""
    print(json.dumps({"claim": claim, "value": value, "goal": goal, "holds": bool(holds)}, ensure_ascii=False))
    sys.exit(0 if holds else 1)


def estafet(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run an `estafet` command in a process of its own, and keep what it prints."""
    command = [sys.executable, "-m", "cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if check and done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@contextmanager
def example(name: str) -> Iterator[tuple[Path, Path]]:
    """Make an example's data; give its run file and an empty workspace."""
    folder = ROOT / "examples" / name
    subprocess.run([sys.executable, str(folder / "make_data.py")], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix=f"estafet-{name}-") as workspace:
        yield folder / "run.yaml", Path(workspace)
