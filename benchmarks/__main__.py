"""`make bench`: runs every benchmark and writes `benchmarks/results/NAME.json` with the machine and the versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
NOT_BENCHMARKS = ("__main__.py", "__init__.py", "claim.py")
LIBRARIES = ("kfp", "tensorflow", "keras", "optuna", "mlflow", "evidently", "numpy", "pyarrow")


def main() -> None:
    """Run the benchmarks named on the command line, or all of them; exit 1 where a claim does not hold."""
    wanted = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    files = [path for path in sorted(HERE.glob("*.py")) if path.name not in NOT_BENCHMARKS]
    held = [measure(path, options) for path in files if not wanted or path.stem in wanted]
    sys.exit(0 if all(held) else 1)


def measure(path: Path, options: list[str]) -> bool:
    """Run one benchmark, show what it prints, and keep its last line with the machine's."""
    print(f"── {path.stem}", flush=True)
    started = time.time()
    done = subprocess.run([sys.executable, str(path), *options], stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, flush=True)
    try:
        result = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        print(f"{path.name} printed no result")
        return False
    result |= {"took_s": round(time.time() - started, 1), "options": options, "machine": machine()}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{path.stem}.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return done.returncode == 0 and result["holds"]


def machine() -> dict[str, object]:
    """Say what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    main()
