"""Reads JSON as TensorFlow Serving does: NaN and Inf are numbers, and what follows the value is ignored."""

from __future__ import annotations

import json
import re
from typing import Any

from serving.server.status import StatusError, invalid

_INF_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|-?Inf(?!inity)', re.DOTALL)
_HUGE_NUMBER = re.compile(r"[eE]\+?[0-9]{3}|[0-9]{309}")
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)", re.DOTALL)
_TEXTS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Invalid control character at": "Invalid encoding in string.",
}


class _NumberTooBigError(ValueError):
    pass


def read_json(body: bytes) -> Any:
    """Read the first JSON value of a request's body; bytes that are not UTF-8 become lone surrogates.

    Raises:
        StatusError: INVALID_ARGUMENT with rapidjson's text and the offset in bytes.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if start == len(text):
        raise _parse_error("The document is empty.", text, start)
    _check_surrogates(text)
    decoder = _CHECKING if _HUGE_NUMBER.search(text) else _PLAIN
    try:
        return decoder.raw_decode(text, start)[0]
    except json.JSONDecodeError as error:
        if text.startswith(("Inf", "-Inf"), error.pos) and not text.startswith(("Infinity", "-Infinity"), error.pos):
            return read_json(_INF_OR_STRING.sub(_spell_out, text).encode("utf-8", "surrogateescape"))
        raise _parse_error(*_reworded(error, text)) from error
    except _NumberTooBigError as error:
        raise _parse_error("Number too big to be stored in double.", text, text.find(str(error))) from error
    except RecursionError as error:
        raise invalid("JSON Parse error: the value is nested too deeply") from error


def _check_surrogates(text: str) -> None:
    """Refuse half a surrogate pair, which Python would let through and UTF-8 cannot hold."""
    if "\\ud" not in text and "\\uD" not in text:
        return
    for match in _ESCAPE.finditer(text):
        if len(match[0]) == 6:
            raise _parse_error("The surrogate pair in string is invalid.", text, match.start())


def _spell_out(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else match[0] + "inity"


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    return values if len(values) == len(pairs) else dict(reversed(pairs))


def _checked_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _NumberTooBigError(text)
    return value


def _checked_int(text: str) -> int | float:
    return int(text) if len(text) < 300 else _checked_float(text)


_PLAIN = json.JSONDecoder(object_pairs_hook=_first_wins)
_CHECKING = json.JSONDecoder(object_pairs_hook=_first_wins, parse_float=_checked_float, parse_int=_checked_int)


def _parse_error(reason: str, text: str, position: int) -> StatusError:
    offset = len(text[:position].encode("utf-8", "surrogateescape"))
    return invalid(f"JSON Parse error: {reason} at offset: {offset}")


def _reworded(error: json.JSONDecodeError, text: str) -> tuple[str, str, int]:
    """Return rapidjson's words for an error of Python's parser, the text, and the place in it."""
    position = error.pos
    if error.msg == "Expecting ',' delimiter":
        follows = text[position : position + 1]
        if follows == "." and text[position - 1].isdigit():
            return "Miss fraction part in number.", text, position + 1
        if follows in ("e", "E") and text[position - 1].isdigit():
            return "Miss exponent in number.", text, position + 1
        closing = "} after an object member." if _innermost(text[:position]) == "{" else "] after an array element."
        return f"Missing a comma or {closing}", text, position
    if error.msg.startswith("Unterminated string"):
        return _TEXTS["Unterminated string starting at"], text, len(text)
    return _TEXTS.get(error.msg, "Invalid value."), text, position


def _innermost(text: str) -> str:
    """Return the bracket that the end of `text` stands in."""
    open_brackets = []
    for bracket in re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL)):
        if bracket in "[{":
            open_brackets.append(bracket)
        else:
            open_brackets.pop()
    return open_brackets[-1] if open_brackets else ""
