"""One model of the server: it looks for versions, loads what is new, and lets go of what that replaces."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from estafet.errors import EstafetError
from serving.server.models.arrivals import LOOK_AGAIN_S, Arrivals
from serving.server.models.canary import CanaryWatch
from serving.server.models.life import Loaded, State, Version, VersionStatus
from serving.server.models.places import Found, Place
from serving.server.models.policies import Latest, Policy, Specific
from serving.server.status import Code, StatusError

logger = logging.getLogger("estafet.serving")
FREE_S = 30


@dataclass(frozen=True)
class Settings:
    """How versions are looked for and loaded, for all models of a server.

    Attributes:
        poll_s: Seconds between two looks for versions; 0 looks once, less never.
        max_num_load_retries: How often a version that failed is tried again from the same files.
        retry_s: Seconds between two such tries.
        num_load_threads: Versions that are loaded at a time, over all models.
    """

    poll_s: float = 1.0
    max_num_load_retries: int = 5
    retry_s: float = 60.0
    num_load_threads: int = 8


class ServedModel:
    """One model: its versions, and a thread that keeps them as the policy and the base path have them.

    A version leaves only when another one has taken its place: an emptied or vanished base path changes nothing. A
    version that does not load ends with its error and is tried again a few times, and whenever its files change;
    where nothing else is served, the next older version is taken meanwhile.
    """

    def __init__(
        self,
        name: str,
        place: Place,
        load: Callable[[Path], Loaded],
        *,
        policy: Policy = Latest(),
        settings: Settings = Settings(),
        slots: threading.Semaphore | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Serve the versions in `place`, each brought into memory by `load`, once `start` is called."""
        self.name, self.place, self.policy = name, place, policy
        self._load, self._settings, self._clock = load, settings, clock
        self._slots = slots or threading.Semaphore(settings.num_load_threads)
        self._versions: dict[int, Version] = {}
        self._found: dict[int, Found] = {}
        self._held: dict[int, Found] = {}
        self._arrivals = Arrivals()
        self._canary = CanaryWatch(place, policy)
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._is_retired = self._has_looked = False
        self._said = ""
        self._thread: threading.Thread | None = None
        self._freeing: list[threading.Thread] = []

    @contextmanager
    def use(self, number: int | None = None) -> Iterator[Version]:
        """Hold a version while a request runs on it: it is not freed before.

        Args:
            number: The version; the newest that is ready where none is given.

        Raises:
            StatusError: NOT_FOUND, where it is not ready.
        """
        with self._changed:
            version = self._ready(number)
            version.num_calls += 1
        observed = version if number is not None else self._canary.observe(version)
        try:
            yield observed
        finally:
            if observed is not version:
                observed.end()
            with self._changed:
                version.num_calls -= 1
                if not version.num_calls and version.state != State.AVAILABLE:
                    self._changed.notify_all()

    def status(self, number: int | None = None) -> list[VersionStatus]:
        """Return all versions that were ever seen, newest first, or the one asked for.

        Raises:
            StatusError: NOT_FOUND, where there is none.
        """
        with self._changed:
            versions = [self._versions[key].status for key in sorted(self._versions, reverse=True)]
        if number is not None:
            versions = [version for version in versions if version.number == number]
            if not versions:
                raise StatusError(Code.NOT_FOUND, f"Could not find version {number} of model {self.name}")
        if not versions:
            raise StatusError(Code.NOT_FOUND, f"Could not find any versions of model {self.name}")
        return versions

    @property
    def available(self) -> list[int]:
        """The versions that answer, newest first."""
        with self._changed:
            return sorted((v.number for v in self._versions.values() if v.state == State.AVAILABLE), reverse=True)

    def labelled(self, label: str) -> int | None:
        """Return the version that a release's label stands for, or None."""
        return self._canary.label(label, self.available)

    @property
    def has_versions(self) -> bool:
        """Whether any version was found."""
        with self._changed:
            return bool(self._versions)

    @property
    def has_looked(self) -> bool:
        """Whether the base path was looked at, or could not be."""
        return self._has_looked or bool(self._said)

    @property
    def failed(self) -> list[VersionStatus]:
        """The versions that ended in an error."""
        with self._changed:
            return [version.status for version in self._versions.values() if version.error is not None]

    @property
    def settled(self) -> bool:
        """Whether some version is ready, or all that were found have failed."""
        with self._changed:
            states = {version.state for version in self._versions.values()}
            return State.AVAILABLE in states or (bool(self.failed) and states == {State.END})

    def start(self) -> None:
        """Begin to look for versions."""
        self._thread = threading.Thread(target=self._watch, name=f"versions-{self.name}", daemon=True)
        self._thread.start()

    def change(self, place: Place, policy: Policy) -> None:
        """Look somewhere else from now on, or for other versions."""
        with self._changed:
            before, self.place, self.policy = self.place, place, policy
            self._canary = CanaryWatch(place, policy)
            self._has_looked = False
        if before is not place:
            before.close()
        self._wake.set()

    def retire(self) -> None:
        """Let go of all versions, in the background, and look for no more."""
        self._is_retired = True
        self._wake.set()
        if self._thread is None:
            self._free_all()

    def join(self, timeout_s: float = FREE_S) -> None:
        """Wait until a retired model is gone from memory."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        for thread in self._freeing:
            thread.join(timeout_s)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait until a condition on this model holds, or the time is over."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def step(self) -> bool:
        """Look once, and do at most one thing. Called by one thread only.

        Returns:
            Whether there may be more to do at once.
        """
        found = self._look()
        if found is None:
            return False
        self._forget_what_is_gone(found)
        aspired = self._aspired(found)
        return self._let_go(aspired) or self._bring_one(found, aspired)

    def _watch(self) -> None:
        while not self._is_retired:
            try:
                while self.step() and not self._is_retired:
                    pass
            except Exception:
                logger.exception("%s: looking for versions failed; trying again", self.name)
            self._wake.wait(self._pause_s())
            self._wake.clear()
        self._free_all()

    def _pause_s(self) -> float | None:
        if self._is_retired:
            return 0
        poll_s = self._settings.poll_s
        with self._changed:
            is_waiting = any(version.is_new for version in self._versions.values() if version.number in self._found)
            retries = [version.retry_at for version in self._versions.values() if version.retry_at is not None]
        if is_waiting and poll_s >= 0:
            return min(poll_s or LOOK_AGAIN_S, LOOK_AGAIN_S)
        until_retry_s = max(min(retries) - self._clock(), 0) if retries else None
        if poll_s > 0:
            return poll_s if until_retry_s is None else min(poll_s, until_retry_s)
        return until_retry_s if self._has_looked else None

    def _look(self) -> Mapping[int, Found] | None:
        """Return what is in the base path, or None where it cannot be seen or is not to be looked at."""
        if self._settings.poll_s < 0:
            return None
        if self._settings.poll_s == 0 and self._has_looked and self._found:
            return self._found
        try:
            found = dict(self.place.find())
        except (OSError, EstafetError) as error:
            self._say(f"the base path cannot be read: {error}")
            return None
        self._has_looked = True
        if not found:
            self._say(
                f"No versions of servable {self.name} found under its base path. Did you forget to name your leaf "
                "directory as a number (eg. '/1/')? What is served stays."
            )
        else:
            self._said = ""
        self._found = found
        return found

    def _say(self, what: str) -> None:
        """Log something once, not at every look."""
        if what != self._said:
            logger.warning("%s: %s", self.name, what)
            self._said = what

    def _forget_what_is_gone(self, found: Mapping[int, Found]) -> None:
        self._arrivals.forget_all_but(found)
        with self._changed:
            for number, version in list(self._versions.items()):
                if number in found:
                    continue
                if version.error is not None:
                    version.error, version.retry_at, version.num_tries, version.tried = None, None, 0, None
                elif version.state == State.START:
                    del self._versions[number]

    def _aspired(self, found: Mapping[int, Found]) -> list[int]:
        """Return the versions to serve, newest first."""
        self._canary.look(found, self._versions)
        chosen = self._canary.choose(self.policy, found)
        with self._changed:
            failed = {number for number, version in self._versions.items() if version.error is not None}
            if not self.available and isinstance(self.policy, Latest) and set(chosen) <= failed:
                chosen = self.policy.choose(set(found) - failed) or chosen
            for number in chosen:
                if number not in self._versions:
                    self._versions[number] = Version(self.name, number, Path())
        return chosen

    def _let_go(self, aspired: list[int]) -> bool:
        """Free the lowest version that is not wanted any more, where another has taken its place."""
        ready = set(self.available)
        unwanted = ready - set(aspired)
        if not unwanted or not (aspired or self.policy == Specific()):
            return False
        if aspired and not ready & set(aspired) and len(unwanted) == 1:
            return False
        self._free(min(unwanted))
        return True

    def _bring_one(self, found: Mapping[int, Found], aspired: list[int]) -> bool:
        """Load the highest version that is wanted and has arrived."""
        for number in aspired:
            version = self._versions[number]
            if not (version.is_new or version.error is not None) or version.state == State.UNLOADING:
                continue
            try:
                snapshot, missing = found[number].look()
            except OSError:
                continue
            if version.error is not None and not self._is_due(version, snapshot):
                continue
            has_stood_still = version.error is not None and snapshot == version.tried
            if not has_stood_still and not self._arrivals.look(number, snapshot, missing):
                self._ask_again(version)
                continue
            self._arrivals.forget(number)
            self._bring(version, found[number], snapshot, missing)
            return True
        return False

    def _is_due(self, version: Version, snapshot: object) -> bool:
        """Whether a version that failed is to be tried again: its files have changed, or it is time."""
        if snapshot != version.tried:
            version.num_tries = 0
            return True
        return version.retry_at is not None and self._clock() >= version.retry_at

    def _ask_again(self, version: Version) -> None:
        """See to it that a version that failed and is arriving anew is looked at again soon."""
        if version.error is not None:
            version.retry_at = self._clock() + LOOK_AGAIN_S

    def _bring(self, version: Version, found: Found, snapshot: object, missing: StatusError | None) -> None:
        with self._changed:
            version.state, version.error, version.retry_at = State.LOADING, None, None
        model = None
        try:
            if missing is not None:
                raise missing
            with self._slots:
                version.folder, self._held[version.number] = found.bring(), found
                model, error = self._load(version.folder), None
        except StatusError as problem:
            error = problem
        except EstafetError as problem:
            error = StatusError(Code.UNAVAILABLE, problem.message)
        except Exception as problem:
            logger.exception("%s: version %d", self.name, version.number)
            error = StatusError(Code.UNKNOWN, f"{type(problem).__name__}: {problem}")
        if error is not None:
            with contextlib.suppress(OSError):
                found.drop()
        self._note(version, model, error, snapshot)

    def _note(self, version: Version, model: Loaded | None, error: StatusError | None, snapshot: object) -> None:
        with self._changed:
            version.model, version.error = model, error
            version.state = State.END if error else State.AVAILABLE
            version.tried = snapshot
            version.num_tries = version.num_tries + 1 if error else 0
            if error and version.num_tries <= self._settings.max_num_load_retries:
                version.retry_at = self._clock() + self._settings.retry_s
            self._changed.notify_all()
        if error:
            logger.error("%s: version %d cannot be served: %s", self.name, version.number, error)
        else:
            logger.info("%s: version %d is available", self.name, version.number)

    def _free(self, number: int) -> None:
        """Take a version away from new requests, and free it in the background after the last that it answers."""
        with self._changed:
            version = self._versions[number]
            version.state = State.UNLOADING
            found = self._held.pop(number, None)
        thread = threading.Thread(target=self._finish, args=(version, found), name=f"free-{self.name}", daemon=True)
        self._freeing = [other for other in self._freeing if other.is_alive()] + [thread]
        thread.start()

    def _finish(self, version: Version, found: Found | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: version.num_calls == 0)
        try:
            version.model.close()
            if found is not None:
                found.drop()
        except Exception:
            logger.exception("%s: version %d was not freed in good order", self.name, version.number)
        with self._changed:
            version.model, version.state = None, State.END
            self._changed.notify_all()
        self._wake.set()
        logger.info("%s: version %d is unloaded", self.name, version.number)

    def _free_all(self) -> None:
        for number in self.available:
            self._free(number)
        with self._changed:
            for number in [n for n, version in self._versions.items() if version.state == State.START]:
                del self._versions[number]
        self.place.close()

    def _ready(self, number: int | None) -> Version:
        ready = [version for version in self._versions.values() if version.state == State.AVAILABLE]
        if number is None:
            if not ready:
                raise StatusError(Code.NOT_FOUND, f"Servable not found for request: Latest({self.name})")
            number = self._canary.route({version.number for version in ready})
        if number is None:
            return max(ready, key=lambda version: version.number)
        for version in ready:
            if version.number == number:
                return version
        raise StatusError(Code.NOT_FOUND, f"Servable not found for request: Specific({self.name}, {number})")
