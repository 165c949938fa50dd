"""The rounds of a tuning: trials on a slice and their proof, and again on a larger slice where it grows by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.tune.looking.tracking import TrialRuns
from components.tune.proof.growth import Growth, grown
from components.tune.proof.proving import prove
from components.tune.result import ProofResult, TrialResult
from components.tune.running.budget import EndedBy, spent_s
from components.tune.running.interruption import listening
from components.tune.running.results import results
from components.tune.running.run import run
from components.tune.running.search import Search
from components.tune.running.trials import WARM_START, Trials
from components.tune.study import staged
from estafet.telemetry import Progress
from estafet.tracking import Tracker

PROOF_FOLDER = "proof"
LEAST_TO_COMPARE = 2


@dataclass(frozen=True)
class Round:
    """One search on one slice.

    Attributes:
        share: Share of the training split that its trials learned from.
        trials: Its trials, in the order in which they began.
        proof: The proof of its choice; None where there was nothing to prove.
        ended_by: Why no more trials began.
        seconds: For how long trials were run, by anyone.
        notes: What should be known of it.
    """

    share: float
    trials: list[TrialResult]
    proof: ProofResult | None
    ended_by: EndedBy
    seconds: float
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rounds:
    """Runs rounds until the slice is large enough, or as large as the run file says.

    Attributes:
        trials: What all trials share.
        scratch: The step's folder, which survives a kill.
        first: The search of the first round.
        tracker: Tracker of the step's own run.
        progress: Told how far it is.
        foreseen: What all was expected to take, in words; empty where it goes on.
        proof_s: Seconds that the proof was expected to take.
    """

    trials: Trials
    scratch: Path
    first: Search
    tracker: Tracker
    progress: Progress
    foreseen: str = ""
    proof_s: float = 0.0

    def run(self) -> list[Round]:
        """Run them all, and return them in order; what a killed process finished is not done again."""
        settings = self.trials.settings
        growth: Growth | None = None
        share, done = self.trials.first_share, []
        while True:
            done.append(self._one(share, growth, sum(one.seconds for one in done)))
            if settings.subsample.share != "auto" or done[-1].proof is None:
                return done
            growth = grown(share, done[-1].proof, done[-1].trials, self.trials.objective)
            if growth is None or not self._has_time(done):
                return done
            share = growth.share
            self.progress(growth.sentence)

    def _has_time(self, done: list[Round]) -> bool:
        hours = self.trials.settings.hours
        return hours is None or sum(one.seconds for one in done) < 3600 * hours

    def _one(self, share: float, growth: Growth | None, spent: float) -> Round:
        hours = self.trials.settings.hours
        left = None if hours is None else hours - spent / 3600
        trials, search = self.trials, self.first
        if growth is not None:
            trials = trials.within(num_trials=len(growth.points), hours=left)
            search = trials.search(self.scratch, share, first=growth.points)
        workers, name = trials.settings.workers, f"{100 * share:g} %" if growth else ""
        with TrialRuns(self.tracker, trials.objective.metric, self.scratch, name) as runs:
            ended_by = run(
                search,
                trials.job(self.scratch, share),
                self.scratch,
                workers=workers,
                on_trial=runs.log,
                progress=self.progress,
                then_s=0.0 if growth else self.proof_s,  # what was proved once is remembered
                foreseen="" if growth else self.foreseen,
            )
        found = results(search.study, trials.objective)
        notes = list(self._notes(search.study, growth))
        return Round(share, found, self._proof(share, found), ended_by, spent_s(search.study), notes)

    def _notes(self, study: Any, growth: Growth | None) -> Iterator[str]:
        trials = self.trials
        if growth is not None:
            yield growth.sentence
        elif note := study.user_attrs.get(WARM_START):
            yield note
        staged_here = trials.search_kind == "staged" and growth is None
        if staged_here and (note := staged.note(study, trials.distributions, trials.settings.trials)):
            yield note

    def _proof(self, share: float, found: list[TrialResult]) -> ProofResult | None:
        """Prove the slice's choice, where more data than the slice are there to prove it on."""
        trials = self.trials
        proof = trials.settings.proof
        trials.objective.choose(found)  # or the search has failed, and there is nothing to prove
        num_complete = sum(trial.state == "complete" for trial in found)
        if not proof.enabled or share >= proof.share or num_complete < LEAST_TO_COMPARE:
            return None
        with listening() as interruption, interruption.open():
            return prove(
                found,
                trials.objective,
                trials.trainer,
                trials.settings,
                trials.slices,
                trials.complete,
                folder=self.scratch / PROOF_FOLDER,
                slice_share=share,
                progress=self.progress,
            )
