"""A canary in the server: a share of the requests goes to the version that a release is trying out, and is counted."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from serving.server.models.life import Loaded, State, Version
from serving.server.models.places import LocalPlace, Place
from serving.server.models.policies import Latest, Policy
from serving.targets.canary import Counts, Marker, Report, read_marker, write_report
from serving.targets.history import HISTORY_FILE
from serving.targets.local import RELEASE_FOLDER

logger = logging.getLogger("estafet.serving")
STABLE_LABEL, CANARY_LABEL = "stable", "canary"


class CanaryWatch:
    """What one model's server does of a canary. `look` is called by one thread, the rest by any."""

    def __init__(self, place: Place, policy: Policy):
        """Look into a base path on a disk for a canary; with another policy than the newest there is none."""
        follows = isinstance(place, LocalPlace) and isinstance(policy, Latest)
        self._folder = place.folder / RELEASE_FOLDER if follows else None
        self._marker: Marker | None = None
        self._counts: dict[int, Counts] = {}
        self._lock = threading.Lock()
        self._server = f"{socket.gethostname()}-{os.getpid()}-{id(self):x}"
        self._said: Report | None = None
        self._is_mute = False

    def look(self, found: Collection[int], versions: Mapping[int, Version]) -> None:
        """Read what is to be done, and write how it goes.

        Args:
            found: The versions in the base path; a canary without both of its versions is none.
            versions: The versions as they are.
        """
        marker = read_marker(self._folder) if self._folder is not None else None
        if marker is not None and not {marker.stable, marker.canary} <= set(found):
            marker = None
        if marker != self._marker:
            self._counts = {marker.stable: Counts(), marker.canary: Counts()} if marker is not None else {}
            self._marker, self._said = marker, None
        if marker is not None:
            self._report(marker, versions)

    def choose(self, policy: Policy, found: Collection[int]) -> list[int]:
        """Return the versions to serve: those of the policy, and both of the canary, the tried one after the other."""
        chosen, marker = policy.choose(found), self._marker
        if marker is None:
            return chosen
        others = [number for number in chosen if number not in (marker.stable, marker.canary)]
        return [*others, marker.stable, marker.canary]

    def route(self, ready: Collection[int]) -> int | None:
        """Return the version for a request that names none, or None where the newest is to answer."""
        marker = self._marker
        if marker is None or marker.stable not in ready:
            return None
        return marker.canary if marker.canary in ready and random.random() < marker.share else marker.stable

    def label(self, label: str, ready: Collection[int]) -> int | None:
        """Return the version that `stable` or `canary` stands for in a folder of releases, or None."""
        if self._folder is None or not ready or not (self._folder / HISTORY_FILE).exists():
            return None
        marker = self._marker
        if label == CANARY_LABEL:
            return marker.canary if marker is not None else None
        if label != STABLE_LABEL:
            return None
        return marker.stable if marker is not None and marker.stable in ready else max(ready)

    def observe(self, version: Version) -> Version | Observed:
        """Return a version that counts what becomes of one request; itself where there is nothing to count."""
        counts = self._counts.get(version.number)
        return version if counts is None else Observed(version, counts, self._lock)

    def _report(self, marker: Marker, versions: Mapping[int, Version]) -> None:
        stable, canary = versions.get(marker.stable), versions.get(marker.canary)
        both = stable is not None and canary is not None
        with self._lock:
            report = Report(
                id=marker.id,
                is_ready=both and stable.state == canary.state == State.AVAILABLE,
                problem=canary.error.message if canary is not None and canary.error is not None else "",
                stable=self._counts[marker.stable].model_copy(deep=True),
                canary=self._counts[marker.canary].model_copy(deep=True),
            )
        if report == self._said:
            return
        try:
            write_report(self._folder, self._server, report)
            self._said, self._is_mute = report, False
        except OSError as error:
            if not self._is_mute:
                logger.error("%s: the release cannot be told how its canary does: %s", self._folder, error)
            self._is_mute = True


class Observed:
    """A version for the time of one request, which is counted when it has ended.

    A request that looked at the signatures and never came to run was refused: it counts as an error. One that did not
    even look, such as one for metadata, is not counted, nor is one that its client gave up.
    """

    def __init__(self, version: Version, counts: Counts, lock: threading.Lock):
        self.name, self.number, self.folder = version.name, version.number, version.folder
        self.model = _ObservedModel(version.model)
        self._counts, self._lock, self._started = counts, lock, time.perf_counter()

    def end(self) -> None:
        """Count the request."""
        model = self.model
        if model.future is None:
            if model.is_for_inference:
                self._add(None)
            return
        if model.future.cancelled():
            return
        failed = model.future.exception() is not None
        self._add(None if failed else time.perf_counter() - self._started)

    def _add(self, latency_s: float | None) -> None:
        with self._lock:
            self._counts.add(latency_s)


class _ObservedModel:
    """A model in memory that remembers what one request did with it."""

    def __init__(self, model: Loaded):
        self._model = model
        self.is_for_inference = False
        self.future: Future[list[np.ndarray]] | None = None

    @property
    def signatures(self) -> Mapping[str, Any]:
        self.is_for_inference = True
        return self._model.signatures

    @property
    def signature_def(self) -> Mapping[str, Any]:
        return self._model.signature_def

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], *, timeout_ms: int | None = None
    ) -> list[np.ndarray]:
        return self._model.run(feeds, fetches, timeout_ms=timeout_ms)

    def submit(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], *, deadline: float | None = None
    ) -> Future[list[np.ndarray]]:
        self.future = self._model.submit(feeds, fetches, deadline=deadline)
        return self.future
