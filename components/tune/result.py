"""What tuning found: its trials, the best of them, and a picture of the search."""

from __future__ import annotations

import io
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from estafet.files import replacing, write_json
from estafet.reports import Page, shown
from estafet.runfile.model import Hyperparameter

STUDY_FILE = "study.json"
HISTORY_FILE = "history.png"
PAGE_FILE = "report.html"
LOGARITHMIC_FROM_RATIO = 5
MAX_NAMED_VALUES = 5
MAX_TICKS = 4
BEST_COLOUR, COMPLETE_COLOUR, PRUNED_COLOUR = "#e4572e", "#4c78a8", "#c3c8cf"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TrialResult(_Part):
    """One configuration that was tried."""

    number: int
    """From 0, in the order in which they began."""
    state: str
    """complete, pruned (ended early, being hopeless) or failed."""
    hyperparameters: dict[str, Hyperparameter]
    value: float | None
    """The objective of its best epoch, the mean over the folds where there are some; for a pruned trial, up to where it
    was ended, in the first fold; None for a failed one."""
    epochs: int
    seconds: float
    reason: str | None = None
    """Why it failed."""


class Study(_Part):
    """A finished search."""

    objective: str
    """What was minimised, on the validation split."""
    sampler: str
    pruner: str
    subsample: float
    num_examples: int
    """Number of examples that each trial learned from, in the first fold where there are some."""
    num_folds: int = 1
    """Number of times that each trial was trained and judged."""
    dataset_version: str
    seconds: float
    """Sum over the trials."""
    trials: list[TrialResult]
    best: TrialResult

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """The best hyperparameters."""
        return self.best.hyperparameters

    @property
    def hyperparameters_json(self) -> str:
        """The best hyperparameters as a JSON object, in one line, sorted by name."""
        return json.dumps(self.hyperparameters, sort_keys=True)

    def save(self, folder: str | Path) -> None:
        """Write the picture, the page and then the JSON file into `folder`."""
        plot(self, Path(folder) / HISTORY_FILE)
        page(self, Path(folder) / HISTORY_FILE).save(Path(folder) / PAGE_FILE)
        write_json(Path(folder) / STUDY_FILE, self.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: str | Path) -> Study:
        """Read what `save` wrote."""
        return cls.model_validate_json((Path(folder) / STUDY_FILE).read_text(encoding="utf-8"))


def page(study: Study, picture: str | Path) -> Page:
    """Return the page about a search: its best trial, the picture, and every trial, the best first."""
    objective = study.objective.replace("_", " ")
    subtitle = f"{study.num_examples:,} examples ({study.subsample:.0%} of the training split) for each trial"
    subtitle += f", {study.num_folds} folds" if study.num_folds > 1 else ""
    page = Page("Tuning", subtitle).verdict(f"best validation {objective} {shown(study.best.value)}", "good")
    states = [trial.state for trial in study.trials]
    counts = {state: states.count(state) for state in ("complete", "pruned", "failed") if state in states}
    page.facts({"trials": len(states), **counts, "sampler": study.sampler, "pruner": study.pruner,
                "all trials took": f"{study.seconds:.0f} s"})  # fmt: skip
    page.heading("Best hyperparameters").facts(study.best.hyperparameters)
    page.heading("The search").figure(picture, f"Validation {objective} of each trial; the best one stands out.")
    rows = [_row(trial, study.objective) for trial in sorted(study.trials, key=_rank)]
    page.heading("Trials").table(rows, list(dict.fromkeys(name for row in rows for name in row)))
    return page


def _rank(trial: TrialResult) -> tuple[int, float]:
    """Sort complete trials before pruned ones, whose value is that of fewer epochs, and failed ones last."""
    order = ("complete", "pruned", "failed").index(trial.state)
    return order, float("inf") if trial.value is None else trial.value


def _row(trial: TrialResult, objective: str) -> dict[str, object]:
    about = {"trial": trial.number, "state": trial.state, objective.replace("_", " "): trial.value}
    cost = {"epochs": trial.epochs, "seconds": round(trial.seconds, 1)}
    return {**about, **trial.hyperparameters, **cost, **({"why": trial.reason} if trial.reason else {})}


def plot(study: Study, path: str | Path) -> None:
    """Write a PNG file: the objective of each trial and the best so far, and a panel for each hyperparameter."""
    from matplotlib.figure import Figure

    names = sorted({name for trial in study.trials for name in trial.hyperparameters})
    num_columns = 2 if len(names) in (1, 2, 4) else 3
    num_rows = 1 + -(-len(names) // num_columns)
    figure = Figure(figsize=(11, 2.8 * num_rows), dpi=120, layout="constrained")
    grid = figure.add_gridspec(num_rows, num_columns)
    _history(figure.add_subplot(grid[0, :]), study)
    for index, name in enumerate(names):
        panel = figure.add_subplot(grid[1 + index // num_columns, index % num_columns])
        _values(panel, study, name)
        if index % num_columns == 0:
            panel.set_ylabel(study.objective.replace("_", " "))
    title = f"{len(study.trials)} trials · best {study.objective.replace('_', ' ')} {study.best.value:.4g}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    with replacing(path, "wb") as file:
        file.write(drawn.getvalue())


def _history(panel, study: Study) -> None:
    best_so_far, best = [], float("inf")
    for trial in study.trials:
        best = min(best, trial.value) if trial.state == "complete" else best
        best_so_far.append(best if best < float("inf") else None)
    numbers = [trial.number for trial in study.trials]
    panel.step(numbers, best_so_far, where="post", color=BEST_COLOUR, linewidth=2, label="best so far")
    for state, colour in (("complete", COMPLETE_COLOUR), ("pruned", PRUNED_COLOUR)):
        shown = [trial for trial in study.trials if trial.state == state]
        panel.scatter([t.number for t in shown], [t.value for t in shown], color=colour, label=state, zorder=3)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.set_xlabel("trial")
    panel.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    _logarithmic_if_wide(panel, "y", [trial.value for trial in study.trials if trial.value is not None])
    _tidy(panel, f"Validation {study.objective.replace('_', ' ')}, less is better")


def _values(panel, study: Study, name: str) -> None:
    shown = [trial for trial in study.trials if trial.state == "complete" and name in trial.hyperparameters]
    values = [trial.hyperparameters[name] for trial in shown]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    positions = values if numeric else [str(value) for value in values]
    colours = [BEST_COLOUR if trial.number == study.best.number else COMPLETE_COLOUR for trial in shown]
    panel.scatter(positions, [trial.value for trial in shown], color=colours)
    named = sorted(set(values)) if numeric else []
    if numeric:
        _logarithmic_if_wide(panel, "x", values)
    if all(isinstance(value, int) for value in named) and 0 < len(named) <= MAX_NAMED_VALUES:
        panel.set_xticks(named, [str(value) for value in named])
        panel.minorticks_off()
    elif numeric and panel.get_xscale() == "linear":
        panel.locator_params(axis="x", nbins=MAX_TICKS)
    _logarithmic_if_wide(panel, "y", [trial.value for trial in shown])
    _tidy(panel, name.replace("_", " "))


def _logarithmic_if_wide(panel, which: str, values: list[float]) -> None:
    if values and min(values) > 0 and max(values) > LOGARITHMIC_FROM_RATIO * min(values):
        panel.set(**{f"{which}scale": "log"})
        getattr(panel, f"{which}axis").set_minor_formatter("")


def _tidy(panel, title: str) -> None:
    panel.set_title(title, loc="left", fontsize=11)
    panel.grid(axis="y", color="#e6e8eb")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
