"""How the slice grows by itself, with `share: auto`: when, to what, and which trials are tried again on more of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.tune.objective import Objective
from components.tune.proof.candidates import ordered
from components.tune.result import ProofResult, TrialResult
from estafet.runfile.model import Hyperparameter

FIRST_SHARE = 0.1
FACTOR = 2


@dataclass(frozen=True)
class Growth:
    """The next round of a search whose slice was too small.

    Attributes:
        share: Share of the training split that the trials learn from now.
        points: Hyperparameters that are tried again on it, before any new ones.
        sentence: What is done, and why.
    """

    share: float
    points: list[dict[str, Hyperparameter]]
    sentence: str


def grown(share: float, proof: ProofResult, trials: Sequence[TrialResult], objective: Objective) -> Growth | None:
    """Return the next round; None where the slice is as it should be.

    That is where ρ's interval lies above one half; where too few trials could be compared to tell, which a larger slice
    would not mend; and where a larger slice would be as large as what it is compared with. The share doubles: 0.1, 0.2,
    0.4, 0.8. Tried again are the better half of the trials and all that were trained again on more data: what became of
    those there is known and costs nothing more.

    Args:
        share: Share of the training split that this round's trials learned from.
        proof: What its proof found.
        trials: Its trials.
        objective: What is optimised.
    """
    next_share = FACTOR * share
    if proof.enough is not False or next_share >= proof.share:
        return None
    again = _again(proof, trials, objective)
    return Growth(
        next_share,
        [dict(trial.hyperparameters) for trial in again],
        f"a slice of {100 * share:g} % was too small (ρ from {proof.rho.low:.2f} to {proof.rho.high:.2f}), so it grew "
        f"to {100 * next_share:g} %, and {len(again)} of {len(trials)} trials were tried again",
    )


def _again(proof: ProofResult, trials: Sequence[TrialResult], objective: Objective) -> list[TrialResult]:
    """Return the better half and the proof's, in the order of the slice."""
    by_place = ordered(trials, objective)
    better = {trial.number for trial in by_place[: math.ceil(len(by_place) / 2)]}
    proved = {trial.number for trial in proof.reranked}
    return [trial for trial in by_place if trial.number in better | proved]
