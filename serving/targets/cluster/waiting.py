"""Waiting for servers, which says what it waits for and why it gave up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from estafet.errors import StepFailed
from estafet.telemetry import Progress
from serving.targets.cluster.pods import Trouble

LOOK_S = 1.0


@dataclass(frozen=True)
class State:
    """How far servers are.

    Attributes:
        is_ready: Whether there is nothing to wait for.
        words: How far they are, for a person who waits.
        troubles: What keeps them, what does not pass first.
    """

    is_ready: bool
    words: str = ""
    troubles: Sequence[Trouble] = field(default_factory=tuple)


def wait_for(what: str, look: Callable[[], State], *, timeout_s: float, hint: str, progress: Progress) -> None:
    """Look until servers are ready.

    Args:
        what: What is waited for, as the beginning of a sentence: "version 3 of 'm'".
        look: Says how far they are.
        timeout_s: Seconds after which it is given up.
        hint: What to type to see more.
        progress: Told how far they are.

    Raises:
        StepFailed: They are not ready in time, or something keeps them that does not pass.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        state = look()
        if state.is_ready:
            return
        why = "; ".join(dict.fromkeys(trouble.words for trouble in state.troubles)) or state.words
        if state.troubles and state.troubles[0].is_hopeless:
            raise StepFailed(f"{what} is not served: {why}.", hint=hint)
        if time.monotonic() >= deadline:
            raise StepFailed(f"{what} was not served by all pods within {timeout_s:g} s: {why}.", hint=hint)
        progress(f"waiting for the cluster: {state.words}")
        time.sleep(LOOK_S)
