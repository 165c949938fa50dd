"""A comparison of batch sizes: when each reached the same metric, and all of it as rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from components.train.batch_sizes.measured import Measured
from estafet.errors import ConfigError
from estafet.files import replacing
from estafet.reports import shown
from estafet.runfile.tasks import HIGHER_IS_BETTER

WAITED = 1.5
"""A training on the CPU whose epochs take so many times their CPU seconds waits for something."""


@dataclass(frozen=True)
class Target:
    """What each training should reach.

    Attributes:
        metric: A metric of the validation split.
        value: Its value; None for the worst of the trainings' best values, so that all that ended have reached it.
    """

    metric: str
    value: float | None = None


def parse_target(text: str | None, judged_by: str) -> Target:
    """Return the target that was typed: `0.31`, `accuracy=0.95`, or nothing.

    Args:
        text: What was typed.
        judged_by: The metric that a number alone is a value of.

    Raises:
        ConfigError: It is neither.
    """
    if text is None:
        return Target(judged_by)
    metric, _, number = text.rpartition("=")
    try:
        return Target(metric.strip() or judged_by, float(number))
    except ValueError as error:
        raise ConfigError(
            f"--target is '{text}', which is no number.",
            hint=f"give a value of {judged_by}, such as --target 0.3, or of another metric: --target accuracy=0.95.",
        ) from error


class Comparison:
    """What the trainings cost and reached.

    Attributes:
        measured: The trainings, in the order in which they are shown.
        metric: The metric of the validation split that they are compared by.
        target: The value that each should reach; None where no training came to its end.
        is_given: Whether somebody chose that value.
    """

    def __init__(self, measured: Sequence[Measured], target: Target):
        """Compare.

        Raises:
            ConfigError: The trainings know no such metric.
        """
        self.measured, self.metric, self.is_given = list(measured), target.metric, target.value is not None
        self.whole = [one for one in measured if one.is_whole]
        self._check_metric()
        self.target = target.value
        if self.target is None and self.whole:
            worst = min if HIGHER_IS_BETTER.get(self.metric) else max
            self.target = worst(one.best(self.metric) for one in self.whole)

    def _check_metric(self) -> None:
        if self.whole and f"val_{self.metric}" not in self.whole[0].history[0]:
            known = sorted(k.removeprefix("val_") for k in self.whole[0].history[0] if k.startswith("val_"))
            raise ConfigError(
                f"no metric of the validation split is called '{self.metric}'.",
                hint=f"there are {', '.join(known)}: --target {known[0]}=VALUE.",
            )

    @property
    def words(self) -> str:
        """The metric, in words."""
        return self.metric.replace("_", " ")

    @property
    def about_target(self) -> str:
        """Say what the times are times to."""
        if self.target is None:
            return "no training came to its end"
        chosen = "as asked" if self.is_given else "the worst of the best values, so that each has reached it"
        return f"validation {self.words} {shown(self.target)} ({chosen})"

    def seconds_to_target(self, one: Measured) -> float | None:
        """Return how long a training took to the target, in whole epochs; None where it did not reach it."""
        return self._at_target(one, by_cpu=False)

    def cpu_seconds_to_target(self, one: Measured) -> float | None:
        """Return how many CPU seconds it took, likewise."""
        return self._at_target(one, by_cpu=True)

    def cost_to_target(self, one: Measured) -> float | None:
        """Return how long it took by the clock that counts."""
        return self._at_target(one, by_cpu=self.goes_by_cpu)

    @property
    def goes_by_cpu(self) -> bool:
        """Whether CPU seconds count first, since the machine was busy with something else."""
        return self.worst_waiting is not None

    @property
    def clock(self) -> str:
        """What the clock that counts shows: `s` or `CPU s`."""
        return "CPU s" if self.goes_by_cpu else "s"

    def _at_target(self, one: Measured, *, by_cpu: bool) -> float | None:
        if not one.is_whole or self.target is None:
            return None
        epochs = one.epochs_to(self.metric, self.target)
        return None if epochs is None else self.clock_s(one, by_cpu=by_cpu)[epochs - 1]

    def clock_s(self, one: Measured, *, by_cpu: bool) -> list[float]:
        """Return the seconds, or CPU seconds, at the end of each epoch.

        What `auto` measures before its first epoch counts: all that is more than the others' median.
        """
        spent_s, before_s = (one.cpu_clock_s, "before_cpu_s") if by_cpu else (one.clock_s, "before_s")
        others = [getattr(other, before_s) for other in self.whole if other.kind != "auto"]
        is_measuring = one.kind == "auto" and others
        choosing_s = max(0.0, getattr(one, before_s) - median(others)) if is_measuring else 0.0
        return [choosing_s + second for second in spent_s]

    @property
    def worst_waiting(self) -> Measured | None:
        """The training on the CPU that waited longest for it; None where none waited.

        Where one did, something else was running, and CPU seconds tell more than seconds.
        """
        waited = [one for one in self.whole if one.devices == "cpu" and one.epoch_s > WAITED * one.epoch_cpu_s]
        return max(waited, key=lambda one: one.epoch_s / max(one.epoch_cpu_s, 1e-9), default=None)

    def rows(self) -> list[dict[str, object]]:
        """Return a row for each training; what a failed one does not know is None."""
        return [{**self._about(one), **self._found(one), "note": one.reason or _note(one)} for one in self.measured]

    def _about(self, one: Measured) -> dict[str, object]:
        return {"batch": one.name, "kind": one.kind, "learning_rate": one.learning_rate, "metric": self.metric}

    def _found(self, one: Measured) -> dict[str, object]:
        whole, known = one.is_whole, self.target is not None
        return {
            "epochs": len(one.history) if whole else None,
            "epoch_s": _rounded(one.epoch_s) if whole else None,
            "epoch_cpu_s": _rounded(one.epoch_cpu_s) if whole else None,
            "examples_per_s": _rounded(one.examples_per_s) if whole else None,
            "best": _rounded(one.best(self.metric)) if whole else None,
            "final": _rounded(one.final(self.metric)) if whole else None,
            "target": _rounded(self.target),
            "epochs_to_target": one.epochs_to(self.metric, self.target) if whole and known else None,
            "seconds_to_target": _rounded(self.seconds_to_target(one)),
            "cpu_seconds_to_target": _rounded(self.cpu_seconds_to_target(one)),
            "total_s": _rounded(one.clock_s[-1]) if whole else None,
            "before_s": _rounded(one.before_s) if whole else None,
            "peak_mb": round(one.peak_mb) or None,
            "devices": one.devices or None,
        }

    def save(self, path: str | Path) -> None:
        """Write the rows as CSV."""
        rows = self.rows()
        with replacing(path) as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _note(one: Measured) -> str:
    """Return what was decided about memory or the batch, which a reader of the row should know."""
    return " ".join(why for about, why in one.decisions.items() if about in ("memory", "batch"))


def _rounded(value: float | None) -> float | None:
    """Return a number with six significant digits."""
    return None if value is None else float(f"{value:.6g}")
