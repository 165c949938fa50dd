"""What became of each version that was ever released: one file beside the versions, which outlives them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from estafet.errors import DataError
from estafet.release import Release, now
from serving.targets.protocol import Target

HISTORY_FILE = "history.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=())


class RolledBack(_Part):
    """That a version was taken back."""

    reason: str
    by: str
    """User and command."""
    when: datetime
    is_automatic: bool = False
    """Whether nobody asked for it: a canary was found wanting, or its release was killed."""


class Released(_Part):
    """What is remembered of a version."""

    number: int
    released: datetime
    """When its release began; when it was made, where that is not known."""
    fingerprint: str = ""
    model_version: str = ""
    """Fingerprint of the weights: a model that is exported anew has the same weights in other bytes."""
    registered_version: str = ""
    """Its number in the MLflow registry; empty without MLflow."""
    mlflow_run_id: str = ""
    headline: str = ""
    """The metric that decides."""
    value: float | None = None
    is_champion: bool = False
    """Whether the registry's alias was pointed at it."""
    rolled_back: RolledBack | None = None

    @classmethod
    def of(cls, number: int, release: Release) -> Released:
        """Return what is remembered of a release."""
        return cls(
            number=number,
            released=release.created,
            fingerprint=release.fingerprint,
            model_version=release.model_version,
            registered_version=release.registered_version,
            mlflow_run_id=release.mlflow_run_id,
            headline=release.headline,
            value=release.headline_value,
        )


class History:
    """The history of one model; only who holds the release lock may write it."""

    def __init__(self, target: Target):
        """Read it.

        Raises:
            DataError: It cannot be understood.
        """
        self._memory = target.memory
        try:
            found = self._memory.read(HISTORY_FILE)
            entries = [Released.model_validate(entry) for entry in found["versions"]] if found is not None else []
        except (ValueError, KeyError, TypeError) as error:
            where = self._memory.where(HISTORY_FILE)
            raise DataError(
                f"the history of releases '{where}' cannot be understood: {str(error).splitlines()[0]}.",
                hint="another version of Estafet wrote it, or it is damaged; it can be removed: versions stay.",
            ) from error
        self.versions = {entry.number: entry for entry in entries}

    def get(self, number: int) -> Released | None:
        """Return what is remembered of a version, or None."""
        return self.versions.get(number)

    def put(self, entry: Released) -> None:
        """Remember a version."""
        self.versions[entry.number] = entry
        numbers = sorted(self.versions)
        self._memory.write(
            HISTORY_FILE, {"versions": [self.versions[number].model_dump(mode="json") for number in numbers]}
        )

    def change(self, number: int, **changes: object) -> None:
        """Remember something else of a version; nothing where there is no such version."""
        entry = self.versions.get(number)
        if entry is not None:
            self.put(entry.model_copy(update=changes))

    def champion(self) -> Released | None:
        """Return the version that the registry's alias was pointed at, if any."""
        return next((entry for entry in self.versions.values() if entry.is_champion), None)

    def refused(self, release: Release) -> Released | None:
        """Return the newest version with the files or the weights of a release, where a person took it back."""
        same = [
            entry
            for entry in self.versions.values()
            if entry.fingerprint == release.fingerprint
            or (entry.model_version and entry.model_version == release.model_version)
        ]
        newest = max(same, key=lambda entry: entry.number, default=None)
        asked = newest is not None and newest.rolled_back is not None and not newest.rolled_back.is_automatic
        return newest if asked else None


def taken_back(reason: str, by: str, *, is_automatic: bool) -> RolledBack:
    """Return that a version is taken back now."""
    return RolledBack(reason=reason, by=by, when=now(), is_automatic=is_automatic)
