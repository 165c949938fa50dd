"""What the same trials would have cost on all data, from what they and the proof's trainings took."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
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
        is_measured=_measured(trials, proof) is not None,
    )


def of_proofs(rounds: Sequence[tuple[Sequence[TrialResult], ProofResult]]) -> tuple[float, float]:
    """Return the wall time and the CPU time of the proofs of all rounds, in seconds.

    What a proof remembers of an earlier one stands in both, and counts once.

    Args:
        rounds: The trials and the proof of each round.
    """
    of_each: dict[str, Reranked] = {}
    of_failed = [(0.0, 0.0)]
    for trials, proof in rounds:
        named = {trial.number: json.dumps(trial.hyperparameters, sort_keys=True) for trial in trials}
        of_each |= {named[again.number]: again for again in proof.reranked}
        seconds, cpu_seconds = _summed(proof.reranked)
        of_failed.append((proof.seconds - seconds, max(0.0, proof.cpu_seconds - cpu_seconds)))
    seconds, cpu_seconds = _summed(of_each.values())
    return seconds + max(of_failed)[0], cpu_seconds + max(of_failed)[1]


def _summed(again: Iterable[Reranked]) -> tuple[float, float]:
    times = [(one.seconds, one.cpu_seconds) for one in again]
    return sum(seconds for seconds, _ in times), sum(cpu_seconds for _, cpu_seconds in times)


def _longer(
    trials: Sequence[TrialResult], proof: ProofResult | None, on_slice: tuple[int, int], on_all: tuple[int, int]
) -> float:
    """Return how many times longer an epoch is on all data; never less than on the slice."""
    if (measured := _measured(trials, proof)) is not None:
        return max(1.0, measured)
    (learned, judged), (all_learned, all_judged) = on_slice, on_all
    return max(1.0, (all_learned + SHARE_OF_JUDGING * all_judged) / (learned + SHARE_OF_JUDGING * judged))


def _measured(trials: Sequence[TrialResult], proof: ProofResult | None) -> float | None:
    """Return how many times longer an epoch was in the proof, if that had the whole training split."""
    if proof is None or proof.share < 1:
        return None
    by_number = {trial.number: trial for trial in trials}
    furthest = max((again.epochs for again in proof.reranked), default=0)  # of one epoch, most is the beginning
    ratios = [
        _of_epoch(again) / _of_epoch(by_number[again.number])
        for again in proof.reranked
        if again.epochs == furthest and again.seconds and by_number[again.number].seconds
    ]
    return median(ratios) if ratios else None


def _of_epoch(trained: TrialResult | Reranked) -> float:
    return trained.seconds / trained.epochs
