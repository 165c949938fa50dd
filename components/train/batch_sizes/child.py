"""One training of a comparison: `python -m components.train.batch_sizes.child JOB.json RESULT.json`.

It has a process of its own, so that its memory is its own, and that a size that does not fit ends no other.
"""

from __future__ import annotations

import re
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.train.batch_sizes.cpu_clock import CpuClock
from estafet import telemetry
from estafet.files import read_json, write_json
from estafet.telemetry import Progress

STATUS = Path("/proc/self/status")


def main(job_file: str, result_file: str) -> None:
    """Train as the job says, and write what it cost and reached."""
    job = read_json(job_file)
    with telemetry.step(job["key"]) as running:
        write_json(result_file, train(job, running.progress))


def train(job: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Train once, and return the fields of `Measured`.

    Args:
        job: The candidate's `settings`, the `dataset` folder, and the `share` of the training split to learn from.
        progress: Told how far it is.
    """
    from components.train.planning import plan_for
    from estafet.records.manifest import Manifest
    from estafet.runfile.steps import TrainSettings
    from estafet.training import feeding, loop
    from estafet.training.models import ModelSpec

    settings, folder = TrainSettings.model_validate(job["settings"]), Path(job["dataset"])
    spec = ModelSpec.from_manifest(Manifest.load(folder))
    progress("reading the examples")
    examples = feeding.load(folder, "train", share=job["share"], augment=settings.augment)
    validation = feeding.load(folder, "validation")
    plan, chosen = plan_for(settings, spec, {}, examples.num_examples, folder)
    progress("building the model", 0, plan.epochs)
    with CpuClock() as clock:
        epochs = _Epochs(clock)
        outcome = loop.fit(
            spec, settings.model.build, chosen, examples, validation, plan, on_epoch=epochs, progress=progress
        )
    return {
        "history": outcome.history,
        "cpu_s": epochs.cpu_s,
        "before_s": epochs.before_s,
        "before_cpu_s": epochs.before_cpu_s,
        "num_examples": examples.num_examples,
        "peak_mb": peak_mb(),
        "devices": outcome.devices,
        "decisions": {name: found["why"] for name, found in outcome.decisions.items() if found["why"]},
    }


class _Epochs:
    """Hears of each epoch's end, and keeps what it and all before the first one cost.

    Attributes:
        cpu_s: CPU seconds of each epoch.
        before_s: Seconds from the beginning to the first epoch.
        before_cpu_s: CPU seconds until then.
    """

    def __init__(self, clock: CpuClock):
        self.cpu_s, self.before_s, self.before_cpu_s = [], 0.0, 0.0
        self._clock, self._begun_s, self._counted_s = clock, time.monotonic(), 0.0

    def __call__(self, epoch: int, values: Mapping[str, float]) -> None:
        if epoch == 0:
            first_began_s = time.monotonic() - values["seconds"]
            self.before_s = round(max(0.0, first_began_s - self._begun_s), 4)
            self._counted_s = self._clock.spent_s(first_began_s)
            self.before_cpu_s = round(self._counted_s, 4)
        spent_s = self._clock.spent_s()
        self.cpu_s.append(round(spent_s - self._counted_s, 4))
        self._counted_s = spent_s


def peak_mb() -> float:
    """Return the largest memory so far, in 10⁶ bytes: of the GPU that used most, or of the process without one.

    Linux knows the peak of a program since it was started (VmHWM); `getrusage` would count that of the process which
    started it.
    """
    import tensorflow as tf

    gpus = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices("GPU")]
    if gpus:
        return max(tf.config.experimental.get_memory_info(gpu)["peak"] for gpu in gpus) / 1e6
    if STATUS.is_file() and (found := re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)):
        return int(found[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
