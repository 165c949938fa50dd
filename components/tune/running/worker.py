"""One worker's process: `python -m components.tune.running.worker JOB.json INDEX`, which the pool starts."""

from __future__ import annotations

import sys
from pathlib import Path

from components.tune.running.interruption import listening
from components.tune.running.job import Job
from components.tune.running.loop import run_trials
from estafet.training.workers import child
from estafet.training.workers.relay import Relay

READY, ENDED = "ready", "ended"


def main(relay: Relay) -> None:
    """Run trials of the job's study until the budget ends, and say why it did."""
    with listening() as interruption:
        with interruption.open():
            search = Job.load(Path(sys.argv[1])).search(int(sys.argv[2]))
            search.begin()
        relay.tell(READY)
        relay.tell(ENDED, by=run_trials(search, interruption))


if __name__ == "__main__":
    child.run(main)
