"""What is asked of a server, and what comes back, before and after the wire."""

from __future__ import annotations

from typing import NamedTuple

from serving.server.signature import DEFAULT


class Asked(NamedTuple):
    """Which model is asked, and by which signature.

    Attributes:
        model: The model's name.
        version: Its version; the newest without it.
        label: The label of its version, in place of a version.
        signature: The signature's name.
    """

    model: str
    version: int | None = None
    label: str | None = None
    signature: str = DEFAULT


class Packed(NamedTuple):
    """A predict request, ready to be sent any number of times."""

    asked: Asked
    content: bytes


class Replied(NamedTuple):
    """A predict answer as it came, and the request's id."""

    content: bytes
    request_id: str
