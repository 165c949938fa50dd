"""Whether the slice was large enough, in a sentence with its numbers and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.tune.proof.agreement import MIN_TRIALS
from components.tune.result import Interval

LEAST_RHO = 0.5
"""Where the interval of ρ reaches below this, the slice has not been shown to rank as more data do."""
GROWTH = 2


@dataclass(frozen=True)
class Found:
    """What the proof found.

    Attributes:
        num_compared: Number of trials that could be trained again.
        rho: Spearman's rank correlation of slice and more data.
        regret: How much worse the slice's own choice is, as a share; None where it failed on more data.
        slices_own: The trial that the slice would have chosen.
        winner: The trial that won.
        slice_share: Share of the training split that the slice has.
        share: Share that the trials were trained on again.
        failed: The trials that failed there, and why.
        grows: Whether the slice grows by itself as long as it can.
    """

    num_compared: int
    rho: Interval | None
    regret: float | None
    slices_own: int
    winner: int
    slice_share: float
    share: float
    failed: Mapping[int, str]
    grows: bool = False

    @property
    def enough(self) -> bool | None:
        """Whether ρ's interval lies above one half; None where there is none."""
        return None if self.rho is None else self.rho.low > LEAST_RHO


def regret(own: float, winner: float, maximised: bool) -> float:
    """Return how much worse one value is than the winner's, as a share of the winner's; 1 where that is 0.

    Args:
        own: What the slice's own choice reached.
        winner: What the winner reached, which is no worse.
        maximised: Whether more is better.
    """
    gap = winner - own if maximised else own - winner
    if gap <= 0:
        return 0.0
    return gap / abs(winner) if winner else 1.0


def verdict(found: Found) -> str:
    """Return what was found, in sentences, and what to write into the run file where the slice was too small."""
    if not found.num_compared:
        return (
            f"No trial could be trained on {_percent(found.share)} of the training split, so the slice's own choice, "
            f"trial {found.slices_own}, stands unproved. {_failures(found.failed)}"
        )
    parts = [_of_ranking(found), _of_choice(found), _failures(found.failed)]
    return " ".join(part for part in parts if part)


def _of_ranking(found: Found) -> str:
    again = f"{_count(found.num_compared)} again on {_percent(found.share)} of the training split"
    if found.rho is None:
        few = found.num_compared < MIN_TRIALS
        why = f"it takes {MIN_TRIALS}" if few else "all of them are equal"
        return f"{again}, from which it cannot be told whether the slice ranks as more data do: {why}{_more(few)}."
    rho = f"Spearman's ρ is {found.rho.value:.2f} (95 % from {found.rho.low:.2f} to {found.rho.high:.2f})"
    slice_ = f"a slice of {_percent(found.slice_share)}"
    if found.enough:
        return f"{again}: {rho}, so {slice_} was enough."
    if found.rho.high < LEAST_RHO:
        return f"{again}: {rho}, so {slice_} was too small; {_larger(found)}."
    write = "write " if _can_grow(found) else ""
    return (
        f"{again}: {rho}. The interval reaches below {LEAST_RHO}, so {slice_} was too small to rely on; "
        f"{_larger(found)}, or {write}tune.proof.middle higher, which narrows the interval."
    )


def _of_choice(found: Found) -> str:
    if found.winner == found.slices_own:
        return f"The slice's own choice, trial {found.winner}, won there too."
    if found.regret is None:
        return f"Trial {found.winner} won; trial {found.slices_own}, which the slice would have chosen, failed."
    return (
        f"Trial {found.winner} won; trial {found.slices_own}, which the slice would have chosen, is "
        f"{100 * found.regret:.2g} % worse there."
    )


def _failures(failed: Mapping[int, str]) -> str:
    return " ".join(f"Trial {number} failed on more data: {why.rstrip('.')}." for number, why in failed.items())


def _larger(found: Found) -> str:
    if found.slice_share >= found.share:
        return "it had as much as the proof: write tune.proof.share higher"
    share = min(found.share, GROWTH * found.slice_share)
    if _can_grow(found):
        return f"it grows to {_percent(share)} by itself while tune.hours last"
    return f"write tune.subsample.share: {share:g}{'' if found.grows else ' (or auto)'}"


def _can_grow(found: Found) -> bool:
    return found.grows and GROWTH * found.slice_share < found.share


def _more(few: bool) -> str:
    return " trials; write tune.proof.middle or tune.trials higher" if few else ""


def _count(num: int) -> str:
    return "1 trial was trained" if num == 1 else f"{num} trials were trained"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
