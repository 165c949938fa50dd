"""A graph in place of TensorFlow: a function of arrays that remembers what it was given."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from serving.server.status import StatusError, invalid

WAIT_S = 20
BAD = -1.0


class Graph:
    """Runs `function` on the arrays. It can be held, so that requests queue up meanwhile; −1 makes it fail.

    Attributes:
        sizes: Number of rows of each run.
    """

    def __init__(self, function: Callable[..., list[np.ndarray]] = lambda x: [2 * x]):
        self.function, self.sizes, self.timeouts = function, [], []
        self.inputs: list[np.ndarray] = []
        self.may_run, self.is_running = threading.Event(), threading.Event()
        self.may_run.set()

    def runner(self, feeds: tuple[str, ...], fetches: tuple[str, ...]):
        return self

    def __call__(self, arrays, timeout_ms=None):
        self.is_running.set()
        assert self.may_run.wait(WAIT_S)
        self.sizes.append(len(arrays[0]) if arrays and arrays[0].ndim else None)
        self.timeouts.append(timeout_ms)
        self.inputs.append(arrays[0] if arrays else None)
        if any(np.any(array == BAD) for array in arrays if array.dtype.kind == "f"):
            raise invalid("bad row")
        return self.function(*arrays)

    def hold(self) -> None:
        self.may_run.clear()
        self.is_running.clear()

    def release(self) -> None:
        self.may_run.set()


@pytest.fixture
def graph() -> Graph:
    return Graph()


def rows(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def outcome(future) -> list | str:
    """Return what a caller gets: the first output, or the error."""
    try:
        return future.result(WAIT_S)[0].tolist()
    except StatusError as error:
        return str(error)
