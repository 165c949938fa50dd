"""Version policies: which of the versions that are found are to be served."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Latest:
    """The newest ones."""

    num_versions: int = 1

    def choose(self, found: Collection[int]) -> list[int]:
        """Return the versions to serve, newest first."""
        return sorted(found, reverse=True)[: max(self.num_versions, 1)]


@dataclass(frozen=True)
class All:
    """All of them."""

    def choose(self, found: Collection[int]) -> list[int]:
        """Return the versions to serve, newest first."""
        return sorted(found, reverse=True)


@dataclass(frozen=True)
class Specific:
    """Those that are named; none at all where none is."""

    versions: tuple[int, ...] = ()

    def choose(self, found: Collection[int]) -> list[int]:
        """Return the versions to serve, newest first."""
        return sorted(set(self.versions) & set(found), reverse=True)


Policy = Latest | All | Specific
