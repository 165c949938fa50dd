"""What tuning found: its trials, the proof that the slice chose rightly, and what it all cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from estafet.files import write_json
from estafet.runfile.model import Hyperparameter

STUDY_FILE = "study.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TrialResult(_Part):
    """One configuration that was tried."""

    number: int
    """From 0, in the order in which they began."""
    state: Literal["complete", "pruned", "failed"]
    """pruned: ended early, being hopeless."""
    hyperparameters: dict[str, Hyperparameter]
    value: float | None
    """What is optimised, or the weighted sum, at the trial's best epoch; the mean over the folds where there are some;
    for a pruned trial, up to where it was ended; None for a failed one. For a Pareto front: the first objective."""
    metrics: dict[str, float] = {}
    """Validation metrics at the best epoch, and the costs that are optimised or bounded."""
    violations: dict[str, float] = {}
    """For each constraint that the trial breaks, by how much."""
    curve: list[float] = []
    """What was optimised after each epoch, as pruning saw it."""
    epochs: int
    seconds: float
    cpu_seconds: float = 0.0
    started: float | None = None
    """When it began, in seconds since the epoch, where that is known."""
    reason: str | None = None
    """Why it failed."""


class Interval(_Part):
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float


class Reranked(_Part):
    """A trial that was trained again on more data."""

    number: int
    """The trial's."""
    place: Literal["best", "middle"]
    """Whether it was among the best on the slice, or drawn from the rest."""
    on_slice: float
    """What is optimised, on the slice."""
    curve: list[float]
    """The same after each epoch on more data, as far as it was trained."""
    value: float
    """The same at its best epoch on more data."""
    epochs: int
    seconds: float
    cpu_seconds: float


class ProofResult(_Part):
    """Whether the slice ranks configurations as more data would."""

    share: float
    """Share of the training split that the trials were trained on again."""
    num_examples: int
    epochs_compared: int
    """Number of epochs after which all of them are compared."""
    reranked: list[Reranked]
    """The best on more data first."""
    rho: Interval | None
    """Spearman's rank correlation of slice and more data; None where too few could be compared."""
    tau: Interval | None
    """Kendall's."""
    slices_own: int
    """The trial that the slice alone would have chosen."""
    winner: int
    """The trial that won on more data."""
    regret: float
    """How much worse the slice's own choice is than the winner on more data, as a share of the winner's value."""
    enough: bool | None
    """Whether the share was large enough: rho's interval lies above 0.5; None where it cannot be told."""
    verdict: str
    """That in a sentence."""
    failed: dict[int, str] = {}
    """The trials that failed on more data, and why."""
    seconds: float
    cpu_seconds: float


class Cost(_Part):
    """What the tuning took, and what it would have taken on all data."""

    seconds: float
    """Wall time, from the first trial to the end of the proof."""
    cpu_seconds: float
    trials_seconds: float
    """Sum over the trials."""
    proof_seconds: float
    full_seconds: float
    """Estimate for the same trials, each with all of its epochs on the whole training split, one after another."""
    times_cheaper: float
    """full_seconds over the seconds of trials and proof together."""
    is_measured: bool = False
    """Whether a proof on the whole training split told how much longer an epoch of it takes; else full_seconds is
    told by the numbers of examples alone, which is too much where trials are short."""


class Study(_Part):
    """A finished search."""

    objective: str
    """What was optimised: a metric's name, a weighted sum or several names, in words."""
    metric: str
    """The metric whose value after each epoch decided about pruning and the best epoch."""
    maximised: bool = False
    """Whether more of what was optimised is better; of a front, what counts is said in `objectives`."""
    search: str
    """How configurations were chosen: grid, random, staged, tpe or gp."""
    pruner: str
    share: float
    """Share of the training split that trials learned from."""
    by: str
    """How the slice was taken: newest, stratified or random."""
    num_examples: int
    """Number of examples that each trial learned from, in the first fold where there are some."""
    num_folds: int = 1
    """Number of times that each trial was trained and judged."""
    workers: int = 1
    dataset_version: str
    space: dict[str, dict[str, object]]
    """For each hyperparameter that was searched: low, high, scale, integer; or choices."""
    trials: list[TrialResult]
    best: TrialResult
    """The winner: the proof's where there is one, else the slice's own."""
    why: str
    """How the winner was chosen, in a sentence."""
    objectives: dict[str, Literal["minimise", "maximise"]] = {}
    """For several objectives side by side: their metrics, the first of which is `TrialResult.value`."""
    led_by: str | None = None
    """For several objectives: the one that puts trials in order, as in the proof; the first where it is not said."""
    front: list[int] = []
    """For several objectives: the trials of the Pareto front."""
    notes: list[str] = []
    """What the reader should know: a best value on a border, a narrowed region, a share that grew."""
    proof: ProofResult | None = None
    cost: Cost
    ended_by: Literal["trials", "hours", "space"] = "trials"
    """Why no more trials began; `space`: the grid was done."""

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """The best hyperparameters."""
        return self.best.hyperparameters

    @property
    def hyperparameters_json(self) -> str:
        """The best hyperparameters as a JSON object, in one line, sorted by name."""
        return json.dumps(self.hyperparameters, sort_keys=True)

    def save(self, folder: str | Path) -> None:
        """Write the JSON file into `folder`."""
        write_json(Path(folder) / STUDY_FILE, self.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: str | Path) -> Study:
        """Read what `save` wrote."""
        return cls.model_validate_json((Path(folder) / STUDY_FILE).read_text(encoding="utf-8"))
