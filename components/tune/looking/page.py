"""The page about a tuning: what won, what it cost, whether the slice chose rightly, and how the search went."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.tune.looking import figures, interactive, proof_figures, words
from components.tune.result import Study, TrialResult
from estafet.reports import Page, Tone

PAGE_FILE = "report.html"
MAX_ROWS = 500
"""Rows of the table of trials; study.json has all."""
ENDED_BY = {
    "hours": "The search ended when its hours were over.",
    "space": "The search ended when every point of its grid was done.",
}


def page(study: Study) -> Page:
    """Return the page; it needs neither network nor other files."""
    made = Page("Tuning", _subtitle(study), style=interactive.STYLE)
    made.verdict(f"trial {study.best.number} wins: {words.best(study)}", _tone(study))
    made.text(words.sentence(study.why))
    for note in study.notes:
        made.text(words.sentence(note), "warn")
    made.facts(_facts(study)).heading("The winner").facts(study.best.hyperparameters or {"searched": "nothing"})
    made.heading("What it cost").text(words.cost(study)).facts(_cost(study))
    _proof(made, study)
    made.heading("The search")
    if study.ended_by in ENDED_BY:
        made.text(ENDED_BY[study.ended_by])
    for chart in figures.charts(study):
        interactive.add(made, chart)
    _trials(made, study)
    interactive.finish(made)
    return made


def save(study: Study, folder: str | Path) -> Path:
    """Write the page into a study's folder, and return its path."""
    return page(study).save(Path(folder) / PAGE_FILE)


def _subtitle(study: Study) -> str:
    share = "all of the training split"
    if study.share < 1:
        share = f"{words.share(study.share)} of the training split, {study.by}"
    folds = f", {study.num_folds} folds" if study.num_folds > 1 else ""
    return f"{study.num_examples:,} examples ({share}) for each trial{folds}"


def _tone(study: Study) -> Tone:
    enough = study.proof.enough if study.proof else None
    return "warn" if enough is False else "good"


def _facts(study: Study) -> dict[str, object]:
    states = [trial.state for trial in study.trials]
    counts = {state: states.count(state) for state in ("complete", "pruned", "failed") if state in states}
    broken = sum(bool(words.broken(trial)) for trial in study.trials if trial.state == "complete")
    constraints = {"break a constraint": broken} if broken else {}
    workers = {"workers": study.workers} if study.workers > 1 else {}
    return {"trials": len(states), **counts, **constraints, "search": study.search, "pruner": study.pruner, **workers}


def _cost(study: Study) -> dict[str, object]:
    cost = study.cost
    times = {"times cheaper": words.times(cost.times_cheaper)} if cost.is_measured else {}
    spent = {"wall time": words.took(cost.seconds), "CPU time": words.took(cost.cpu_seconds)}
    return {**times, **spent, "on all data, about": words.took(cost.full_seconds)}


def _proof(made: Page, study: Study) -> None:
    made.heading("Did the slice choose rightly?")
    proof = study.proof
    if proof is None:
        made.text("The slice's choice was not proved on more data.", "warn" if study.share < 1 else None)
        return
    made.text(words.sentence(proof.verdict), {True: "good", False: "warn", None: None}[proof.enough])
    made.text(words.proof(study))
    ranks = {"Spearman's ρ": proof.rho, "Kendall's τ": proof.tau}
    facts = {name: f"{estimate.value:.2f}" for name, estimate in ranks.items() if estimate}
    interval = {"95 % interval of ρ": f"{proof.rho.low:.2f} to {proof.rho.high:.2f}"} if proof.rho else {}
    made.facts({**facts, **interval, "slice's own is worse by": words.percent(proof.regret)})
    interactive.add_pair(made, proof_figures.charts(study))
    value = figures.led_words(study)
    rows = [
        {
            "place": place, "trial": one.number, "from": one.place, f"{value}, slice": one.on_slice,
            f"{value}, {words.on_more(proof)}": one.value, "epochs": one.epochs, "time": words.took(one.seconds),
            "": _role(one.number, study),
        }
        for place, one in enumerate(proof.reranked, start=1)
    ]  # fmt: skip
    made.table(rows, caption="The winner first, then by the order on more data.")


def _role(number: int, study: Study) -> str:
    assert study.proof is not None
    roles = {"winner": study.proof.winner, "slice's own": study.proof.slices_own}
    return ", ".join(role for role, trial in roles.items() if trial == number)


def _trials(made: Page, study: Study) -> None:
    ranked = sorted(study.trials, key=lambda trial: _rank(trial, study))
    rows = [_row(trial, study) for trial in ranked[:MAX_ROWS]]
    made.heading("Trials")
    if len(ranked) > MAX_ROWS:
        made.text(f"The first {MAX_ROWS} of {len(ranked):,}; study.json has all.")
    made.table(rows, list(dict.fromkeys(name for row in rows for name in row)))


def _rank(trial: TrialResult, study: Study) -> tuple[int, int, float]:
    """Sort the winner first, then complete trials before pruned ones, whose value is that of fewer epochs."""
    order = ("complete", "pruned", "failed").index(trial.state)
    is_maximised = figures.rebuilt.direction(study) == "maximize"
    value = float("inf") if trial.value is None else -trial.value if is_maximised else trial.value
    place = 0 if trial.number == study.best.number else 1 + 2 * order + bool(words.broken(trial))
    return place, order, value


def _row(trial: TrialResult, study: Study) -> dict[str, object]:
    return dict(_cells(trial, study))


def _cells(trial: TrialResult, study: Study) -> Iterator[tuple[str, object]]:
    yield "trial", trial.number
    yield "state", "winner" if trial.number == study.best.number else trial.state
    if study.objectives:
        yield from ((words.metric(name), trial.metrics.get(name)) for name in study.objectives)
        yield "front", "yes" if trial.number in study.front else ""
    else:
        yield words.metric(study.objective), trial.value
    yield from trial.hyperparameters.items()
    yield "epochs", trial.epochs
    yield "seconds", round(trial.seconds, 1)
    if said := words.broken(trial):
        yield "breaks", said
    if trial.reason:
        yield "why", trial.reason
