"""The figures of a search, by Optuna: history, curves, importance, parallel coordinates, slices, the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape, unescape
from typing import TYPE_CHECKING

from optuna import visualization
from optuna.distributions import BaseDistribution, CategoricalDistribution

from components.tune.looking import rebuilt
from components.tune.looking.charts import (
    BROKEN_COLOUR,
    COLOUR_SCALE,
    QUIET_COLOUR,
    TRIAL_COLOUR,
    WINNER_COLOUR,
    Chart,
    NothingToDrawError,
    chart,
    log_ticks,
    number_axis,
    scale_of,
)
from components.tune.looking.words import broken, metric
from components.tune.result import Study, TrialResult
from estafet.runfile.model import Hyperparameter

if TYPE_CHECKING:
    import plotly.graph_objects as go

MIN_TRIALS_OF_IMPORTANCE = 4
AXIS_PIXELS, SLICE_PIXELS, BAR_PIXELS = 110, 185, 34
MAX_OBJECTIVES_SHOWN = 2
TOO_LITTLE_TO_SEE = 1e-9
MAX_LABEL, MAX_TICKS_OF_A_SLICE = 10, 4


def charts(study: Study) -> list[Chart]:
    """Return the figures of a search, each with what stands in its place where there is nothing to draw."""
    searched = max(len(rebuilt.distributions(study)), 1)
    words, better = value_words(study), "more" if rebuilt.direction(study) == "maximize" else "less"
    front = [
        chart(
            "The front",
            "No point of the front is beaten in both; the one chosen stands out.",
            _front,
            study,
        )
    ]
    return [
        *(front if study.objectives else []),
        chart(
            "History",
            f"{words.capitalize()} of each trial, {better} is better; the line is the best so far.",
            _history,
            study,
        ),
        chart(
            "Learning curves",
            f"Validation {metric(study.metric)} after each epoch; pruned trials are grey.",
            _curves,
            study,
        ),
        chart(
            "What matters",
            "Share of the differences between good trials and all that each hyperparameter accounts for (PED-ANOVA).",
            _importance,
            study,
            height=110 + BAR_PIXELS * searched,
        ),
        chart(
            "Which values go together",
            "Each line is a complete trial: the lighter, the better; the winner is thick.",
            _parallel,
            study,
            min_width=AXIS_PIXELS * (searched + 2),
        ),
        chart(
            "Each hyperparameter",
            f"{words.capitalize()} of the complete trials, by one hyperparameter at a time.",
            _slices,
            study,
            height=320 if searched > 1 else 360,
            min_width=SLICE_PIXELS * searched if searched > 1 else 0,
        ),
    ]


def value_words(study: Study) -> str:
    """Return what the trials' value is called."""
    return f"validation {metric(next(iter(study.objectives), study.objective))}"


def led_words(study: Study) -> str:
    """Return what the values are called that the proof compares."""
    return f"validation {metric(study.led_by)}" if study.led_by else value_words(study)


def complete(study: Study) -> list[TrialResult]:
    """Return the trials that came to their end with a value, by number."""
    found = [t for t in study.trials if t.state == "complete" and t.value is not None and math.isfinite(t.value)]
    return sorted(found, key=lambda trial: trial.number)


def _history(study: Study) -> go.Figure:
    import plotly.graph_objects as go

    ended = complete(study)
    if len(study.trials) < 2 or not ended:
        raise NothingToDrawError("There is no history of a single trial.")
    figure = visualization.plot_optimization_history(rebuilt.single(study), target_name=value_words(study))
    reached, best, broken = figure.data
    reached.update(name="complete", marker={"color": TRIAL_COLOUR, "size": 8})
    best.update(name="best so far", line={"color": WINNER_COLOUR, "width": 2, "shape": "hv"})
    broken.update(name="breaks a constraint", marker={"color": BROKEN_COLOUR, "symbol": "x", "size": 8})
    broken.showlegend = bool(broken.x)
    pruned = [trial for trial in study.trials if trial.state == "pruned" and trial.value is not None]
    figure.add_trace(_markers(go, pruned, "pruned", {"color": QUIET_COLOUR, "symbol": "circle-open", "size": 7}))
    winner = [trial for trial in ended if trial.number == study.best.number]
    figure.add_trace(_markers(go, winner, "winner", {"color": WINNER_COLOUR, "symbol": "star", "size": 15}))
    figure.update_yaxes(**number_axis([trial.value for trial in [*ended, *pruned]], value_words(study)))
    return figure.update_xaxes(title_text="trial", nticks=10)


