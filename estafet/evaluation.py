"""What `evaluate` found out about a candidate: metrics, baselines, gates, and the comparison with the champion."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from estafet.errors import DataError
from estafet.files import read_json, write_json
from estafet.runfile.tasks import HIGHER_IS_BETTER, Task

EVALUATION_FILE = "evaluation.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GateResult(_Part):
    """One metric between its bounds."""

    metric: str
    value: float | None
    """None where the metric cannot be computed on these examples."""
    min: float | None = None
    max: float | None = None
    passed: bool

    def __str__(self) -> str:
        value = "not computable" if self.value is None else f"{self.value:.4g}"
        if self.passed:
            return f"{self.metric} {value}"
        below = self.value is not None and self.min is not None and self.value < self.min
        bound = f"< {self.min:.4g}" if below else f"> {self.max:.4g}" if self.max is not None else f"< {self.min:.4g}"
        return f"{self.metric} {value} {bound}" if self.value is not None else f"{self.metric} {value}"


class ChampionComparison(_Part):
    """The candidate beside the served model, on the same examples."""

    status: Literal["compared", "skipped"]
    folder: str
    """The served version that it was compared with."""
    reason: str = ""
    """For a skipped comparison: why."""
    metric: str = ""
    candidate: float | None = None
    champion: float | None = None
    improvement: float | None = None
    """How much better the candidate is, in the metric's unit; negative where it is worse."""
    low: float | None = None
    """Lower end of the 95 % interval of the improvement."""
    high: float | None = None
    """Upper end of the 95 % interval of the improvement."""
    max_regression: float = 0.0
    champion_metrics: dict[str, float] = {}
    passed: bool

    @property
    def verdict(self) -> str:
        """What the comparison comes down to, in a few words."""
        if self.status == "skipped":
            return f"not compared: {self.reason}"
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return "not enough data to tell them apart"
        return "better than the champion" if self.low > 0 else "worse than the champion"


class Companion(_Part):
    """One of several models that were trained for one release, on the same examples."""

    name: str
    """Its folder in the model's `company/`, or `released`."""
    role: str
    """member, ensemble, teacher, twin (of the student, but taught by no one) or student."""
    about: str
    """What it is, in a few words."""
    metrics: dict[str, float]
    num_parameters: int
    size_bytes: int
    """Size of its `.keras` file, which has no optimiser."""
    latency_ms: float
    """Median time for one example, in milliseconds."""
    examples_per_s: float
    """Examples per second in batches of 64, from the median time of a batch."""


class Evaluation(_Part):
    """What `evaluate` found out about a candidate."""

    task: Task
    split: str
    """The split that was scored."""
    num_examples: int
    headline: str
    """The metric that heads the report."""
    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]] = {}
    """Metrics of simple models on the same examples, by the model's name."""
    gates: tuple[GateResult, ...] = ()
    champion: ChampionComparison | None = None
    company: tuple[Companion, ...] = ()
    """The model and those that it was made of or learned from, where there are any; it comes last."""
    bought: str = ""
    """What that bought, in a sentence."""
    classes: tuple[str, ...] | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    """For at most 100 classes: number of examples by true class (row) and predicted class (column)."""
    model_version: str = ""
    dataset_version: str = ""

    @property
    def passed(self) -> bool:
        """Whether every gate passed, and the candidate is not worse than the champion."""
        return all(gate.passed for gate in self.gates) and (self.champion is None or self.champion.passed)

    @property
    def headline_value(self) -> float:
        """The value of the metric that heads the report."""
        return self.metrics[self.headline]

    def best_baseline(self) -> tuple[str, float] | None:
        """Return the name and the headline value of the best simple model, or None where there is none."""
        known = [(name, found[self.headline]) for name, found in self.baselines.items() if self.headline in found]
        pick = max if HIGHER_IS_BETTER[self.headline] else min
        return pick(known, key=lambda pair: pair[1]) if known else None

    def save(self, folder: str | Path) -> None:
        """Write the evaluation into its folder."""
        values = self.model_dump(mode="json")
        write_json(Path(folder) / EVALUATION_FILE, {**values, "passed": self.passed})

    @classmethod
    def load(cls, folder: str | Path) -> Evaluation:
        """Read the evaluation in a folder.

        Raises:
            DataError: There is none.
        """
        path = Path(folder) / EVALUATION_FILE
        if not path.is_file():
            raise DataError(
                f"'{folder}' holds no evaluation: it has no {EVALUATION_FILE}.", hint="run `estafet run` again."
            )
        values = read_json(path)
        values.pop("passed", None)
        return cls.model_validate(values)
