"""A finished search in words: one line for the table, and the sentences of the page."""

from __future__ import annotations

from components.tune.result import Interval, ProofResult, Reranked, Study, TrialResult
from estafet.reports import shown

EARLY = "Those that fell behind ended early; any two are compared after the last epoch that both reached."
MIN_TIMES_TO_TELL = 1.05
"""Below it, tuning on a slice saved nothing worth a word."""


def summary(study: Study) -> str:
    """Return the result in one line, the most important first where it may be cut: what was tried, found, and saved."""
    parts = [f"{counted(study)} on {share(study.share)}", f"best {best(study)}"]
    if study.proof and study.proof.rho:
        parts.append(f"ρ {bracketed(study.proof.rho)}")
    if study.cost.is_measured and study.cost.times_cheaper >= MIN_TIMES_TO_TELL:
        parts.append(f"{times(study.cost.times_cheaper)} cheaper than on all data")
    return " · ".join(parts)


def counted(study: Study) -> str:
    """Return how many trials there were, and what became of those that did not end well."""
    states = [trial.state for trial in study.trials]
    other = ", ".join(f"{states.count(state)} {state}" for state in ("pruned", "failed") if state in states)
    return f"{number(len(states), 'trial')}{f' ({other})' if other else ''}"


def best(study: Study) -> str:
    """Return the winner's value with its name: on more data where it was proved there, else on the slice."""
    folds = f" over {study.num_folds} folds" if study.num_folds > 1 else ""
    if study.objectives:
        known = ((name, study.best.metrics.get(name)) for name in study.objectives)
        return f"validation {', '.join(f'{metric(name)} {shown(value)}' for name, value in known)}{folds}"
    return f"validation {metric(study.objective)} {shown(winning_value(study))}{folds}"


def winning_value(study: Study) -> float | None:
    """Return what is optimised, of the winner: on more data where it was trained there again, else on the slice."""
    again = reranked(study.proof, study.best.number)
    return again.value if again else study.best.value


def reranked(proof: ProofResult | None, trial: int) -> Reranked | None:
    """Return what became of a trial in the proof, or None where it took no part."""
    return next((one for one in proof.reranked if one.number == trial), None) if proof else None


def proof(study: Study) -> str:
    """Return what was compared in the proof, and how; what it found is in its verdict.

    Raises:
        ValueError: There was no proof.
    """
    found = study.proof
    if found is None:
        raise ValueError("there was no proof")
    places = [one.place for one in found.reranked]
    middle = f" and {places.count('middle')} from the rest" if "middle" in places else ""
    said = f"Trained again were the {places.count('best')} best on the slice{middle}, on "
    said += f"{found.num_examples:,} examples"
    ended_early = len({one.epochs for one in found.reranked}) > 1
    return f"{said}. {EARLY}" if ended_early else f"{said}."


def cost(study: Study) -> str:
    """Return what tuning took and what it would have taken on all data."""
    spent = study.cost
    workers = f" with {study.workers} workers" if study.workers > 1 else ""
    said = f"All took {took(spent.seconds)}{workers}: {took(spent.trials_seconds)} of trials"
    said += f" and {took(spent.proof_seconds)} of proof" if spent.proof_seconds else ""
    said += f". The same trials, each with all of its epochs on all data, would have taken {took(spent.full_seconds)}"
    if not spent.is_measured:
        return f"{said}, if an epoch took as much longer as it has more examples. No proof on all data has measured it."
    if spent.times_cheaper >= MIN_TIMES_TO_TELL:
        return f"{said}, {times(spent.times_cheaper)} as much. That is an estimate from what the trials took."
    return f"{said}, which is no more: on data of this size, a slice saves nothing."


def broken(trial: TrialResult) -> str:
    """Return the constraints that a trial breaks, with by how much."""
    return ", ".join(f"{text} (by {shown(float(by))})" for text, by in trial.violations.items() if by > 0)


def sentence(text: str) -> str:
    """Return words as a sentence: with a capital, where they do not begin with a name, and a full stop."""
    first = text.partition(" ")[0]
    begun = text[:1].upper() + text[1:] if first.isalpha() else text
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def metric(name: str) -> str:
    """Return a metric's name as people read it."""
    return name.replace("_", " ")


def number(count: int, what: str) -> str:
    """Return a number of things."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def share(value: float) -> str:
    """Return a share of the data, in percent."""
    return f"{100 * value:.3g} %"


def on_more(found: ProofResult) -> str:
    """Return what the proof's trials were trained on, in a word or two."""
    return "all data" if found.share == 1 else share(found.share)


def percent(value: float) -> str:
    """Return a small difference, in percent, with two significant digits."""
    return f"{100 * value:.2g} %" if abs(value) < 1 else f"{100 * value:.0f} %"


def times(value: float) -> str:
    """Return a ratio, such as 3.4× or 11×."""
    return f"{value:,.0f}×" if value >= 9.95 else f"{value:.1f}×"


def bracketed(estimate: Interval) -> str:
    """Return an estimate with its interval, in few characters."""
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def took(seconds: float) -> str:
    """Return a time in the unit that it is read in: 8.3 s, 45 s, 12 min, 3.4 h or 2.1 days."""
    if seconds < 89.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 89.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.1f} days"
