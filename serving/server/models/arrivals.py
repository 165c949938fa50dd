"""Waits until a version has arrived: two looks in a row see the same files, and nothing is missing."""

from __future__ import annotations

from dataclasses import dataclass

from serving.server.status import StatusError

LOOK_AGAIN_S = 0.1
PATIENT_LOOKS = 20
"""Number of looks in a row at an unchanged folder with something missing, after which that is reported."""


@dataclass
class _Seen:
    snapshot: object
    num_looks: int = 1


class Arrivals:
    """Remembers how the versions that are not loaded yet looked before."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def look(self, number: int, snapshot: object, missing: StatusError | None) -> bool:
        """Take a look at a version.

        Returns:
            Whether it has arrived, or has stood still for so long with something missing that it never will.
        """
        seen = self._seen.get(number)
        if seen is None or seen.snapshot != snapshot:
            self._seen[number] = _Seen(snapshot)
            return False
        seen.num_looks += 1
        return seen.num_looks >= (PATIENT_LOOKS if missing else 2)

    def forget(self, number: int) -> None:
        """Begin anew with a version: it was loaded, or it is gone."""
        self._seen.pop(number, None)

    def forget_all_but(self, numbers: object) -> None:
        """Begin anew with all versions that are not among `numbers`."""
        for number in set(self._seen) - set(numbers):
            del self._seen[number]
