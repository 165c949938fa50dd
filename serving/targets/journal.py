"""The release in progress: one small file that says how far it is, so that the next command can finish or undo it."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from estafet.errors import DataError, ServiceUnavailable
from estafet.release import now
from serving.targets.protocol import Memory, Target

JOURNAL_FILE = "journal.json"
LOOK_S = 0.5


class Stage(StrEnum):
    """How far a release is; what the next command does with one that was killed there."""

    TESTING = "testing"
    """Being copied and tested, out of sight: nothing is to be undone."""
    PUBLISHING = "publishing"
    """Getting its number: finished where it has it, else nothing is to be undone."""
    CANARY = "canary"
    """Answering a share of the requests: undone, since nobody watched it any more."""
    PROMOTING = "promoting"
    """It was found good: finished."""
    ROLLING_BACK = "rolling back"
    """Versions are being withdrawn: finished."""


class Entry(BaseModel):
    """What is being done to a model's versions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    stage: Stage
    by: str
    """Who does it: user and command."""
    started: datetime
    number: int = 0
    """The version that is to be served in the end: the one released, or the one gone back to."""
    previous: int = 0
    """The version that was served before; 0 where there was none."""
    fingerprint: str = ""
    """Of the release that gets the number."""
    registered_version: str = ""
    """Its number in the MLflow registry; empty without MLflow."""
    withdraw: tuple[int, ...] = ()
    """Versions that are to be taken back."""
    reason: str = ""
    """Why they are."""
    is_automatic: bool = False
    """Whether nobody asked for that: a canary was found wanting."""


class Journal:
    """The journal of one model; only who holds its lock may use it."""

    def __init__(self, memory: Memory):
        """Keep it in what a model's releases remember."""
        self._memory = memory

    def read(self) -> Entry | None:
        """Return what is in progress, or None.

        Raises:
            DataError: It cannot be understood.
        """
        try:
            found = self._memory.read(JOURNAL_FILE)
            return None if found is None else Entry.model_validate(found)
        except ValueError as error:
            where = self._memory.where(JOURNAL_FILE)
            raise DataError(
                f"the release journal '{where}' cannot be understood: {str(error).splitlines()[0]}.",
                hint="another version of Estafet wrote it, or it is damaged; look at it, then remove it.",
            ) from error

    def enter(self, entry: Entry) -> Entry:
        """Write what is about to be done, before it is."""
        self._memory.write(JOURNAL_FILE, entry.model_dump(mode="json"))
        return entry

    def close(self) -> None:
        """Say that it is done."""
        self._memory.remove(JOURNAL_FILE)


@contextmanager
def locked(
    target: Target, *, wait_s: float = 0, waiting: Callable[[str], None] = lambda message: None
) -> Iterator[Journal]:
    """Keep other releases of a model out while the block runs.

    Args:
        target: The model.
        wait_s: Seconds to wait for a release that is going on.
        waiting: Told that it is waited for.

    Raises:
        ServiceUnavailable: Another one is going on.
        ConfigError: The place cannot be written.
    """
    lock, deadline = target.lock(), time.monotonic() + wait_s
    try:
        while not lock.take():
            if time.monotonic() >= deadline:
                raise ServiceUnavailable(
                    f"another release of '{target.name}' is going on ({lock.holder()}).",
                    hint="wait until it has ended, then run the same command again.",
                )
            waiting("waiting for another release")
            time.sleep(LOOK_S)
        yield Journal(target.memory)
    finally:
        lock.close()


def begin(by: str, **about: object) -> Entry:
    """Return an entry that begins now, in the name of this user and the command `by`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in a container
        user = str(os.getuid())
    return Entry(by=f"{user}, {by}", started=now(), **about)
