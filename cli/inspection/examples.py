"""A decoded record as a person reads it: values by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from cli.inspection.shards import Record
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task


def named_values(record: Record, manifest: Manifest, show_time: Times) -> dict[str, object]:
    """Return the label (or the time) and the features of a record, by name; None where a value is missing."""
    schema = manifest.data_schema
    if manifest.task == Task.FORECASTING:
        channels = zip(schema.numeric, record["values"], strict=True)
        return {schema.time or "time": show_time(int(record["time"][0])), **{f.name: _number(v) for f, v in channels}}
    label = record["label"][0]
    shown = {schema.label.name: schema.label.classes[int(label)] if schema.label.classes else float(label)}
    if manifest.task == Task.IMAGE_CLASSIFICATION:
        return {**shown, "image": f"{len(record['image'][0]):,} bytes"}
    return {
        **shown,
        **dict(_by_column(record, manifest) if manifest.layout == "columns" else _by_vector(record, manifest)),
    }


class Times:
    """Says the times of a data set in words.

    Attributes:
        unit: `seconds` since 1970, or `number`.
    """

    def __init__(self, unit: str):
        self.unit = unit

    def __call__(self, time: int) -> str:
        if self.unit == "number":
            return f"{time:,}"
        moment = datetime(1970, 1, 1) + timedelta(seconds=time)
        return moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00").removesuffix(" 00:00")


def series_name(key: tuple[str, ...]) -> str:
    """Return what a series is called."""
    return " / ".join(key) if key else "(the only one)"


def _by_vector(record: Record, manifest: Manifest) -> Iterator[tuple[str, object]]:
    schema = manifest.data_schema
    floats, integers = iter(record.get("numeric", ())), iter(record.get("integers", ()))
    for feature in schema.numeric:
        yield feature.name, _number(next(floats)) if feature.storage == "float" else int(next(integers))
    for key, of_kind in (("categorical", schema.categorical), ("text", schema.text)):
        for feature, word in zip(of_kind, record.get(key, ()), strict=True):
            yield feature.name, word.decode() or None


def _by_column(record: Record, manifest: Manifest) -> Iterator[tuple[str, object]]:
    schema = manifest.data_schema
    for feature in schema.numeric:
        value = record.get(feature.name)
        whole = feature.storage == "int"
        yield feature.name, None if value is None or not len(value) else int(value[0]) if whole else _number(value[0])
    for feature in (*schema.categorical, *schema.text):
        words = record.get(feature.name) or [b""]
        yield feature.name, words[0].decode() or None


def _number(value: float) -> float | None:
    return None if value != value else float(value)
