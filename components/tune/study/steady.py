"""A storage that waits out a lock or a server that is away, and whose errors are ours."""

from __future__ import annotations

import abc
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.storages._heartbeat import BaseHeartbeat
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from estafet.errors import ConfigError, EstafetError, ServiceUnavailable, StepFailed

PATIENCE_S = 60.0
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 5.0
TROUBLE = (StorageInternalError, SQLAlchemyError, OSError)
_REFUSED = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")
_DAMAGED = ("malformed", "not a database", "readonly database", "permission denied", "read-only file system")


class Steady(BaseStorage):
    """Passes every call on, again and again for a bounded time where the place is locked or away.

    Args:
        inner: The storage that is kept steady.
        place: Where it is, as it may be shown.
        patience_s: Seconds after which an error is raised.
        file: The file that must stay the same while it is open, if it is one.
    """

    def __init__(self, inner: BaseStorage, place: str, *, patience_s: float, file: Path | None = None):
        self._inner, self._place, self._patience_s = inner, place, patience_s
        self._file, self._number = file, file and _number_of(file)

    def _pass_on(self, name: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        tries = itertools.count()

        def call() -> Any:
            again = next(tries)
            if self._file is not None and _number_of(self._file) != self._number:
                raise FileNotFoundError(2, "it is gone", str(self._file))
            try:
                return getattr(self._inner, name)(*args, **kwargs)
            except UpdateFinishedTrialError:
                if again and name == "set_trial_state_values":
                    return True  # the first try did arrive, and only its answer was lost
                raise

        return steadily(call, self._place, self._patience_s)


def _passing_on(name: str) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: self._pass_on(name, args, kwargs)


class SteadyDatabase(Steady, BaseHeartbeat):
    """The same for a database, in which running trials have a heartbeat, by which other machines see that they live."""


def _let_pass(kind: type, interface: type) -> None:
    for name, value in vars(interface).items():
        if callable(value) and (not name.startswith("_") or name in interface.__abstractmethods__):
            setattr(kind, name, _passing_on(name))
    abc.update_abstractmethods(kind)


_let_pass(Steady, BaseStorage)
_let_pass(SteadyDatabase, BaseHeartbeat)


def steadily(call: Callable[[], Any], place: str, patience_s: float = PATIENCE_S) -> Any:
    """Return what `call` returns; where the storage is in trouble, call again with longer and longer waits.

    Raises:
        ConfigError: The server refuses the user or knows no such database.
        StepFailed: The file is damaged, or cannot be written.
        ServiceUnavailable: It is still locked or away after `patience_s` seconds.
    """
    deadline, wait_s = time.monotonic() + patience_s, FIRST_WAIT_S
    while True:
        try:
            return call()
        except TROUBLE as trouble:
            why = _reason(trouble)
            if time.monotonic() + wait_s > deadline or _is(why, (*_REFUSED, *_DAMAGED)):
                raise _said(place, why, trouble, patience_s) from None  # its own text may hold the connection's
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def _said(place: str, why: str, trouble: Exception, patience_s: float) -> EstafetError:
    if _is(why, _REFUSED):
        return ConfigError(
            f"the study's storage {place} cannot be used: {why}",
            hint="correct tune.storage; a password comes from PGPASSWORD or ~/.pgpass, and the database must exist.",
        )
    if _is(why, _DAMAGED):
        return StepFailed(
            f"the study's storage {place} cannot be used: {why}",
            hint="look at the file and its permissions, or name another place in tune.storage.",
        )
    if isinstance(trouble, FileNotFoundError):
        return ServiceUnavailable(
            f"the study's storage {place} went away while the search ran: {why}",
            hint="put the file back, and the same command goes on; without it, the search begins anew.",
        )
    return ServiceUnavailable(
        f"the study's storage {place} did not answer for {patience_s:.0f} s: {why}",
        hint="see that it is up and that no other program holds it; the same command goes on, and nothing is lost.",
    )


def _is(why: str, signs: tuple[str, ...]) -> bool:
    return any(sign in why.lower() for sign in signs)


def _reason(trouble: Exception) -> str:
    """Return what the driver says, in one line, without the statement and its values."""
    deepest: BaseException = trouble
    while isinstance(deepest, StorageInternalError) and deepest.__cause__ is not None:
        deepest = deepest.__cause__
    if isinstance(deepest, DatabaseError) and deepest.orig is not None:
        deepest = deepest.orig
    if isinstance(deepest, OSError) and deepest.strerror:
        return deepest.strerror
    lines = [line.strip() for line in str(deepest).splitlines() if line.strip()]
    return lines[0] if lines else type(deepest).__name__


def _number_of(file: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
