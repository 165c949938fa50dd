"""What each column of a table is for."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from components.ingest.features import divide, feature_names
from components.ingest.rows.texts import check_texts
from estafet.errors import ConfigError
from estafet.runfile.steps import IngestSettings


@dataclass(frozen=True)
class Plan:
    """What each column is for.

    Attributes:
        label: What is to be predicted.
        numeric: Features that are floats.
        integers: Features that are whole numbers.
        words: Features that are words, free text among them.
        time: For a split by time, the time of each row.
        group: What must stay together in one split.
    """

    label: str
    numeric: tuple[str, ...]
    integers: tuple[str, ...]
    words: tuple[str, ...]
    time: str | None = None
    group: str | None = None


def plan(schema: pa.Schema, settings: IngestSettings) -> Plan:
    """Decide what each column is for.

    Raises:
        ConfigError: The run file names a column that is not there, or none as the label.
        DataError: A feature holds neither numbers nor words, or one that is to be text holds something else.
    """
    if settings.label is None and "label" not in schema.names:
        raise ConfigError(
            "data.label names no column to predict.", hint=f"set it to one of: {', '.join(schema.names[:10])}."
        )
    settings = settings if settings.label else settings.model_copy(update={"label": "label"})
    names = feature_names(schema.names, settings)
    check_texts(schema, names, settings)
    numbers, words = divide(schema, names, settings.text or ())
    if not names:
        raise ConfigError("no column is left to learn from.", hint="check data.features and data.ignore.")
    integers = tuple(name for name in numbers if _is_whole(schema.field(name).type))
    return Plan(
        label=settings.label,
        numeric=tuple(name for name in numbers if name not in integers),
        integers=integers,
        words=tuple(words),
        time=settings.time if settings.split.by == "time" else None,
        group=settings.split.group_by,
    )


def _is_whole(kind: pa.DataType) -> bool:
    return pa.types.is_boolean(kind) or (pa.types.is_integer(kind) and kind != pa.uint64())
