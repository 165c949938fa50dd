"""The errors that Estafet raises, each with the exit status that its kind gives to the command.

EstafetError (1)
├── ConfigError (2)          the run file, an override or a command line is wrong
├── DataError (3)            the data are missing, unreadable or do not fit the task
├── ServiceUnavailable (4)   something outside did not answer; the same command may work later
├── GateRefused (5)          a gate said no: nothing is broken, but nothing was deployed
├── Preempted (143)          the process was told to end; what it had done is saved, and the same command goes on
└── StepFailed (1)           a step ended badly in a way that no class above describes
"""

from __future__ import annotations


class EstafetError(Exception):
    """Something that a person can act on: what happened, with the values, and what to do next.

    Attributes:
        message: What happened, in one or two sentences, with the values.
        hint: What to type or change next, or None where nothing is to be done.
        exit_status: The exit status of a command that ends with this error.
    """

    exit_status = 1

    def __init__(self, message: str, *, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"

    def __reduce__(self):
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(kind: type[EstafetError], message: str, hint: str | None) -> EstafetError:
    return kind(message, hint=hint)


class ConfigError(EstafetError):
    """The run file, an override or a command line is wrong."""

    exit_status = 2


class DataError(EstafetError):
    """The data are missing, unreadable or do not fit the task."""

    exit_status = 3


class ServiceUnavailable(EstafetError):
    """Something outside (a tracking server, a bucket, a port) did not answer; trying again may help."""

    exit_status = 4


class GateRefused(EstafetError):
    """A gate said no: nothing is broken, and nothing was deployed."""

    exit_status = 5


class Preempted(EstafetError):
    """The process was told to end (SIGTERM), and saved what it had done; the same command goes on from there."""

    exit_status = 143


class StepFailed(EstafetError):
    """A step ended badly in a way that no narrower class describes."""


BY_NAME = {
    kind.__name__: kind
    for kind in (EstafetError, ConfigError, DataError, ServiceUnavailable, GateRefused, Preempted, StepFailed)
}
