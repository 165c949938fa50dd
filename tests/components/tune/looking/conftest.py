"""Finished searches made by hand, as small or as odd as a test wants them."""

from __future__ import annotations

from typing import Any

import pytest

from components.tune.result import Cost, Interval, ProofResult, Reranked, Study, TrialResult

SPACE: dict[str, dict[str, object]] = {
    "learning_rate": {"low": 1e-4, "high": 0.1, "scale": "log", "integer": False},
    "units": {"choices": [16, 32, 64]},
    "dropout": {"low": 0.0, "high": 0.5, "scale": "linear", "integer": False},
}


def trial(number: int, value: float | None = None, state: str = "complete", **about: Any) -> TrialResult:
    """Return a trial whose curve falls to its value."""
    chosen = {"learning_rate": 1e-4 * 1.5**number, "units": 16 * 2 ** (number % 3), "dropout": 0.05 * (number % 10)}
    epochs = about.pop("epochs", {"complete": 4, "pruned": 2, "failed": 1}[state])
    curve = [] if value is None else [value * (1 + (epochs - epoch) / 4) for epoch in range(1, epochs + 1)]
    given = {"hyperparameters": chosen, "curve": curve, "seconds": 2.0 * epochs, "metrics": {}, **about}
    if value is not None and not given["metrics"]:
        given["metrics"] = {"rmse": value}
    return TrialResult(number=number, state=state, value=value, epochs=epochs, **given)


def study(trials: list[TrialResult], best: int = 0, **about: Any) -> Study:
    """Return a study on a fifth of 5,000 examples."""
    [winner] = [one for one in trials if one.number == best]
    cost = Cost(
        seconds=120, cpu_seconds=200, trials_seconds=100, proof_seconds=0, full_seconds=1100, times_cheaper=11,
        is_measured=True,
    )  # fmt: skip
    given = {
        "objective": "rmse", "metric": "rmse", "search": "tpe", "pruner": "percentile", "share": 0.2, "by": "random",
        "num_examples": 1000, "dataset_version": "d", "space": SPACE, "why": "It has the least validation rmse.",
        "cost": cost,
    }  # fmt: skip
    return Study(trials=trials, best=winner, **{**given, **about})


def proof(places: list[int], on_slice: dict[int, float], **about: Any) -> ProofResult:
    """Return a proof in which the trials came to these places on all data; the last two are from the middle."""
    middle = places[-2:]
    reranked = [
        Reranked(
            number=number, place="middle" if number in middle else "best", on_slice=on_slice[number],
            curve=[0.5 + 0.1 * place, 0.4 + 0.1 * place], value=0.4 + 0.1 * place,
            epochs=2, seconds=9.0, cpu_seconds=9.0,
        )
        for place, number in enumerate(places)
    ]  # fmt: skip
    given = {
        "share": 1.0, "num_examples": 5000, "epochs_compared": 2, "rho": Interval(value=0.91, low=0.78, high=0.97),
        "tau": Interval(value=0.8, low=0.6, high=0.9), "slices_own": min(on_slice, key=on_slice.__getitem__),
        "winner": places[0], "regret": 0.013, "enough": True, "verdict": "The share was large enough.",
        "seconds": 40.0, "cpu_seconds": 60.0,
    }  # fmt: skip
    return ProofResult(reranked=reranked, **{**given, **about})


@pytest.fixture
def proved() -> Study:
    """Twelve trials in every state, of which trial 5 won on all data, and trial 3 on the slice."""
    values = [0.9, 0.8, None, 0.4, 0.7, 0.42, 0.95, 0.6, 0.5, 0.55, 0.65, 0.45]
    states = {2: "failed", 6: "pruned", 10: "pruned"}
    trials = [
        trial(n, value, states.get(n, "complete"), reason="ValueError: <units>" if value is None else None)
        for n, value in enumerate(values)
    ]
    places = [5, 3, 11, 8, 9, 7, 0]
    return study(trials, best=5, proof=proof(places, {n: values[n] for n in places}))


class Make:
    """Makes trials, studies and proofs."""

    trial, study, proof = staticmethod(trial), staticmethod(study), staticmethod(proof)


@pytest.fixture
def make() -> type[Make]:
    """A maker of studies."""
    return Make
