"""The id of a request: the client's own where it gives one that can be logged, else a new one."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable

REQUEST_ID_HEADER = "X-Request-Id"
OUR_REQUEST_ID_HEADER = "X-Estafet-Request-Id"
GIVEN, GRPC_REQUEST_ID = REQUEST_ID_HEADER.lower(), OUR_REQUEST_ID_HEADER.lower()
_USABLE = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_process, _sequence = secrets.token_hex(10), itertools.count()


def checked_id(given: str) -> str:
    """Return an id as it was given, or a new one where it is empty or holds what a log should not."""
    return given if given and _USABLE.fullmatch(given) else new_id()


def request_id_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """Return the id of a gRPC call."""
    for key, value in metadata or ():
        if key == GIVEN and isinstance(value, str):
            return checked_id(value)
    return new_id()


def new_id() -> str:
    """Return an id that no other request of any server has: 80 random bits of the process, and a number."""
    return f"{_process}{next(_sequence):012x}"
