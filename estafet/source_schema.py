"""What raw data are like, or must be like: types, ranges, categories, missing shares, as JSON that a person edits.

`ingest` writes one beside each data set; `data.schema_file` pins one, and then the data must keep to it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from estafet.errors import ConfigError
from estafet.files import replacing

FORMAT = 1
SOURCE_SCHEMA_FILE = "schema.json"

ColumnType = Literal["number", "integer", "boolean", "category", "text", "time", "other"]
TYPES_WITH_RANGE = ("number", "integer")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class SourceColumn(_Part):
    """What one column must be like; what is not given is not checked."""

    type: ColumnType
    """`integer` is a number without a fraction; `category` one of few words, `text` any; `other` is not checked."""
    min: int | float | None = None
    """Smallest number."""
    max: int | float | None = None
    """Largest number."""
    categories: tuple[str, ...] | None = None
    """The words that a `category` may be."""
    max_missing_share: float | None = Field(None, ge=0, le=1)
    """Share of the rows that may have no value. With 0, each row that has none counts as bad."""

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, values: Any) -> Any:
        """Take the bounds of an integer as integers; Kubeflow hands them over as 17.0."""
        if not isinstance(values, Mapping) or values.get("type") != "integer":
            return values
        whole = {key: values[key] for key in ("min", "max") if isinstance(values.get(key), float)}
        return {**values, **{key: int(bound) for key, bound in whole.items() if bound.is_integer()}}

    @model_validator(mode="after")
    def _fits_together(self) -> SourceColumn:
        if (self.min, self.max) != (None, None) and self.type not in TYPES_WITH_RANGE:
            raise ValueError(f"min and max are for the types number and integer, and this one is {self.type}")
        if self.categories is not None and self.type != "category":
            raise ValueError(f"categories are for the type category, and this one is {self.type}")
        if None not in (self.min, self.max) and self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")
        return self


class ImageBounds(_Part):
    """What images must be like, in pixels; what is not given is not checked."""

    min_height: int | None = Field(None, ge=1)
    max_height: int | None = Field(None, ge=1)
    min_width: int | None = Field(None, ge=1)
    max_width: int | None = Field(None, ge=1)
    channels: tuple[int, ...] | None = None
    """The numbers of channels that an image may have: 1 for grey, 3 for colour."""


class SourceSchema(_Part):
    """What a source must be like."""

    format: int = FORMAT
    columns: dict[str, SourceColumn] = {}
    """The columns, in the data's order."""
    images: ImageBounds | None = None

    def save(self, path: str | Path) -> None:
        """Write the schema as JSON with a line for each column; what is not given is left out."""
        with replacing(path) as file:
            file.write(self.as_json())

    def as_json(self) -> str:
        """Return what `save` writes."""
        values = self.model_dump(mode="json", exclude_none=True)
        parts = [f'  "format": {self.format}']
        if self.columns:
            lines = (f"    {_line(name)}: {_line(column)}" for name, column in values["columns"].items())
            parts.append('  "columns": {\n' + ",\n".join(lines) + "\n  }")
        if self.images:
            parts.append(f'  "images": {_line(values["images"])}')
        return "{\n" + ",\n".join(parts) + "\n}\n"

    @classmethod
    def load(cls, path: str | Path) -> SourceSchema:
        """Read a schema that `save` wrote, and that a person may have edited.

        Raises:
            ConfigError: It is missing or no JSON, a key or value is wrong, or a newer Estafet wrote it.
        """
        path = Path(path)
        values = _read(path)
        if not isinstance(values, dict):
            raise ConfigError(f"'{path}' must hold an object, such as {{\"columns\": {{…}}}}.", hint=_WRITE_ONE)
        found = values.get("format", FORMAT)
        if found != FORMAT:
            raise ConfigError(
                f"'{path}' has format {found}, and this Estafet reads format {FORMAT}.",
                hint=f"use the Estafet that wrote it, or {_WRITE_ONE}",
            )
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _explain(error, path) from error


_WRITE_ONE = "write one with `estafet inspect SOURCE --schema FILE`."
_SHAPES = {
    "model_type": 'an object, such as {"type": "number"}',
    "dict_type": 'an object, such as {"age": {"type": "number"}}',
    "tuple_type": "a list, such as [1, 3]",
}
"""What pydantic calls by the names of Python."""
_PARTS: dict[str, type[BaseModel]] = {"": SourceSchema, "columns": SourceColumn, "images": ImageBounds}


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except FileNotFoundError as error:
        near = sorted(other.name for other in path.parent.glob("*.json")) if path.parent.is_dir() else []
        closest = difflib.get_close_matches(path.name, near, n=1)
        found = f"did you mean '{closest[0]}'? Or " if closest else ""
        raise ConfigError(f"there is no schema file '{path}'.", hint=f"{found}{_WRITE_ONE}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path.name}:{error.lineno}: this is not JSON: {error.msg}.", hint="check the commas and quotes there."
        ) from error
    except _Twice as error:
        raise ConfigError(f"{path.name}: the key '{error}' stands twice.", hint="remove one of the two.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the schema file '{path}' cannot be read: {error}.", hint="give JSON in UTF-8.") from error


class _Twice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise _Twice(key)
        seen[key] = value
    return seen


def _explain(error: ValidationError, path: Path) -> ConfigError:
    """Turn what pydantic found into one error, each part with its place and what is known there."""
    found = list(dict.fromkeys(_describe(problem) for problem in error.errors()))
    hints = list(dict.fromkeys(hint for _, hint in found if hint))
    return ConfigError(
        "\n".join(f"{path.name}: {message}" for message, _ in found),
        hint="; ".join(hints) or f"correct it, or {_WRITE_ONE}",
    )


def _describe(problem: Mapping[str, Any]) -> tuple[str, str | None]:
    place = [str(part) for part in problem["loc"] if part not in ("int", "float")]
    name, value = ".".join(place), problem["input"]
    part = _PARTS[place[0]] if len(place) > 1 and place[0] in _PARTS else SourceSchema
    if problem["type"] == "extra_forbidden":
        known = [key for key in part.model_fields if key != place[-1]]
        closest = difflib.get_close_matches(place[-1], known, n=1, cutoff=0.5)
        return (
            f"unknown key '{name}'.",
            f"did you mean '{closest[0]}'?" if closest else f"known are {', '.join(known)}.",
        )
    if problem["type"] == "missing":
        return f"'{name}' is missing.", f'add it, such as "{place[-1]}": "number"'
    if problem["type"] == "literal_error":
        expected = problem["ctx"]["expected"]
        known = expected.replace("'", "").replace(" or ", ", ").split(", ")
        closest = difflib.get_close_matches(str(value), known, n=1)
        return f"{name} is {value!r}, but must be {expected}.", f"did you mean '{closest[0]}'?" if closest else None
    if problem["type"] in _SHAPES:
        return f"{name} is {json.dumps(value, default=str)}, but must be {_SHAPES[problem['type']]}.", None
    shown = "" if isinstance(value, (dict, list)) else f" (it is {json.dumps(value, default=str)})"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}{shown}.", None