def _markers(go, trials: Sequence[TrialResult], name: str, marker: dict[str, object]) -> go.Scatter:
    return go.Scatter(
        x=[trial.number for trial in trials],
        y=[trial.value for trial in trials],
        mode="markers",
        name=name,
        marker=marker,
        showlegend=bool(trials),
    )


def _curves(study: Study) -> go.Figure:
    shown = sorted((t for t in study.trials if t.curve and t.state != "failed"), key=lambda trial: trial.number)
    if not any(len(trial.curve) > 1 for trial in shown):
        raise NothingToDrawError("There is no curve of trials of a single epoch.")
    figure = visualization.plot_intermediate_values(rebuilt.single(study))
    for trace, trial in zip(figure.data, shown, strict=True):
        is_winner, is_pruned = trial.number == study.best.number, trial.state == "pruned"
        colour = WINNER_COLOUR if is_winner else QUIET_COLOUR if is_pruned else TRIAL_COLOUR
        trace.update(
            name=f"trial {trial.number}{' (winner)' if is_winner else f' ({trial.state})'}",
            line={"color": colour, "width": 3 if is_winner else 1.2},
            marker={"color": colour, "size": 4},
            opacity=1 if is_winner else 0.7,
            zorder=2 if is_winner else 0 if is_pruned else 1,
        )
    values = [value for trial in shown for value in trial.curve]
    figure.update_yaxes(**number_axis(values, f"validation {metric(study.metric)}"))
    return figure.update_xaxes(title_text="epoch", nticks=10)


def _importance(study: Study) -> go.Figure:
    if len(rebuilt.distributions(study)) < 2:
        raise NothingToDrawError("Of a single hyperparameter there is nothing to compare.")
    if len(complete(study)) < MIN_TRIALS_OF_IMPORTANCE:
        raise NothingToDrawError(
            f"It takes {MIN_TRIALS_OF_IMPORTANCE} complete trials to say which hyperparameters matter."
        )
    figure = visualization.plot_param_importances(rebuilt.single(study))
    [bars] = figure.data
    if not any(bars.x):
        raise NothingToDrawError("No hyperparameter made a difference that can be told from chance.")
    bars.update(marker={"color": TRIAL_COLOUR}, hovertemplate="%{y}: %{x:.3f}<extra></extra>")
    figure.update_xaxes(title_text="share", range=[0, 1.15 * max(bars.x)])
    return figure.update_yaxes(title_text="")


def _parallel(study: Study) -> go.Figure:
    from plotly.colors import sample_colorscale

    ended = complete(study)
    if len(ended) < 2 or not rebuilt.distributions(study):
        raise NothingToDrawError("It takes two complete trials and a hyperparameter to compare.")
    # Optuna sorts its lines by hyperparameter. Values that all differ, by too little to be seen, say whose each is.
    low_first = sorted(ended, key=lambda trial: (trial.value, trial.number))
    span = low_first[-1].value - low_first[0].value
    nudge = TOO_LITTLE_TO_SEE * (span or abs(low_first[0].value) or 1.0)
    values = {trial.number: trial.value + nudge * place for place, trial in enumerate(low_first)}
    figure = visualization.plot_parallel_coordinate(
        rebuilt.single(study), target=lambda trial: values[trial.number], target_name=value_words(study)
    )
    lines = [trace for trace in figure.data if trace.mode == "lines" and trace.customdata is not None]
    is_maximised = rebuilt.direction(study) == "maximize"
    for place, trace in enumerate(sorted(lines, key=lambda line: line.y[0])):
        share = place / (len(lines) - 1)
        [colour] = sample_colorscale(COLOUR_SCALE, [share if is_maximised else 1 - share])
        trace.update(line={"color": colour, "width": 1.4}, opacity=0.65)
        if low_first[place].number == study.best.number:
            trace.update(line={"color": WINNER_COLOUR, "width": 4}, opacity=1, zorder=1)
    for trace, name in zip(figure.data[len(lines) : -1], ("keeps to all constraints", "breaks one"), strict=False):
        trace.update(name=name, line={"color": QUIET_COLOUR})
    figure.data[-1].marker.showscale = False
    figure.update_annotations(font_size=11)
    return figure


