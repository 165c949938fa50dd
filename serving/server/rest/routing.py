"""Which path is which call: TensorFlow Serving's two expressions, on the path and the query as they came."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from estafet.versions import MAX_INT64
from serving.server.status import invalid

_SERVED = re.compile(r"/v1/.*", re.IGNORECASE | re.DOTALL)
_WHICH = r"(?:/versions/(\d+)|/labels/([^/:]+))?"
_POST = re.compile(rf"/v1/models/([^/:]+){_WHICH}:(classify|regress|predict)", re.IGNORECASE)
_GET = re.compile(rf"/v1/models(?:/([^/:]+))?{_WHICH}(?:/(metadata))?", re.IGNORECASE)
_VERBS = ("classify", "regress", "predict")
_MAX_DIGITS = 19
_MAX_KEPT_CHARS = 300


class Target(NamedTuple):
    """What a path names.

    Attributes:
        name: The model.
        version: A version, where it names one.
        label: A label, where it names one.
        verb: `classify`, `regress`, `predict`, `metadata`, or "" for the status.
    """

    name: str
    version: int | None
    label: str | None
    verb: str


def is_served(target: str) -> bool:
    """Whether a path with its query belongs to TensorFlow Serving's interface."""
    return target.startswith("/v1/") or _SERVED.fullmatch(target) is not None


def target_of(method: str, target: str) -> Target:
    """Return what a call asks for.

    Args:
        method: GET or POST; nothing else is understood.
        target: The path as it came, with the query.

    Raises:
        StatusError: No call has this path.
    """
    return _kept(method, target) if len(target) < _MAX_KEPT_CHARS else _target_of(method, target)


def _target_of(method: str, target: str) -> Target:
    match = {"GET": _GET, "POST": _POST}[method].fullmatch(target) if method in ("GET", "POST") else None
    if match is None or (method == "POST" and match[4] not in _VERBS):
        raise invalid(f"Malformed request: {method} {target}")
    if match[1] is None:
        raise invalid("Missing model name in request.")
    label = None if match[3] is None else _decoded(match[3])
    return Target(
        _decoded(match[1]), _number(match[2]), label, (match[4] or "").lower() if method == "GET" else match[4]
    )


_kept = lru_cache(maxsize=512)(_target_of)


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.lstrip("0")
    if len(digits) > _MAX_DIGITS or int(digits or "0") > MAX_INT64:
        raise invalid(f"Failed to convert version: {text} to numeric.")
    return int(digits or "0")


def _decoded(text: str) -> str:
    return unquote(text, errors="replace")
