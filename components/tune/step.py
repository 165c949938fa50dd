"""The `tune` step: hyperparameters searched on a slice of the data, and the choice proved on more of it."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path
from typing import Any

from components.tune.looking import estimate, page, picture, tracking, words
from components.tune.proof.cost import cost, of_proofs
from components.tune.proof.halving import race_for
from components.tune.result import Cost, Study, TrialResult
from components.tune.rounds import Round, Rounds
from components.tune.running.budget import finished
from components.tune.running.search import Search
from components.tune.running.trials import Trials
from components.tune.slices import Slice, taken_by
from components.tune.study import border, pruning, space
from estafet.errors import StepFailed
from estafet.records import reading
from estafet.runfile.steps import TuneSettings
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker

Settings = TuneSettings
NUM_TIMED = 2048
summary = words.summary


def tune(
    settings: Settings,
    dataset_folder: str | Path,
    out_folder: str | Path,
    *,
    scratch: str | Path,
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Study:
    """Search hyperparameters on a slice, prove the choice on more data, and write the study into `out_folder`.

    The first trial has the model's defaults, so the slice's choice is never worse than they are. Where the data set has
    folds, a trial is trained once for each and its objective is the mean over them; the first fold alone decides about
    pruning. The same call goes on where a killed one was.

    Args:
        settings: The run file's `tune` section, the model and the task.
        dataset_folder: A data set, as `ingest` wrote it.
        out_folder: Where `study.json`, the page and the picture go.
        scratch: Folder in which the trials are kept while it runs; a killed search goes on from them.
        progress: Told how far it is.
        tracker: Given each trial, what was found, and the page.

    Raises:
        ConfigError: A range, hyperparameter or metric is wrong, the share leaves a class empty, the study in
            `tune.storage` is another one, or the user's model cannot be built.
        DataError: A split is empty or a shard is damaged.
        StepFailed: Every trial failed, or broke a constraint.
        ServiceUnavailable: The study's storage is locked or away.
        Preempted: The process was told to end; the same call goes on.
    """
    tracker, scratch, out_folder = tracker or NullTracker(), Path(scratch), Path(out_folder)
    trials = Trials(settings, dataset_folder)
    manifest = trials.manifest
    tracker.log_dataset(manifest.name, manifest.version, str(dataset_folder), "tuning")
    progress("reading the examples")
    search = trials.search(scratch, trials.first_share)
    rounds = Rounds(trials, scratch, search, tracker, progress, *_foreseen(trials, search)).run()
    progress("writing the study")
    study = _study(trials, rounds)
    study.save(out_folder)
    picture.save(study, out_folder)
    page.save(study, out_folder)
    tracking.log_study(study, out_folder, tracker)
    with contextlib.suppress(OSError):
        shutil.rmtree(scratch)
    return study


def _foreseen(trials: Trials, first: Search) -> tuple[str, float]:
    """Return what the tuning will take, in words, and the seconds of its proof; a few steps tell what an example costs.

    Nothing is known where the model's defaults cannot be trained, or told where a search goes on.
    """
    settings = trials.settings
    share = trials.first_share
    if finished(first.study):
        return "", 0.0  # the line of progress tells what is left
    slices = trials.slices(share)
    with contextlib.suppress(StepFailed):  # the trial with the defaults will say so itself
        per_example_s = _seconds_per_example(trials, slices[0])
        in_folds = sum(one.train.num_examples for one in slices)
        search = estimate.Work(settings.trials, pruning.max_epochs(settings), in_folds)
        again = None
        if settings.proof.enabled and share < settings.proof.share:
            count = min(settings.proof.best + settings.proof.middle, settings.trials)
            of_proof = sum(one.train.num_examples for one in trials.slices(settings.proof.share))
            again = estimate.Work(count, race_for(settings, trials.objective).epochs, of_proof)
        said = estimate.estimate(
            search,
            again,
            seconds_per_example_epoch=per_example_s,
            workers=settings.workers,
            hours=settings.hours,
        )
        return said, again.in_all * per_example_s if again else 0.0
    return "", 0.0


def _seconds_per_example(trials: Trials, whole: Slice) -> float:
    """Return the seconds that one epoch takes for one example, with the default hyperparameters, compiling left out."""
    part = min(1.0, NUM_TIMED / whole.train.num_examples)
    trainer = trials.trainer
    timed = Slice(trainer.part(whole.train, part), trainer.part(whole.validation, part))
    defaults = trials.complete({})
    trainer.measure(defaults, [timed], epochs=1)  # compiles what the first trial will use
    begun = time.perf_counter()
    trainer.measure(defaults, [timed], epochs=1)
    return (time.perf_counter() - begun) / timed.train.num_examples


def _study(trials: Trials, rounds: list[Round]) -> Study:
    """Return what was found: the last round's trials and winner, and what all rounds cost."""
    settings, objective, last = trials.settings, trials.objective, rounds[-1]
    own, why, front = objective.choose(last.trials)
    best = own
    if last.proof is not None:
        best = next(trial for trial in last.trials if trial.number == last.proof.winner)
        why = _why(last, own, why)
    slices = trials.slices(last.share)
    return Study(
        objective=objective.name,
        metric=objective.metric,
        maximised=objective.leads_upwards,
        search=trials.search_kind,
        pruner="none" if objective.unpruned else pruning.named(settings),
        share=last.share,
        by=taken_by(settings, trials.spec.task),
        num_examples=slices[0].train.num_examples,
        num_folds=len(slices),
        workers=settings.workers,
        dataset_version=trials.manifest.version,
        space=space.described(trials.distributions),
        trials=last.trials,
        best=best,
        why=why,
        objectives=objective.sides,
        led_by=objective.leader.metric if objective.is_front else None,
        front=front,
        notes=_notes(trials, rounds, best),
        proof=last.proof,
        cost=_cost(trials, rounds),
        ended_by=last.ended_by,
    )