def _slices(study: Study) -> go.Figure:
    searched, ended = rebuilt.distributions(study), complete(study)
    if len(ended) < 2 or not searched:
        raise NothingToDrawError("It takes two complete trials and a hyperparameter to compare.")
    figure = visualization.plot_slice(rebuilt.single(study), target_name=value_words(study))
    figure.update_layout(width=None, showlegend=False)
    for trace in figure.data:
        is_broken = trace.name == "Infeasible Trial"
        trace.update(marker={"showscale": False, "line": {"width": 0}, "size": 8})
        trace.marker.color, trace.marker.colorscale = BROKEN_COLOUR if is_broken else TRIAL_COLOUR, None
    # Optuna draws those that a complete trial has, in the order of their names as they are shown.
    drawn = sorted((name for name in searched if any(name in t.hyperparameters for t in ended)), key=escape)
    for column, name in enumerate(drawn, start=1):
        where = {"row": 1, "col": column} if len(drawn) > 1 else {}
        _slice(figure, study, name, searched[name], where)
    return figure.update_yaxes(type=scale_of(trial.value for trial in ended), nticks=7)


def _slice(figure: go.Figure, study: Study, name: str, found: BaseDistribution, where: dict[str, int]) -> None:
    """Mark the winner in the panel of a hyperparameter, and give its axis few ticks."""
    import plotly.graph_objects as go

    value = study.best.hyperparameters.get(name)
    tried = [trial.hyperparameters[name] for trial in complete(study) if name in trial.hyperparameters]
    if isinstance(found, CategoricalDistribution):
        figure.update_xaxes(ticktext=[_short(choice) for choice in found.choices], **where)
        figure.update_xaxes(tickvals=[_category(choice) for choice in found.choices], **where)
        # Optuna 5.0 leaves out those that break a constraint here.
        trials = [trial for trial in complete(study) if name in trial.hyperparameters and broken(trial)]
        x = [_category(_as_shown(trial.hyperparameters[name])) for trial in trials]
        look = {"color": BROKEN_COLOUR, "size": 8}
        figure.add_trace(go.Scatter(x=x, y=[trial.value for trial in trials], mode="markers", marker=look), **where)
        value = None if value is None else _category(_as_shown(value))
    elif found.log:
        figure.update_xaxes(**log_ticks(tried, MAX_TICKS_OF_A_SLICE), **where)
    else:
        figure.update_xaxes(nticks=4, **where)
    if value is not None and study.best.value is not None:
        look = {"color": WINNER_COLOUR, "symbol": "star", "size": 14}
        figure.add_trace(
            go.Scatter(x=[value], y=[study.best.value], mode="markers", name="winner", marker=look), **where
        )


def _as_shown(value: Hyperparameter) -> Hyperparameter:
    return escape(value) if isinstance(value, str) else value


def _short(choice: object) -> str:
    """Return a choice, escaped as it is, with room for it below a narrow panel."""
    text = unescape(str(choice))
    return str(choice) if len(text) <= MAX_LABEL else escape(f"{text[: MAX_LABEL - 1]}…")


def _category(choice: object) -> str:
    """Return what Optuna's slices call a choice."""
    return repr(choice)


def _front(study: Study) -> go.Figure:
    import plotly.graph_objects as go

    names = list(study.objectives)[:MAX_OBJECTIVES_SHOWN]
    points = [trial for trial in complete(study) if all(name in trial.metrics for name in names)]
    if len(points) < 2:
        raise NothingToDrawError("There is no front of a single trial.")
    titles = [metric(name) for name in names]
    figure = visualization.plot_pareto_front(
        rebuilt.front(study), targets=lambda trial: trial.values[:MAX_OBJECTIVES_SHOWN], target_names=titles
    )
    for trace in figure.data:
        kind = (trace.hovertemplate or "").rpartition("<extra>")[2].removesuffix("</extra>")
        is_broken, is_front = kind.startswith("Infeasible"), kind.startswith("Best")
        colour = BROKEN_COLOUR if is_broken else TRIAL_COLOUR if is_front else QUIET_COLOUR
        name = "breaks a constraint" if is_broken else "front" if is_front else "beaten"
        trace.update(name=name, showlegend=bool(trace.x), marker={"showscale": False, "size": 10 if is_front else 7})
        trace.marker.color, trace.marker.colorscale = colour, None
    x, y = names
    figure.add_trace(
        go.Scatter(
            x=[study.best.metrics.get(x)], y=[study.best.metrics.get(y)], mode="markers", name="chosen",
            marker={"color": WINNER_COLOUR, "symbol": "star", "size": 16},
        )
    )  # fmt: skip
    figure.update_xaxes(**number_axis([trial.metrics[x] for trial in points], titles[0]))
    return figure.update_yaxes(**number_axis([trial.metrics[y] for trial in points], titles[1]))
