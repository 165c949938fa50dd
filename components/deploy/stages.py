"""The stages of one release. Each is in the journal before it begins, so that a kill can be mended."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from components.deploy import canary as trial
from components.deploy.promotion import promote, remember, take_back
from components.deploy.recovery import promote_or_undo, recover, undoing
from components.deploy.warmup import write_warm_up
from estafet.errors import EstafetError, GateRefused, StepFailed
from estafet.release import Release, Smoke
from estafet.runfile.steps import DeploySettings as Settings
from estafet.telemetry import Progress
from estafet.tracking import MlflowTracker, Tracker
from serving import registry
from serving.targets import checksums
from serving.targets.history import History
from serving.targets.journal import Entry, Journal, Stage, begin
from serving.targets.protocol import Address, Staged, Target

COMMAND = "estafet run"


@dataclass(frozen=True)
class Deployed:
    """What `deploy` did.

    Attributes:
        version: The number under which the version is served.
        published: Whether it was published now; it was there already otherwise.
        folder: Where the version is.
        registered_version: Its number in the registry; empty without MLflow.
        smoke_latency_s: Seconds that the smoke test's requests took; None where none were sent.
        removed: Older versions that were removed.
        canary: How the canary went, in a few words; empty without one.
    """

    version: int
    published: bool
    folder: Address
    registered_version: str = ""
    smoke_latency_s: float | None = None
    removed: tuple[int, ...] = ()
    canary: str = ""


@dataclass(frozen=True)
class Releasing:
    """One release on its way.

    Attributes:
        settings: The `deploy` section and the model's name.
        release: What is known of the version, with its number in the registry.
        servable: Its folder.
        target: Where it goes.
        tracker: Where parameters, metrics and reasons go.
        progress: Told what is being done.
    """

    settings: Settings
    release: Release
    servable: Path
    target: Target
    tracker: Tracker
    progress: Progress

    @property
    def uri(self) -> str | None:
        """The registry, if there is one."""
        return self.tracker.uri if isinstance(self.tracker, MlflowTracker) else None

    @property
    def _about(self) -> dict[str, str]:
        """What the journal says of the version."""
        return {"fingerprint": self.release.fingerprint, "registered_version": self.release.registered_version}

    def go(self, journal: Journal) -> Deployed:
        """Go through all stages; what ends one by an error leaves one whole version served."""
        served = self.target.newest()
        papers = self.target.papers(served[0]) if served is not None else None
        if papers is not None and papers.fingerprint == self.release.fingerprint:
            return self._is_served(journal, *served)
        self._refuse_what_was_taken_back()
        try:
            entry, latency_s = self._publish(journal, served[0] if served is not None else 0)
            seen = ""
            if entry.stage == Stage.CANARY:
                entry, seen = self._try_out(journal, entry)
        except BaseException as error:
            self._mend(journal, error)
            raise
        if self.uri is not None and entry.registered_version:
            self.progress("making it the champion")
        promote_or_undo(self.target, journal, entry, self.uri)
        removed = tuple(self.target.prune(self.settings.keep_versions))
        self.tracker.log_parameters({"served_version": entry.number, "fingerprint": self.release.fingerprint})
        self.tracker.log_metrics({"smoke_latency_s": latency_s})
        folder = self.target.versions()[entry.number]
        return Deployed(entry.number, True, folder, entry.registered_version, latency_s, removed, seen)

    def _is_served(self, journal: Journal, number: int, folder: Address) -> Deployed:
        """Nothing is to be released; servers follow changed settings, and the alias is set where it could not be."""
        self.target.settle()
        registered_version = self.release.registered_version
        known = History(self.target).get(number)
        if self.uri is not None and registered_version and not (known is not None and known.is_champion):
            about = {
                "number": number,
                "fingerprint": self.release.fingerprint,
                "registered_version": registered_version,
            }
            entry = journal.enter(begin(COMMAND, stage=Stage.PROMOTING, **about))
            self.progress("making it the champion")
            promote(self.target, journal, entry, self.uri)
        return Deployed(number, False, folder, registered_version)

    def _refuse_what_was_taken_back(self) -> None:
        """A person has rolled this very model back: it does not come again by itself."""
        refused = History(self.target).refused(self.release)
        if refused is None:
            return
        said = refused.rolled_back
        raise GateRefused(
            f"this very model was rolled back as version {refused.number} on {said.when:%Y-%m-%d} by {said.by}: "
            f"{said.reason}. It is not released again.",
            hint=f"to serve it all the same, type `estafet rollback RUN.yaml --to {refused.number}`; to get another "
            "model, change the data or the settings.",
        )

    def _publish(self, journal: Journal, previous: int) -> tuple[Entry, float]:
        """Copy the version, test it, and give it its number.

        Returns:
            What is in the journal then, and the seconds that the smoke test's requests took.
        """
        entry = journal.enter(begin(COMMAND, stage=Stage.TESTING, previous=previous, **self._about))
        self.progress("copying the candidate")
        with self.target.stage(self.servable) as staged:
            write_warm_up(staged.version_dir, self.settings.name)
            checksums.write(staged.version_dir)
            staged.sync()
            latency_s = self._smoke_test(staged)
            self.progress("publishing")
            number = self.target.next_number(entry.registered_version)
            share = self.settings.canary.share if previous else 0
            stage = Stage.CANARY if share else Stage.PUBLISHING
            entry = journal.enter(entry.model_copy(update={"stage": stage, "number": number}))
            if share:
                self.target.begin_canary(stable=previous, tried=number, share=share)
            number = staged.publish(number)
        return entry.model_copy(update={"number": number}), latency_s

    def _smoke_test(self, staged: Staged) -> float:
        from components.deploy.smoke import smoke_test

        smoke = Smoke.load(self.servable)
        if not smoke.instances:
            raise StepFailed(
                f"the release in '{self.servable}' came without requests for its smoke test.",
                hint="export it again with `estafet run`.",
            )
        return smoke_test(
            smoke,
            staged.models_dir,
            self.settings.name,
            staged.output_dir,
            timeout_s=self.settings.smoke_timeout_s,
            progress=self.progress,
        )

    def _try_out(self, journal: Journal, entry: Entry) -> tuple[Entry, str]:
        """Let the version answer a share of the requests.

        Returns:
            What is in the journal then, and how it went.

        Raises:
            GateRefused: It was found wanting, and is withdrawn.
        """
        remember(self.target, History(self.target), entry.number, entry)
        marker = self.target.marker()
        verdict = trial.watch(
            self.settings.canary,
            lambda: self.target.reports(marker),
            load_timeout_s=self.settings.smoke_timeout_s,
            progress=self.progress,
        )
        self.tracker.log_metrics(verdict.metrics)
        if verdict.is_good:
            return journal.enter(entry.model_copy(update={"stage": Stage.PROMOTING})), verdict.reason
        self.progress("rolling back")
        undo = journal.enter(undoing(entry, f"canary: {verdict.reason}"))
        take_back(self.target, journal, undo, self.uri)
        raise GateRefused(
            f"version {entry.number} was rolled back in its canary: {verdict.reason}. Version {entry.previous} is "
            "served as before.",
            hint="`estafet releases RUN.yaml` lists what was released; the bounds are in deploy.canary.",
        )

    def _mend(self, journal: Journal, error: BaseException) -> None:
        """Undo or finish what an error has ended, and say in MLflow why; the error itself goes on."""
        with contextlib.suppress(EstafetError, OSError):
            left = journal.read()
            if left is not None and left.stage != Stage.ROLLING_BACK:
                recover(self.target, journal, self.uri)
        if self.uri is None or not isinstance(error, EstafetError):
            return
        tags = {"estafet.refused": error.message}
        with contextlib.suppress(EstafetError):
            self.tracker.log_tags(tags)
            if self.release.registered_version:
                registry.set_tags(self.uri, self.settings.name, self.release.registered_version, tags)
