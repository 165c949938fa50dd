"""All workers of a training on this machine: a supervisor for each, in one process, which leaves none behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from estafet.errors import EstafetError, Preempted
from estafet.training.workers import cluster as clusters
from estafet.training.workers.relay import Line
from estafet.training.workers.supervisor import Patience, Supervisor


def run(
    command: Sequence[str],
    num_workers: int,
    environment: Mapping[str, str],
    logs: Path,
    *,
    on_line: Callable[[Line], None] = lambda line: None,
    say: Callable[[str], None] = lambda words: None,
    patience: Patience = Patience(),
    stop: threading.Event | None = None,
) -> None:
    """Train with several processes on this machine, each under a supervisor in a thread of this one.

    When this process ends, however it ends, the system ends the others.

    Args:
        command: What each worker runs; it calls `child.run`.
        num_workers: Number of workers, at least 1.
        environment: Environment of each, without TF_CONFIG.
        logs: Folder for `worker-N.log`, the output of each.
        on_line: Given what the chief relays, in the chief's thread.
        say: Told, in a few words, when a process was lost.
        patience: How long to wait, and how often to begin anew.
        stop: When it is set, all are asked to save and end.

    Raises:
        Preempted: `stop` was set; the same call goes on later.
        EstafetError: What ended the training for good.
    """
    stop = stop or threading.Event()
    logs.mkdir(parents=True, exist_ok=True)
    endings: dict[int, BaseException] = {}

    def supervise(supervisor: Supervisor) -> None:
        try:
            supervisor.run()
        except BaseException as error:
            endings[supervisor.cluster.index] = error
            if not isinstance(error, EstafetError):  # a mistake of ours, of which the others hear nothing
                stop.set()

    supervisors = [
        Supervisor(
            cluster,
            command,
            environment,
            on_line=on_line if cluster.is_chief else lambda line: None,
            log=logs / f"worker-{cluster.index}.log",
            patience=patience,
            stop=stop,
            say=say if cluster.is_chief else lambda words: None,
        )
        for cluster in clusters.on_this_machine(num_workers)
    ]
    threads = [threading.Thread(target=supervise, args=(supervisor,), daemon=True) for supervisor in supervisors]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():  # in slices, so that a signal's handler can run
            thread.join(0.2)
    if endings:
        raise _worst(endings)


def _worst(endings: Mapping[int, BaseException]) -> BaseException:
    """Return what ended the training: a mistake of ours first, an error before a request to end, the chief's first."""

    def rank(index: int) -> tuple[bool, bool, int]:
        error = endings[index]
        return isinstance(error, EstafetError), isinstance(error, Preempted), index

    return endings[min(endings, key=rank)]
