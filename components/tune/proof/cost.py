"""What the same trials would have cost on all data, from what they and the proof's trainings took."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from components.tune.result import Cost, ProofResult, Reranked, TrialResult

SHARE_OF_JUDGING = 1 / 3
"""What an example costs that is only judged, beside one that is learned from, which goes backwards too."""


def cost(
    trials: Sequence[TrialResult],
    proof: ProofResult | None,
    *,
    seconds: float,
    cpu_seconds: float,
    epochs: int,
    on_slice: tuple[int, int],
    on_all: tuple[int, int],
    num_folds: int = 1,
) -> Cost:
    """Return what the tuning took, and an estimate of what it would have taken on all data without pruning.

    A trial of all data would have had all its epochs. What each would have taken is that trial's own time for an epoch,
    times how much longer an epoch of all data is. That is measured, as the median over those that came furthest in the
    proof, if it had the whole training split; else it is told by the numbers of examples, as if nothing else took time.
    A trial that failed would have failed there too, and counts as what it took.

    Args:
        trials: The trials.
        proof: The proof, if there is one.
        seconds: Wall time, from the first trial to the end of the proof.
        cpu_seconds: The same of CPU time.
        epochs: Number of epochs of a trial that is not pruned, on each fold.
        on_slice: Number of training and of validation examples of a trial.
        on_all: The same for all data.
        num_folds: Number of folds on each of which a trial is trained.
    """
    trials_seconds = sum(trial.seconds for trial in trials)
    proof_seconds = proof.seconds if proof else 0.0
    longer = _longer(trials, proof, on_slice, on_all)
    full = sum(
        trial.seconds if trial.state == "failed" or not trial.epochs else _of_epoch(trial) * epochs * num_folds * longer
        for trial in trials
    )
    spent = trials_seconds + proof_seconds
    return Cost(
        seconds=round(seconds, 3),
        cpu_seconds=round(cpu_seconds, 3),
        trials_seconds=round(trials_seconds, 3),
        proof_seconds=round(proof_seconds, 3),
        full_seconds=round(full, 3),
        times_cheaper=round(full / spent, 3) if spent else 1.0,
    )


def _longer(
    trials: Sequence[TrialResult], proof: ProofResult | None, on_slice: tuple[int, int], on_all: tuple[int, int]
) -> float:
    """Return how many times longer an epoch is on all data; never less than on the slice."""
    by_number = {trial.number: trial for trial in trials}
    if proof and proof.share == 1:
        furthest = max((again.epochs for again in proof.reranked), default=0)  # of one epoch, most is the beginning
        ratios = [
            _of_epoch(again) / _of_epoch(by_number[again.number])
            for again in proof.reranked
            if again.epochs == furthest and again.seconds and by_number[again.number].seconds
        ]
        if ratios:
            return max(1.0, median(ratios))
    (learned, judged), (all_learned, all_judged) = on_slice, on_all
    return max(1.0, (all_learned + SHARE_OF_JUDGING * all_judged) / (learned + SHARE_OF_JUDGING * judged))


def _of_epoch(trained: TrialResult | Reranked) -> float:
    return trained.seconds / trained.epochs
