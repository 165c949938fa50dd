"""The figures of the proof: how the order on the slice and the order on more data agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.tune.looking.charts import (
    OWN_COLOUR,
    QUIET_COLOUR,
    TRIAL_COLOUR,
    WINNER_COLOUR,
    Chart,
    NothingToDrawError,
    chart,
    number_axis,
)
from components.tune.looking.figures import led_words
from components.tune.looking.rebuilt import direction
from components.tune.looking.words import number, on_more
from components.tune.result import ProofResult, Reranked, Study

if TYPE_CHECKING:
    import plotly.graph_objects as go

RANK_PIXELS = 34


def charts(study: Study) -> list[Chart]:
    """Return the figures of a study's proof; none where there was no proof."""
    if study.proof is None:
        return []
    count = len(study.proof.reranked)
    height = max(320, 90 + RANK_PIXELS * count)
    return [
        chart(
            "Places",
            "A line for each trial, from its place on the slice to its place on more data; lines that cross are pairs "
            "that the slice ranks wrongly. Dashed: drawn from the rest, not from the best.",
            _places,
            study,
            height=height,
        ),
        chart(
            "Values",
            f"What each reached on the slice and, after {number(study.proof.epochs_compared, 'epoch')}, on more data: "
            "the nearer to one rising line, the better the slice ranks.",
            _values,
            study,
            height=height,
        ),
    ]


def alike(proof: ProofResult, maximised: bool) -> list[float]:
    """Return what each trial reached on more data, after as many epochs as all have."""
    if len({one.epochs for one in proof.reranked}) == 1:
        return [one.value for one in proof.reranked]
    curves = [one.curve[: proof.epochs_compared] for one in proof.reranked]
    return [(max if maximised else min)(curve) for curve in curves]


def _places(study: Study) -> go.Figure:
    import plotly.graph_objects as go

    proof = _enough(study)
    slices_order = sorted(proof.reranked, key=lambda one: one.on_slice, reverse=_is_maximised(study))
    on_slice = {one.number: place for place, one in enumerate(slices_order, start=1)}
    figure = go.Figure()
    for place, one in reversed(list(enumerate(proof.reranked, start=1))):
        colour, kind = _look(one, proof)
        figure.add_trace(
            go.Scatter(
                x=[0, 1],
                y=[on_slice[one.number], place],
                mode="lines+markers+text",
                text=[f"trial {one.number}  ", f"  trial {one.number}{f' · {kind}' if kind else ''}"],
                textposition=["middle left", "middle right"],
                line={"color": colour, "width": 4 if kind else 2, "dash": "dash" if one.place == "middle" else "solid"},
                marker={"color": colour, "size": 10},
                hovertemplate=f"trial {one.number}: slice {one.on_slice:.4g}, more data {one.value:.4g}<extra></extra>",
                showlegend=False,
                cliponaxis=False,
            )
        )
    ends = ["on the slice", f"on {on_more(proof)}"]
    figure.update_xaxes(tickvals=[0, 1], ticktext=ends, range=[-0.5, 1.9], showgrid=False, side="top")
    last = len(proof.reranked) + 0.5
    places = list(range(1, len(proof.reranked) + 1))
    return figure.update_yaxes(range=[last, 0.5], tickvals=places, title_text="place", showgrid=False)


def _values(study: Study) -> go.Figure:
    import plotly.graph_objects as go

    proof, maximised = _enough(study), _is_maximised(study)
    figure = go.Figure()
    reached = alike(proof, maximised)
    for one, value in reversed(list(zip(proof.reranked, reached, strict=True))):
        colour, kind = _look(one, proof)
        figure.add_trace(
            go.Scatter(
                x=[one.on_slice],
                y=[value],
                mode="markers+text",
                text=[str(one.number)],
                textposition="top center",
                marker={
                    "color": colour,
                    "size": 14 if kind else 10,
                    "symbol": "star" if one.number == proof.winner else "circle" if one.place == "best" else "diamond",
                },
                name=kind,
                showlegend=bool(kind),
                hovertemplate=f"trial {one.number}: slice %{{x:.4g}}, more data %{{y:.4g}}<extra></extra>",
                cliponaxis=False,
            )
        )
    words = led_words(study)
    figure.update_xaxes(**number_axis([one.on_slice for one in proof.reranked], f"{words}, slice"))
    return figure.update_yaxes(**number_axis(reached, f"{words}, {on_more(proof)}"))


def _look(one: Reranked, proof: ProofResult) -> tuple[str, str]:
    """Return a trial's colour, and what it is if it stands out."""
    if one.number == proof.winner:
        return WINNER_COLOUR, "winner"
    if one.number == proof.slices_own:
        return OWN_COLOUR, "slice's own"
    return TRIAL_COLOUR if one.place == "best" else QUIET_COLOUR, ""


def _enough(study: Study) -> ProofResult:
    if study.proof is None or len(study.proof.reranked) < 2:
        raise NothingToDrawError("It takes two trials on more data to compare orders.")
    return study.proof


def _is_maximised(study: Study) -> bool:
    return study.objectives[study.led_by] == "maximise" if study.led_by else direction(study) == "maximize"
