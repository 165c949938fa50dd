"""Says what is wrong with a run file: the place, the value, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from estafet.errors import ConfigError
from estafet.runfile.run import RunFile

Key = tuple[str | int, ...]

UNION_MEMBERS = ("bool", "int", "float", "str")
"""What pydantic appends to the place of a value that fits none of several types."""


def explain(problems: Iterable[Mapping[str, Any]], file: str, origin: Mapping[Key, str]) -> ConfigError:
    """Turn what pydantic found into one error.

    Args:
        problems: The problems, as `ValidationError.errors()` lists them.
        file: Name of the file, for what stands on no line.
        origin: Where each key was given: file and line, or the override.
    """
    described = [_describe(problem, file, origin) for problem in problems]
    hints = list(dict.fromkeys(hint for _, hint in described if hint))
    return ConfigError(
        "\n".join(dict.fromkeys(message for message, _ in described)),
        hint="; ".join(hints) or "see docs/run-file.md, or `estafet schema`.",
    )


def _describe(problem: Mapping[str, Any], file: str, origin: Mapping[Key, str]) -> tuple[str, str | None]:
    kind, key = problem["type"], tuple(problem["loc"])
    if not key:
        return f"{file}: {problem['msg'].removeprefix('Value error, ')}.", None
    where = next((origin[key[:n]] for n in range(len(key), 0, -1) if key[:n] in origin), file)
    if kind == "misfit":
        return f"{where}: {problem['msg']}.", problem["ctx"]["hint"]
    if kind == "extra_forbidden":
        return f"{where}: unknown key '{_dotted(key)}'.", _closest_key(key)
    if kind == "missing" and isinstance(key[-1], int):
        return f"{where}: {_dotted(key[:-1])} has too few values.", _meaning(key[:-1])
    if kind == "missing":
        return f"{where}: the key '{_dotted(key)}' is missing.", f"add `{key[-1]}:` (docs/run-file.md has every key)"
    if key[-1] in UNION_MEMBERS and key not in origin:
        return f"{where}: {_dotted(key[:-1])} must be one value (it is {_shown(problem)}).", _meaning(key[:-1])
    if kind in ("model_type", "dict_type"):
        return f"{where}: {_dotted(key)} must hold keys (it is {_shown(problem)}).", _instead_of(key, problem["input"])
    expected = (problem.get("ctx") or {}).get("expected")
    if kind in ("enum", "literal_error") and expected:
        return f"{where}: {_dotted(key)} is {_shown(problem)}, but must be {expected}.", _closest(problem, expected)
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error" and isinstance(problem["input"], Mapping):  # its keys do not fit together
        return f"{where}: {_dotted(key)}: {message}.", f"docs/run-file.md says what the keys of {_dotted(key)} do."
    return f"{where}: {_dotted(key)}: {message} (it is {_shown(problem)}).", _meaning(key)


def _dotted(key: Key) -> str:
    return ".".join(map(str, key))


def _shown(problem: Mapping[str, Any]) -> str:
    value = problem["input"]
    if value is None:
        return "empty"
    return f"a {'map' if isinstance(value, dict) else 'list'}" if isinstance(value, (dict, list)) else repr(value)


def _closest_key(key: Key) -> str:
    known = sorted(_known_keys(key[:-1]) - {str(key[-1])})
    near = difflib.get_close_matches(str(key[-1]), known, n=1, cutoff=0.5)
    return f"did you mean '{_dotted((*key[:-1], near[0]))}'?" if near else f"known are {', '.join(known)}."


def _closest(problem: Mapping[str, Any], expected: str) -> str | None:
    known = expected.replace("'", "").replace(" or ", ", ").split(", ")
    near = difflib.get_close_matches(str(problem["input"]), known, n=1)
    return f"did you mean '{near[0]}'?" if near else None


def _instead_of(key: Key, value: object) -> str:
    name = key[-1]
    return f"remove `{name}:`, or write `{name}: {{}}`" if value is None else f"write keys under `{name}:`"


def _meaning(key: Key) -> str | None:
    """Return what the reference page says of the key, or of the nearest key above it that it speaks of."""
    name, described = "", ""
    model: type[BaseModel] | None = RunFile
    for part in key:
        field = model.model_fields.get(str(part)) if model else None
        if field is not None:
            name, described, model = (
                str(part),
                " ".join((field.description or "").split()),
                section_of(field.annotation),
            )
    return f"{name}: {described}" if described else None


def _known_keys(key: Key) -> set[str]:
    """Return the keys that the section at `key` knows."""
    model: type[BaseModel] = RunFile
    for part in key:
        field = model.model_fields.get(str(part))
        inner = section_of(field.annotation) if field else None
        if inner is None:
            return set() if field is None and model is RunFile else set(model.model_fields)
        model = inner
    return set(model.model_fields) | ({"profiles"} if model is RunFile else set())


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a key of this type holds, alone or as the values of a map, or None."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
