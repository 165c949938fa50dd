"""The outcome of one check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """Something works less well, or something optional is not there."""
    MISSING = "missing"
    """`estafet run` cannot do without it."""


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: What was looked at.
        state: How it ended.
        found: What was found, with the values.
        mend: The command, or the key of the run file, that mends it; empty where nothing is to be done.
    """

    name: str
    state: State
    found: str
    mend: str = ""


def ok(name: str, found: str) -> Check:
    """Return a check that found what is wanted."""
    return Check(name, State.OK, found)


def warn(name: str, found: str, mend: str) -> Check:
    """Return a check that found something less good than it could be."""
    return Check(name, State.WARN, found, mend)


def missing(name: str, found: str, mend: str) -> Check:
    """Return a check that found something without which nothing runs."""
    return Check(name, State.MISSING, found, mend)
