"""The models that a server holds: versions are found on disk, loaded, and freed when a newer one is ready."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

import numpy as np

from estafet.versions import find_versions, newest_version
from serving.server.signature import Signature
from serving.server.status import Code, StatusError

logger = logging.getLogger("estafet.serving")


class State(IntEnum):
    """Where a version is in its life, as TensorFlow Serving numbers it."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class Loaded(Protocol):
    """A model in memory."""

    signatures: dict[str, Signature]
    signature_def: dict[str, object]

    def run(self, feeds: dict[str, np.ndarray], signature_name: str = ...) -> dict[str, np.ndarray]:
        """Call a signature."""

    def close(self) -> None:
        """Free the memory."""


@dataclass
class Version:
    """One version of a model, also after it is gone.

    Attributes:
        number: Its number.
        folder: Where it was found.
        state: Where it is in its life.
        error: Why it ended, where it ended in an error.
        model: The model while it is in memory.
        num_calls: Number of requests that it is answering now.
    """

    number: int
    folder: Path
    state: State = State.START
    error: StatusError | None = None
    model: Loaded | None = None
    num_calls: int = 0


class ServedModel:
    """One model: the newest version that loads is the one that answers.

    A version that does not load ends with its error and is tried again only after its folder was away; whatever was
    served before stays. Where nothing else is served, the next older version is taken.
    """

    def __init__(self, name: str, folder: str | Path, load: Callable[[Path], Loaded]):
        """Serve the versions in `folder`, each brought into memory by `load`."""
        self.name, self.folder, self._load = name, Path(folder), load
        self._versions: dict[int, Version] = {}
        self._changed = threading.Condition()
        self._looking = False

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
        try:
            yield version
        finally:
            with self._changed:
                version.num_calls -= 1
                self._changed.notify_all()

    def status(self, number: int | None = None) -> list[Version]:
        """Return all versions that were ever seen, newest first, or the one asked for.

        Raises:
            StatusError: NOT_FOUND, where there is none.
        """
        with self._changed:
            versions = [self._versions[key] for key in sorted(self._versions, reverse=True)]
        if number is not None:
            versions = [version for version in versions if version.number == number]
            if not versions:
                raise StatusError(Code.NOT_FOUND, f"Could not find version {number} of model {self.name}")
        if not versions:
            raise StatusError(Code.NOT_FOUND, f"Could not find any versions of model {self.name}")
        return versions

    @property
    def has_versions(self) -> bool:
        """Whether there is anything to load."""
        return newest_version(self.folder) is not None

    @property
    def settled(self) -> bool:
        """Whether some version is ready, or all that were found have failed."""
        with self._changed:
            states = {version.state for version in self._versions.values()}
            return State.AVAILABLE in states or (states == {State.END} and not self._looking)

    def poll(self) -> None:
        """Look at the folder once: load what is new, then free what it replaces. Called from one thread only."""
        self._looking = True
        try:
            self._poll()
        finally:
            self._looking = False

    def _poll(self) -> None:
        try:
            found = find_versions(self.folder)
        except OSError as error:
            if self._versions:
                logger.warning("%s: the folder %s cannot be read: %s", self.name, self.folder, error)
            return
        self._forget_failures_that_are_gone(found)
        if not found:
            return self._unload_all_but(None)
        for number, folder in found.items():
            version = self._versions.get(number)
            if version is not None and version.state == State.AVAILABLE:
                return self._unload_all_but(number)
            if version is not None and version.error is not None:
                continue
            if self._bring_up(Version(number, folder)):
                return self._unload_all_but(number)
            if self._num_ready():
                return None
        return None

    def close(self) -> None:
        """Free all versions."""
        self._unload_all_but(None)

    def _ready(self, number: int | None) -> Version:
        ready = [version for version in self._versions.values() if version.state == State.AVAILABLE]
        if number is None:
            if not ready:
                raise StatusError(Code.NOT_FOUND, f"Servable not found for request: Latest({self.name})")
            return max(ready, key=lambda version: version.number)
        for version in ready:
            if version.number == number:
                return version
        raise StatusError(Code.NOT_FOUND, f"Servable not found for request: Specific({self.name}, {number})")

    def _num_ready(self) -> int:
        return sum(version.state == State.AVAILABLE for version in self._versions.values())

    def _bring_up(self, version: Version) -> bool:
        with self._changed:
            self._versions[version.number] = version
            version.state = State.LOADING
        try:
            model, error = self._load(version.folder), None
        except StatusError as problem:
            model, error = None, problem
        except Exception as problem:
            logger.exception("%s: version %d", self.name, version.number)
            model, error = None, StatusError(Code.UNKNOWN, f"{type(problem).__name__}: {problem}")
        with self._changed:
            version.model, version.error = model, error
            version.state = State.END if error else State.AVAILABLE
            self._changed.notify_all()
        if error:
            logger.error("%s: version %d cannot be served: %s", self.name, version.number, error)
        else:
            logger.info("%s: version %d is available", self.name, version.number)
        return error is None

    def _forget_failures_that_are_gone(self, found: dict[int, Path]) -> None:
        with self._changed:
            for number in [n for n, version in self._versions.items() if version.error and n not in found]:
                self._versions[number].error = None

    def _unload_all_but(self, kept: int | None) -> None:
        with self._changed:
            leaving = [v for v in self._versions.values() if v.state == State.AVAILABLE and v.number != kept]
            for version in leaving:
                version.state = State.UNLOADING
            for version in leaving:
                self._changed.wait_for(lambda version=version: version.num_calls == 0)
        for version in leaving:
            version.model.close()
            with self._changed:
                version.model, version.state = None, State.END
            logger.info("%s: version %d is unloaded", self.name, version.number)


class Models:
    """All models of a server, and the thread that looks for new versions."""

    def __init__(self, models: list[ServedModel], *, poll_s: float):
        """Watch the folders of `models` every `poll_s` seconds, once `start` is called."""
        self._models = {model.name: model for model in models}
        self._poll_s = poll_s
        self._stopping = threading.Event()
        self._polled = threading.Condition()
        self._thread = threading.Thread(target=self._watch, name="versions", daemon=True)

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._models.values())

    def find(self, name: str) -> ServedModel | None:
        """Return a model, or None where the server has none of that name."""
        return self._models.get(name)

    def start(self) -> None:
        """Begin to look for versions."""
        self._thread.start()

    def wait_until_settled(self, timeout_s: float) -> bool:
        """Wait until every model has a version that is ready, or nothing but versions that failed."""
        with self._polled:
            return self._polled.wait_for(lambda: all(model.settled for model in self), timeout_s)

    def stop(self) -> None:
        """Stop looking for versions, and free all of them."""
        self._stopping.set()
        self._thread.join(timeout=10)
        for model in self:
            model.close()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            for model in self:
                try:
                    model.poll()
                except Exception:
                    logger.exception("%s: looking for versions failed; trying again", model.name)
            with self._polled:
                self._polled.notify_all()
            self._stopping.wait(self._poll_s)
