"""Claim: two workers on two idle cores tune at least 1.6 times as fast as one, and twenty lose no trial.

One study of one table, with the same configurations (a grid) and without pruning, so that both sides train the same:

- one worker, which is the step's own process;
- two workers, which are processes of their own: they are started, import TensorFlow, and build their models.

Each side is a process of its own, and its wall time is all of that process, start-up included; how long it took until
the first trial began is printed apart. The sides take turns, and the ratio is the median over the pairs. One process
uses more than one core where TensorFlow finds something to do at the same time: CPU-seconds beside the wall time tell
how much. On cores that others use too, the ratio says little; the load is printed.

Then twenty workers run cheap trials, which only sleep a moment, of one study in a journal file. No trial may be lost,
run twice, or run beyond the number that was asked for, as the diary tells that the trials themselves keep.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from claim import ROOT, conclude, parse

from components.tune.running import testing
from components.tune.running.results import results
from components.tune.running.run import run
from components.tune.running.trials import Trials
from estafet.runfile.steps import TuneSettings
from estafet.runfile.tasks import Task

RATES, DROPOUTS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2), (0.0, 0.1, 0.2, 0.3)
NUM_FEATURES, NUM_VALIDATION = 20, 2000
WORKERS, CHEAP_WORKERS = 2, 20
MIN_RATIO = 1.6
SIDE = "side"


def main() -> None:
    """Measure both sides in turn, then the cheap trials, and compare."""
    quick = parse(__doc__ or "").quick
    num_rows, num_pairs, num_trials, num_cheap = (20_000, 1, 12, 100) if quick else (20_000, 3, 24, 400)
    spent: dict[int, list[dict[str, Any]]] = {1: [], WORKERS: []}
    with tempfile.TemporaryDirectory(prefix="estafet-tune-parallel-") as name:
        folder = Path(name)
        write_data(folder / "data", num_rows)
        for pair in range(num_pairs):
            for workers in (1, WORKERS) if pair % 2 == 0 else (WORKERS, 1):
                spent[workers].append(measured(folder / "data", folder / f"{pair}-{workers}", workers, num_trials))
        lost, rate = cheap(folder / "cheap", num_cheap)
    ratio = float(np.median([a["wall_s"] / b["wall_s"] for a, b in zip(spent[1], spent[WORKERS], strict=True)]))
    conclude(
        f"{WORKERS} workers tune {MIN_RATIO} times as fast as one, and {CHEAP_WORKERS} lose no trial",
        {"times as fast": round(ratio, 2), "trials lost of cheap ones": lost, "cheap trials/s": round(rate, 1)},
        {"times as fast": f"≥ {MIN_RATIO}", "trials lost of cheap ones": 0},
        ratio >= MIN_RATIO and lost == 0,
    )


def write_data(folder: Path, num_rows: int) -> None:
    """Write a table whose class follows from products and a sine of its columns."""
    from estafet.training.testing import write_table

    random = np.random.default_rng(0)

    def rows(count: int) -> dict[str, np.ndarray]:
        numeric_NF = random.normal(0, 1, (count, NUM_FEATURES)).astype(np.float32)
        label_N = np.sin(2 * numeric_NF[:, 0]) + numeric_NF[:, 1] * numeric_NF[:, 2] > 0
        return {"numeric": numeric_NF, "label": label_N.astype(np.int64)}

    splits = {"train": rows(num_rows), "validation": rows(NUM_VALIDATION), "test": rows(10)}
    write_table(folder, Task.TABULAR_CLASSIFICATION, splits)


def measured(data: Path, folder: Path, workers: int, num_trials: int) -> dict[str, Any]:
    """Run one side in a process of its own; return and print its wall time, all that it did included."""
    load, before, begun = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    command = [sys.executable, __file__, SIDE, str(data), str(folder), str(workers), str(num_trials)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    wall_s, after = time.time() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    told = json.loads(done.stdout.splitlines()[-1])
    if told["num_complete"] != num_trials:
        sys.exit(f"{told['num_complete']} of {num_trials} trials are complete")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = {"wall_s": wall_s, "cpu_s": cpu_s, "start_s": told["first_trial"] - begun}
    print(
        f"{workers} worker{'s' * (workers > 1)}: {wall_s:6.1f} s, of which {found['start_s']:4.1f} s until the first "
        f"trial; {cpu_s:6.1f} CPU-s; load before {load:.1f}",
        flush=True,
    )
    return found


def side(data: str, folder: str, workers: str, num_trials: str) -> None:
    """Tune, and print when the first trial began and how many are complete."""
    points = int(num_trials) // len(DROPOUTS)
    settings = {
        "task": "tabular_classification",
        "model": {"hyperparameters": {"units": 64, "layers": 2}},
        "search": "grid",
        "space": {"learning_rate": {"choices": RATES[:points]}, "dropout": {"choices": DROPOUTS}},
        "trials": int(num_trials),
        "epochs": 6,
        "batch_size": 64,
        "subsample": 1.0,
        "pruner": "none",
        "workers": int(workers),
    }
    trials = Trials(TuneSettings.model_validate(settings), data)
    search = trials.search(folder, 1.0)
    run(search, trials.job(folder, 1.0), Path(folder), workers=int(workers))
    found = results(search.study, search.judge)
    first = min(trial.datetime_start for trial in search.study.get_trials(deepcopy=False) if trial.datetime_start)
    num_complete = sum(trial.state == "complete" for trial in found)
    print(json.dumps({"first_trial": first.timestamp(), "num_complete": num_complete}))


def cheap(folder: Path, num_trials: int) -> tuple[int, float]:
    """Run cheap trials with many workers; return how many were lost, run twice or too many, and how many a second."""
    folder.mkdir()
    job = testing.job(folder, trials=num_trials, sleep_s=0.01)
    search, begun = job.search(), time.monotonic()
    run(search, job, folder, workers=CHEAP_WORKERS)
    wall_s = time.monotonic() - begun
    ended = Counter(trial.hyperparameters["x"] for trial in results(search.study, search.judge))
    begun_to_train = Counter(float(line.split()[1]) for line in (folder / "diary").read_text().splitlines())
    lost = abs(num_trials - ended.total()) + (begun_to_train - ended).total() + (ended - begun_to_train).total()
    print(f"{CHEAP_WORKERS} workers: {ended.total()} of {num_trials} cheap trials in {wall_s:.1f} s, {lost} lost")
    return lost, num_trials / wall_s


if __name__ == "__main__":
    if sys.argv[1:2] == [SIDE]:
        side(*sys.argv[2:])
    else:
        main()