def _why(last: Round, own: TrialResult, why: str) -> str:
    proof = last.proof
    if proof.winner == own.number:
        return f"{why[:1].upper()}{why[1:]}, and stayed the best when {len(proof.reranked)} were trained again."
    return (
        f"Of {len(proof.reranked)} trials that were trained again on more data, trial {proof.winner} is the best; the "
        f"slice alone would have chosen trial {own.number}."
    )


def _notes(trials: Trials, rounds: list[Round], best: TrialResult) -> list[str]:
    notes = [note for one in rounds for note in one.notes]
    if trials.objective.unpruned:
        notes.append(trials.objective.unpruned)
    notes += border.on_border(best.hyperparameters, trials.distributions)
    return [f"{note[:1].upper()}{note[1:]}" for note in notes]


def _cost(trials: Trials, rounds: list[Round]) -> Cost:
    """Return what all rounds took, beside what the first round's trials would have taken on all data."""
    first, slices = rounds[0], trials.slices(rounds[0].share)
    everything = [trial for one in rounds for trial in one.trials]
    proof_seconds, proof_cpu_seconds = of_proofs([(one.trials, one.proof) for one in rounds if one.proof is not None])
    found = cost(
        first.trials,
        first.proof,
        seconds=sum(one.seconds for one in rounds) + proof_seconds,
        cpu_seconds=sum(trial.cpu_seconds for trial in everything) + proof_cpu_seconds,
        epochs=pruning.max_epochs(trials.settings),
        on_slice=(slices[0].train.num_examples, slices[0].validation.num_examples),
        on_all=_all_examples(trials),
        num_folds=len(slices),
    )
    trials_seconds = sum(trial.seconds for trial in everything)
    spent = trials_seconds + proof_seconds
    return found.model_copy(
        update={
            "trials_seconds": round(trials_seconds, 3),
            "proof_seconds": round(proof_seconds, 3),
            "times_cheaper": round(found.full_seconds / spent, 3) if spent else 1.0,
        }
    )


def _all_examples(trials: Trials) -> tuple[int, int]:
    fold: Any = 0 if trials.manifest.folds else None
    train, validation = (reading.num_examples(trials.manifest, name, fold=fold) for name in ("train", "validation"))
    return train, validation
