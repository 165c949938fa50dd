"""The one place that calls TensorFlow's private `Session._make_callable_from_options`.

Such a callable is the same DirectSession that TensorFlow Serving runs: it compares no shapes with the placeholders, and
words errors in the same way. A call costs some 30 µs on an idle machine, `Session.run` 90 µs and a restored signature
220 µs. Where TensorFlow no longer has it, `Session.run` is used: slower, and strict about shapes.

A callable that runs in the caller's thread is two to three times faster on small models, but no time limit ends it and
independent branches wait for one another. So a model is first run in the session's threads, and in the caller's as long
as it is quick.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from serving.server.status import Code, StatusError, invalid

QUICK_S = 0.005
CALLERS_THREAD = -1
TIMEOUTS_MS = (1_000, 8_000, 64_000, 512_000)
"""Each time limit is another callable, so a request's own is rounded up to one of these; its caller stops waiting."""
USUAL_TIMEOUT_MS = 30_000

Function = Callable[..., Sequence[Any]]


def has_callables(session: tf.compat.v1.Session) -> bool:
    """Whether this TensorFlow has the private call."""
    return hasattr(session, "_make_callable_from_options")


class Runner:
    """Feeds the same tensors of a graph and fetches the same others, again and again, from any thread."""

    def __init__(
        self, session: tf.compat.v1.Session, feeds: Sequence[str], fetches: Sequence[str], *, is_large: bool = False
    ):
        """Prepare nothing yet: the first call does, and finds out whether the graph has the tensors.

        Args:
            session: The session.
            feeds: Names of the tensors that are fed.
            fetches: Names of the tensors that are fetched.
            is_large: Whether the graph itself holds so much that there should be one copy of it only.
        """
        self._session, self._feeds, self._fetches, self._is_large = session, tuple(feeds), tuple(fetches), is_large
        self._functions: dict[int | None, Function] = {}
        self._lock = threading.Lock()
        self._usual_s = float("inf")

    def __call__(self, arrays: Sequence[np.ndarray], timeout_ms: int | None = None) -> list[np.ndarray]:
        """Run once.

        Args:
            arrays: One for each tensor that is fed.
            timeout_ms: After about this time the run is given up, if it is not one that is usually quick.

        Returns:
            One array for each tensor that is fetched; strings are arrays of bytes objects.

        Raises:
            StatusError: In the runtime's words.
        """
        key = self._key(timeout_ms)
        started = time.perf_counter()
        try:
            function = self._functions.get(key)
            if function is None:
                function = self._make(key)
                started = time.perf_counter()
            values = function(*arrays)
        except tf.errors.OpError as error:
            raise StatusError(Code(error.error_code), error.message) from error
        except (TypeError, ValueError) as error:
            raise invalid(str(error)) from error
        took_s = time.perf_counter() - started
        self._usual_s = took_s if self._usual_s == float("inf") else 0.8 * self._usual_s + 0.2 * took_s
        return [value if isinstance(value, np.ndarray) else _as_array(value) for value in values]

    def prepare(self) -> None:
        """Make now what the first calls would have to wait for; nothing is run."""
        for key in (None,) if self._is_large else (CALLERS_THREAD, _rounded(USUAL_TIMEOUT_MS)):
            try:
                self._make(key)
            except tf.errors.OpError as error:
                raise StatusError(Code(error.error_code), error.message) from error

    def close(self) -> None:
        """Free what was prepared."""
        self._functions.clear()

    def _key(self, timeout_ms: int | None) -> int | None:
        if self._is_large:
            return None
        return CALLERS_THREAD if self._usual_s < QUICK_S else _rounded(timeout_ms)

    def _make(self, key: int | None) -> Function:
        with self._lock:
            if key not in self._functions:
                self._functions[key] = self._callable(key) if has_callables(self._session) else self._plain(key)
            return self._functions[key]

    def _callable(self, key: int | None) -> Function:
        options = config_pb2.CallableOptions(feed=self._feeds, fetch=self._fetches)
        if key == CALLERS_THREAD:
            options.run_options.inter_op_thread_pool = CALLERS_THREAD
        elif key is not None:
            options.run_options.timeout_in_ms = key
        return self._session._make_callable_from_options(options)

    def _plain(self, key: int | None) -> Function:
        options = config_pb2.RunOptions(timeout_in_ms=key) if key and key > 0 else None
        session, feeds, fetches = self._session, self._feeds, list(self._fetches)
        return lambda *arrays: session.run(fetches, dict(zip(feeds, arrays, strict=True)), options=options)


def _rounded(timeout_ms: int | None) -> int | None:
    if timeout_ms is None:
        return None
    return next((limit for limit in TIMEOUTS_MS if limit >= timeout_ms), None)


def _as_array(value: Any) -> np.ndarray:
    return np.array(value, dtype=object) if isinstance(value, bytes) else np.asarray(value)
