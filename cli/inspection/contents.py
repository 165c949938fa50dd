"""What an ingested data set holds: classes, series, columns and images, as its shards and its manifest have them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cli.inspection import charts, mosaic
from cli.inspection.columns import number_card, text_card, word_card
from cli.inspection.examples import named_values, series_name
from cli.inspection.inspected import Inspected
from cli.inspection.sections import Section, in_percent
from cli.inspection.shards import Part, first_images
from estafet.runfile.tasks import Task
from estafet.schema import NumericFeature

COLUMNS_ON_TERMINAL = 100
CLASSES_DRAWN = 40
SERIES_DRAWN = 4
POINTS_DRAWN = 1_500
NO_VALUE = float("nan")


def about_contents(seen: Inspected) -> Iterator[Section]:
    """Yield what there is to say of the classes, the series, the columns and the images."""
    schema = seen.manifest.data_schema
    if schema.label.classes:
        yield _classes(seen)
    if seen.is_series:
        yield _series(seen)
    if schema.numeric or schema.categorical or schema.text:
        yield _columns(seen)
    if seen.manifest.task == Task.IMAGE_CLASSIFICATION:
        height, width, channels = seen.manifest.image_shape
        text = f"The model is given {height} × {width} pixels in {'colour' if channels == 3 else 'grey'}."
        yield Section("Images", text, drawings=_images_of_classes(seen))


def _classes(seen: Inspected) -> Section:
    names = seen.manifest.data_schema.label.classes
    by_part = [part.split.class_counts or (0,) * len(names) for part in seen.parts]
    counts = {name: of for name, *of in zip(names, *by_part, strict=True)}
    total = sum(map(sum, counts.values())) or 1
    rows = [
        {"class": name, "share": in_percent(sum(of) / total), **dict(zip(_names(seen), of, strict=True))}
        for name, of in counts.items()
    ]
    drawn = dict(sorted(counts.items(), key=lambda item: -sum(item[1]))[:CLASSES_DRAWN])
    caption = "Examples of each class." if len(drawn) == len(counts) else f"The {CLASSES_DRAWN} most frequent classes."
    label = seen.manifest.data_schema.label.name
    return Section(f"Classes of '{label}'", f"{len(names):,} classes.", rows=tuple(rows),
                   drawings=((charts.stacked_bars(drawn, _names(seen)), caption),))  # fmt: skip


def _series(seen: Inspected) -> Section:
    rows, drawn = {}, {}
    for part in seen.parts:
        start = 0
        for segment in part.split.segments:
            steps = slice(start, start + segment.num_steps)
            start += segment.num_steps
            if not segment.num_steps:
                continue
            own = slice(steps.start + segment.num_context_steps, steps.stop)
            row = rows.setdefault(segment.key, {"series": series_name(segment.key), "from": "", "to": ""})
            row["from"] = row["from"] or _at(seen, part, steps.start)
            row["to"] = _at(seen, part, steps.stop - 1)
            row[part.name] = own.stop - own.start
            drawn.setdefault(segment.key, {})[part.name] = _thinned(part.times[own], part.values[own])
    window, name = seen.manifest.window, seen.manifest.data_schema.numeric[0].name
    text = (
        f"{len(rows):,} series; a window is {window.lookback} steps to look back on and {window.horizon} to forecast, "
        f"and the next begins {window.stride} later."
    )
    drawings = [
        (charts.lines(parts, (rows[key]["from"], rows[key]["to"])), f"{name}{' of ' * bool(key)}{' / '.join(key)}")
        for key, parts in list(drawn.items())[:SERIES_DRAWN]
        if any(len(times) for times, _ in parts.values())
    ]
    return Section("Series", text, rows=tuple(rows.values()), drawings=tuple(drawings))


def _columns(seen: Inspected) -> Section:
    schema = seen.manifest.data_schema
    files = {shard.file for shard in seen.manifest.splits["train"].shards}
    train = [part for part in seen.parts if files.intersection(shard.file for shard in part.split.shards)]
    sample = [named_values(record, seen.manifest, seen.times) for part in train for record in part.sample]
    rows, made = [], []
    for feature in (*schema.numeric, *schema.categorical):
        values = [row.get(feature.name) for row in sample]
        if isinstance(feature, NumericFeature):
            kind = "integer" if feature.is_integer else "number"
            rows.append({"column": feature.name, "type": kind, "missing": in_percent(feature.missing_share),
                         "mean": feature.mean, "std": feature.std, "min": feature.min, "max": feature.max})  # fmt: skip
            numbers = np.array([NO_VALUE if value is None else value for value in values], np.float64)
            made.append(number_card(feature.name, kind, feature.missing_share, numbers))
        else:
            counts = _counted(values)
            rows.append({"column": feature.name, "type": "category", "missing": in_percent(feature.missing_share),
                         "most frequent": ", ".join(feature.categories[:5]) or "none"})  # fmt: skip
            made.append(word_card(feature.name, len(feature.categories), feature.missing_share, counts, len(values)))
    for text in schema.text:
        texts = [row.get(text.name) or "" for row in sample]
        rows.append({"column": text.name, "type": "text", "missing": in_percent(text.missing_share),
                     "most frequent": ", ".join(text.vocabulary[:5]) or "none"})  # fmt: skip
        made.append(text_card(text, texts))
    shown = [{key: row.get(key) for key in dict.fromkeys(key for each in rows for key in each)} for row in rows]
    text = f"Statistics of the training split; the charts show {len(sample):,} of its records, evenly spread."
    return Section("Columns", text, rows=tuple(shown), limit=COLUMNS_ON_TERMINAL, cards=tuple(made))


def _names(seen: Inspected) -> list[str]:
    return [part.name for part in seen.parts]


def _images_of_classes(seen: Inspected) -> tuple[tuple[str, str], ...]:
    classes = seen.manifest.data_schema.label.classes or ()
    by_class: dict[str, list[bytes]] = {}
    for label, content in first_images(seen.parts):
        by_class.setdefault(classes[label], []).append(content)
    return ((charts.strips(mosaic.strips(by_class)), "The first images of each class."),) if by_class else ()


def _counted(words: list[object]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        if word:
            counts[str(word)] = counts.get(str(word), 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _thinned(times_T: np.ndarray, values_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.unique(np.linspace(0, max(0, len(times_T) - 1), min(len(times_T), POINTS_DRAWN)).astype(int))
    return times_T[chosen], values_T[chosen].astype(np.float64)


def _at(seen: Inspected, part: Part, step: int) -> str:
    return seen.times(int(part.times[step])) if step < len(part.times) else ""
