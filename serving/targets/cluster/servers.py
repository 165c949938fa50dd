"""What a target asks of the servers of a cluster, whichever they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from serving.targets.cluster.pods import Pod

Examine = Callable[[list[Pod]], None]
"""Asks servers that have just loaded a version the recorded requests; raises StepFailed where an answer is wrong."""


class Servers(Protocol):
    """The servers of one model.

    Attributes:
        rest_port: Port of each pod on which it answers REST, and metrics.
    """

    rest_port: int

    def check(self) -> None:
        """See whether the cluster has what they need.

        Raises:
            ConfigError: It has not.
        """

    def check_share(self, share: float) -> None:
        """See whether a canary can get a share of the requests.

        Raises:
            ConfigError: It cannot.
        """

    def serve(self, number: int | None, examine: Examine) -> None:
        """Let a version answer all requests, or take the servers away where there is none; ends a canary.

        What was served before answers until the new version is loaded everywhere and was examined.

        Raises:
            StepFailed: It is not loaded in time, or not at all.
        """

    def try_out(self, number: int, share: float, examine: Examine) -> None:
        """Let a version answer a share of the requests, beside the served one.

        Raises:
            StepFailed: It is not loaded in time, or not at all.
        """

    def canary_pods(self) -> tuple[list[Pod], list[Pod]]:
        """Return the pods of the served version, and those of the one that is tried out."""
