"""What a version is, from the moment that it is found until it is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from serving.server.signature import Signature
from serving.server.status import StatusError


class State(IntEnum):
    """Where a version is in its life, as TensorFlow Serving numbers it."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class Loaded(Protocol):
    """A model in memory; every method may be called by any thread.

    Attributes:
        signatures: The ways to call it, by name.
        signature_def: All that the graph says of its signatures, as a map of `SignatureDef` messages by name.
    """

    signatures: Mapping[str, Signature]
    signature_def: Mapping[str, Any]

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], *, timeout_ms: int | None = None
    ) -> list[np.ndarray]:
        """Feed tensors of the graph by name and fetch others, here and now.

        Raises:
            StatusError: A type is wrong, the graph failed, or it took too long.
        """

    def submit(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], *, deadline: float | None = None
    ) -> Future[list[np.ndarray]]:
        """Do as `run` in a thread of the model, together with other requests where that changes no answer.

        Args:
            feeds: Arrays by the name of the tensor that they are fed to.
            fetches: Names of the tensors to return.
            deadline: When the caller stops waiting, in seconds of `time.monotonic`.
        """

    def close(self) -> None:
        """Free the memory and end the threads; no call may be running."""


@dataclass(frozen=True)
class VersionStatus:
    """A version as it was when somebody asked.

    Attributes:
        number: Its number.
        state: Where it is in its life.
        error: Why it ended, where it ended in an error.
    """

    number: int
    state: State
    error: StatusError | None = None


@dataclass(eq=False)
class Version:
    """One version of a model, also after it is gone.

    Attributes:
        name: The model's name.
        number: Its number.
        folder: Where its files are on this machine.
        state: Where it is in its life.
        error: Why it ended, where it ended in an error.
        model: The model while it is in memory.
        num_calls: Number of requests that it is answering now.
        num_tries: How often it failed to load from the files that it has now.
        retry_at: When it is tried again, in seconds of `time.monotonic`, where it is.
        tried: What its files looked like when it failed.
    """

    name: str
    number: int
    folder: Path
    state: State = State.START
    error: StatusError | None = None
    model: Loaded | None = None
    num_calls: int = 0
    num_tries: int = field(default=0, repr=False)
    retry_at: float | None = field(default=None, repr=False)
    tried: object = field(default=None, repr=False)

    @property
    def status(self) -> VersionStatus:
        """What is told about it."""
        return VersionStatus(self.number, self.state, self.error)

    @property
    def is_new(self) -> bool:
        """Whether it waits to be loaded: it was only found, or it left in good order and has come back."""
        return self.state == State.START or (self.state == State.END and self.error is None)
