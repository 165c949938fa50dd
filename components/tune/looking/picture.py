"""Draws a search as one static picture, for a quick look in MLflow: the history and each hyperparameter."""

from __future__ import annotations

import io
from pathlib import Path

from components.tune.looking.charts import BROKEN_COLOUR, QUIET_COLOUR, TRIAL_COLOUR, WINNER_COLOUR, scale_of
from components.tune.looking.figures import complete, value_words
from components.tune.looking.rebuilt import direction
from components.tune.looking.words import broken, metric
from components.tune.result import Study, TrialResult
from estafet.files import replacing
from estafet.reports import shown

HISTORY_FILE = "history.png"
MAX_NAMED_VALUES = 5
MAX_TICKS = 4
MAX_PANELS = 12


def save(study: Study, folder: str | Path) -> Path:
    """Write the picture into a study's folder, and return its path."""
    from matplotlib.figure import Figure

    names = sorted({name for trial in study.trials for name in trial.hyperparameters})[:MAX_PANELS]
    num_columns = 2 if len(names) in (1, 2, 4) else 3
    num_rows = 1 + -(-len(names) // num_columns)
    figure = Figure(figsize=(11, 2.8 * num_rows), dpi=120, layout="constrained")
    grid = figure.add_gridspec(num_rows, num_columns)
    _history(figure.add_subplot(grid[0, :]), study)
    for index, name in enumerate(names):
        panel = figure.add_subplot(grid[1 + index // num_columns, index % num_columns])
        _values(panel, study, name)
        if index % num_columns == 0:
            panel.set_ylabel(_literal(value_words(study).removeprefix("validation ")))
    title = f"{len(study.trials)} trials · trial {study.best.number} wins, with {shown(study.best.value)} on the slice"
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    path = Path(folder) / HISTORY_FILE
    with replacing(path, "wb") as file:
        file.write(drawn.getvalue())
    return path


def _history(panel, study: Study) -> None:
    is_maximised = direction(study) == "maximize"
    best_so_far, best = [], None
    trials = sorted(study.trials, key=lambda trial: trial.number)
    for trial in trials:
        if trial.value is not None and _kind(trial) == "complete":
            best = trial.value if best is None else (max if is_maximised else min)(best, trial.value)
        best_so_far.append(float("nan") if best is None else best)
    panel.step(
        [t.number for t in trials], best_so_far, where="post", color=WINNER_COLOUR, linewidth=2, label="best so far"
    )
    kinds = {"complete": TRIAL_COLOUR, "breaks a constraint": BROKEN_COLOUR, "pruned": QUIET_COLOUR}
    for kind, colour in kinds.items():
        ended = [trial for trial in trials if trial.value is not None and _kind(trial) == kind]
        if ended:
            panel.scatter([t.number for t in ended], [t.value for t in ended], color=colour, label=kind, zorder=3)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.set_xlabel("trial")
    panel.legend(frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    _logarithmic_if_wide(panel, "y", [trial.value for trial in trials if trial.value is not None])
    _tidy(panel, f"{value_words(study).capitalize()}, {'more' if is_maximised else 'less'} is better")


def _kind(trial: TrialResult) -> str:
    return "breaks a constraint" if trial.state == "complete" and broken(trial) else trial.state


def _values(panel, study: Study, name: str) -> None:
    ended = [trial for trial in complete(study) if name in trial.hyperparameters]
    values = [trial.hyperparameters[name] for trial in ended]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    positions = values if numeric else [_literal(str(value)) for value in values]
    colours = [WINNER_COLOUR if trial.number == study.best.number else TRIAL_COLOUR for trial in ended]
    panel.scatter(positions, [trial.value for trial in ended], color=colours)
    named = sorted(set(values)) if numeric else []
    if numeric:
        _logarithmic_if_wide(panel, "x", values)
    if all(isinstance(value, int) for value in named) and 0 < len(named) <= MAX_NAMED_VALUES:
        panel.set_xticks(named, [str(value) for value in named])
        panel.minorticks_off()
    elif numeric and panel.get_xscale() == "linear":
        panel.locator_params(axis="x", nbins=MAX_TICKS)
    _logarithmic_if_wide(panel, "y", [trial.value for trial in ended])
    _tidy(panel, metric(name))


def _logarithmic_if_wide(panel, which: str, values: list[float]) -> None:
    if scale_of(values) == "log":
        panel.set(**{f"{which}scale": "log"})
        getattr(panel, f"{which}axis").set_minor_formatter("")


def _tidy(panel, title: str) -> None:
    panel.set_title(_literal(title), loc="left", fontsize=11)
    panel.grid(axis="y", color="#e6e8eb")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _literal(text: str) -> str:
    """Return text in which dollars are dollars, and begin no formula."""
    return text.replace("$", r"\$")
