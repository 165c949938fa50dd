"""What a tuning will take, before it begins: trials, epochs and examples, and the time that they need.

Its unit is the example-epoch, one example seen once. What one costs is measured by whoever asks, on a few steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from components.tune.looking.words import number, share, took
from estafet.runfile.tune import Tune


@dataclass(frozen=True)
class Work:
    """Trials that are alike: how many, and what each sees.

    Attributes:
        trials: Number of trials.
        epochs: Number of epochs of each; the mean, where some end before others.
        examples: Number of examples that each learns from in an epoch, over all folds.
    """

    trials: int
    epochs: float
    examples: int

    @property
    def of_one(self) -> float:
        """Example-epochs of one trial."""
        return self.epochs * self.examples

    @property
    def in_all(self) -> float:
        """Example-epochs of all trials."""
        return self.trials * self.of_one


def estimate(
    search: Work,
    proof: Work | None,
    *,
    seconds_per_example_epoch: float,
    workers: int = 1,
    hours: float | None = None,
) -> str:
    """Return what a tuning will take at most, as pruning, which ends trials early, cannot be foreseen.

    Such as `about 6 min: 40 trials × 8 epochs × 20,000 examples, and 8 again × 8 epochs × 100,000`.

    Args:
        search: The trials.
        proof: What is trained again on more data, if anything.
        seconds_per_example_epoch: Seconds that a process needs for one example, forwards and backwards; above 0.
        workers: Number of processes that run trials at once.
        hours: Hours after which no new trial begins, if any.
    """
    one_s = search.of_one * seconds_per_example_epoch
    search_s = one_s * -(-search.trials // workers)
    proof_s = proof.in_all * seconds_per_example_epoch if proof else 0.0  # one after another, in the step's process
    said = f"{number(search.trials, 'trial')} × {_epochs(search.epochs)} × {search.examples:,} examples"
    if proof:
        said += f", and {proof.trials} again × {_epochs(proof.epochs)} × {proof.examples:,}"
    if hours is not None and search_s > 3600 * hours:
        fit = min(max(workers * int(3600 * hours / one_s), 1), search.trials)
        return f"about {fit} of {search.trials} trials fit into {hours:g} h, or more with pruning: {said}"
    return f"about {took(search_s + proof_s)}, or less with pruning: {said}"


def planned(settings: Tune) -> str:
    """Return what the run file asks for, before anything is known of the data.

    Such as `40 trials × 8 epochs on 20 % (newest), then 8 again on all data`.
    """
    return ", ".join(_planned(settings))


def _planned(settings: Tune) -> Iterator[str]:
    slice_, proof = settings.subsample, settings.proof
    part = "a share that grows until it is enough" if slice_.share == "auto" else _part(slice_.share)
    by = f" ({slice_.by})" if slice_.by != "auto" and slice_.share != 1 else ""
    rungs = " + ".join(f"{rung.epochs} on {share(rung.share)}" for rung in settings.rungs)
    each = f"({rungs}) epochs" if rungs else number(settings.epochs, "epoch")
    yield f"{'up to ' if settings.hours else ''}{number(settings.trials, 'trial')} × {each} on {part}{by}"
    if settings.workers > 1:
        yield f"{settings.workers} at once"
    if settings.hours:
        yield f"for {settings.hours:g} h at most"
    if proof.enabled and (slice_.share == "auto" or slice_.share < proof.share):
        yield f"then {min(proof.best + proof.middle, settings.trials)} again on {_part(proof.share)}"


def _part(value: float) -> str:
    return "all data" if value == 1 else share(value)


def _epochs(value: float) -> str:
    return f"{value:.3g} epoch{'s' * (value != 1)}"
