"""Kubeflow's local cache, listened to: which step was reused, which one starts, and what each was called with.

The ledger keeps, for each step, the arguments of the newest execution, so that `estafet explain` can say what changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from kfp.local import cache

from estafet.files import read_json, write_json

COMPONENT_PREFIX = "comp-"


class Listener(Protocol):
    """What wants to know how the cache was used."""

    def looked_up(self, step: str, arguments: Mapping[str, Any], outputs: Mapping[str, Any] | None) -> None:
        """Hear that `step` was looked up, and what it gave when it last ran like this (None: it must run)."""

    def ran(self, step: str, arguments: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Hear that `step` ran to its end."""


class ListeningCache(cache.LocalCache):
    """Kubeflow's own cache, with a listener; what is a hit and what is not stays Kubeflow's word."""

    def __init__(self, cache_root: str, listener: Listener):
        super().__init__(cache_root)
        self._listener = listener
        self._called: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def compute_key(self, component_name: str, image: str, full_command: list, arguments: dict, **more: Any) -> str:
        """Compute the key as Kubeflow does, and remember what it stands for."""
        key = super().compute_key(component_name, image, full_command, arguments, **more)
        self._called[key] = step_name(component_name), self._serialize_value_for_key(arguments)
        return key

    def get(self, key: str) -> dict[str, Any] | None:
        """Look a key up, and tell the listener."""
        outputs = super().get(key)
        step, arguments = self._called[key]
        self._listener.looked_up(step, arguments, outputs)
        return outputs

    def put(self, key: str, outputs: dict[str, Any]) -> None:
        """Keep what a step gave, and tell the listener."""
        super().put(key, outputs)
        step, arguments = self._called[key]
        self._listener.ran(step, arguments, outputs)


def step_name(component_name: str) -> str:
    """Return a step's name from its component's name in the compiled pipeline."""
    return component_name.removeprefix(COMPONENT_PREFIX).replace("-", "_")


@contextlib.contextmanager
def listening(cache_root: Path, listener: Listener) -> Iterator[None]:
    """Let a listener hear how the local cache is used, while the block runs."""
    listener_cache = ListeningCache(str(cache_root), listener)
    cache._cache_singleton, cache._cache_singleton_root = listener_cache, str(cache_root)
    try:
        yield
    finally:
        cache.reset_local_cache_singleton()


class Ledger:
    """For each step of a workspace, what its newest execution was called with."""

    def __init__(self, folder: Path):
        self._folder = folder

    def read(self, step: str) -> dict[str, Any] | None:
        """Return the entry of `step`: `run`, `arguments`, `code` and `sources`; None where it never ran."""
        path = self._folder / f"{step}.json"
        return read_json(path) if path.is_file() else None

    def write(self, step: str, entry: Mapping[str, Any]) -> None:
        """Replace the entry of `step`."""
        write_json(self._folder / f"{step}.json", entry)
