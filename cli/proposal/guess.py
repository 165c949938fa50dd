"""Guesses what a table or a set of images is for, and says why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cli.proposal.columns import LABEL_NAMES, RESERVED, Column
from cli.proposal.images import MAX_SIDE_PX
from cli.proposal.season import find_season, step_name
from cli.proposal.seen import ImagesLook, TableLook
from cli.proposal.series import Series, find_series
from cli.proposal.steps import steps_of
from estafet.errors import ConfigError, DataError
from estafet.runfile.tasks import Task

MIN_SERIES_STEPS = 20
MAX_LOOKBACK = 400


@dataclass
class Guess:
    """What the run file will say.

    Attributes:
        task: What the model is asked to do, and why.
        num_examples: Number of rows or images.
        data: Keys of the `data` section, each with its value and, where there is something to say, a comment; files as
            they are seen from here.
        notes: What the user should know that is not in the run file.
        source: Where the data are, if not where the user said.
    """

    task: Task
    why: str
    num_examples: int
    data: dict[str, tuple[object, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    source: Path | None = None


def guess(look: TableLook | ImagesLook, *, task: Task | None = None, label: str | None = None) -> Guess:
    """Guess task, label, features and split.

    Args:
        look: What was seen.
        task: The task, where the user has named it.
        label: The label column, where the user has named it.

    Raises:
        ConfigError: The user named a task or label that these data cannot have.
        DataError: Nothing can be learnt from these data.
    """
    return _images(look, task) if isinstance(look, ImagesLook) else _table(look, task, label)


def _images(look: ImagesLook, task: Task | None) -> Guess:
    if task not in (None, Task.IMAGE_CLASSIFICATION):
        raise ConfigError(f"these are images, and {task.value} needs a table.", hint="leave --task out.")
    if len(look.classes) < 2:
        raise DataError(
            f"there is one class, {next(iter(look.classes))!r}; a classifier needs at least 2.", hint="bring others."
        )
    rarest = min(look.classes, key=lambda name: look.classes[name])
    why = f"{look.num_images:,} images of {len(look.classes)} classes"
    made = Guess(Task.IMAGE_CLASSIFICATION, why, look.num_images)
    if look.labels:
        made.source = look.source
        made.data["labels"] = (look.labels, "which image is of which class")
        made.data["label"] = (look.label, "its column with the classes")
        if look.delimiter != "," and look.labels.suffix != ".tsv":
            made.data["delimiter"] = (look.delimiter, "")
    folders = look.format == "images" and not look.labels
    made.data["format"] = (look.format, "one folder for each class" if folders else "")
    shrink = max(1.0, max(look.height, look.width) / MAX_SIDE_PX)
    size = [max(1, round(look.height / shrink)), max(1, round(look.width / shrink))]
    seen = f"the images have {'' if look.same_size else 'various sizes, around '}{look.height}×{look.width} pixels"
    made.data["image_size"] = (size, f"height and width; {seen}")
    made.data["channels"] = (look.channels, "grey" if look.channels == 1 else "colour")
    made.data["split"] = _split(look.num_images)
    if look.classes[rarest] < 20:
        made.notes.append(f"class '{rarest}' has {look.classes[rarest]} images only; more would help.")
    return made


def _table(look: TableLook, task: Task | None, label: str | None) -> Guess:
    columns = {name: Column(name, look.rows.column(name)) for name in look.rows.column_names}
    if task is Task.IMAGE_CLASSIFICATION and look.format != "npz":
        raise ConfigError("this is a table, and image_classification needs images.", hint="leave --task out.")
    series = find_series(columns, label)
    chosen, why_label = _choose_label(columns, label, series)
    task, why = _choose_task(chosen, series) if task is None else (task, "as you said")
    made = Guess(task, why, look.num_rows)
    made.data["format"] = (look.format, "")
    if look.delimiter != ",":
        made.data["delimiter"] = (look.delimiter, "")
    if look.decimal != ".":
        made.data["decimal"] = (look.decimal, "")
    if task is Task.FORECASTING:
        _forecasting(made, look, columns, series, _series_to_forecast(columns, label, series, chosen, why_label))
        return made
    _check_label(chosen, task, columns)
    made.data["label"] = (chosen.name, f"{_describe_label(chosen, task)}: {why_label}")
    _leave_out(made, columns, {chosen.name})
    _read_texts(made, columns, {chosen.name})
    _tolerate_missing_labels(made, chosen)
    made.data["split"] = _split(look.num_rows)
    for name in (name for name, column in columns.items() if column is not chosen and column.may_tell_groups):
        made.notes.append(
            f"'{name}' has {columns[name].num_distinct:,} different values: if the rows of one belong together, such "
            f"as a patient's, set data.split.group_by: {name}."
        )
    if look.num_rows < 50:
        made.notes.append(f"{look.num_rows} rows are very few: a split may come out empty.")
    return made


def _forecasting(
    made: Guess, look: TableLook, columns: dict[str, Column], series: Series, chosen: tuple[Column, str]
) -> None:
    label, why = chosen
    made.data["label"] = (label.name, f"the series to forecast: {why}")
    made.data["time"] = (series.time.name, f"one row each {step_name(series.of(series.time))}")
    if series.keys:
        made.data["series_by"] = (list(series.keys), f"{len(series.rows):,} series")
    _leave_out(made, columns, {label.name, series.time.name, *series.keys})
    found = [steps_of(series.of(series.time, i)) for i in range(len(series.rows))]
    frequency = next((steps.frequency for steps in found if steps.frequency), "")
    num_gaps = sum(steps.num_gaps for steps in found)
    if frequency:
        made.data["frequency"] = (frequency, "the rows are not evenly spaced")
        made.data["gaps"] = ("resample", "the rows of one step are averaged")
    elif num_gaps:
        made.data["gaps"] = ("fill", f"{num_gaps:,} steps are missing, and get the values of the one before")
    _tolerate_missing_labels(made, label)
    made.data["split"] = _split(look.num_rows, by_time=True)
    num_steps = min(steps.num_steps for steps in found)
    if not series.keys:  # the rest of the file goes on with it
        num_steps = look.num_rows * num_steps // len(look.rows)
    made.data["window"] = _window(num_steps, series.of(label), series.of(series.time))


def _choose_label(columns: dict[str, Column], label: str | None, series: Series | None) -> tuple[Column, str]:
    if label is not None:
        if label not in columns:
            import difflib

            near = difflib.get_close_matches(label, columns, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"there is {', '.join(list(columns)[:20])}."
            raise ConfigError(f"the data have no column '{label}'.", hint=hint)
        return columns[label], "as you said"
    apart = {series.time.name, *series.keys} if series else set()
    possible = [c for c in columns.values() if c.kind in ("number", "word") and not c.is_identifier]
    possible = [c for c in possible if c.name not in apart and not c.is_free_text]
    if not possible:
        raise DataError("no column could be a label.", hint="name one with --label COLUMN.")
    for name in LABEL_NAMES:
        named = next((column for column in possible if column.name.lower() == name), None)
        if named is not None:
            return named, "by its name"
    return possible[-1], "the last column that could be one"


def _choose_task(label: Column, series: Series | None) -> tuple[Task, str]:
    if label.looks_like_classes:
        kind = "words" if label.kind == "word" else "few different values"
        return Task.TABULAR_CLASSIFICATION, f"'{label.name}' holds {kind}"
    if series is not None:
        of = f" of each {' and '.join(map(repr, series.keys))}" if series.keys else ""
        return Task.FORECASTING, f"'{series.time.name}' orders the rows{of}, and '{label.name}' holds numbers"
    return Task.TABULAR_REGRESSION, f"'{label.name}' holds {label.num_distinct:,} different numbers"


def _series_to_forecast(
    columns: dict[str, Column], label: str | None, series: Series | None, chosen: Column, why: str
) -> tuple[Column, str]:
    """Return what was named, or else the first column of numbers."""
    if series is None:
        raise DataError(
            "no column holds times that only grow, which forecasting needs.",
            hint="sort the rows by time, and write times like 2026-11-20 or 2026-11-20T08:00; of several series in one "
            "table, each needs one row for a time, and a column of words that tells it apart.",
        )
    if label is None and why != "by its name":
        apart = {series.time.name, *series.keys}
        first = next((c for c in columns.values() if c.kind == "number" and c.name not in apart), None)
        if first is None:
            raise DataError("no column of numbers is there to forecast.", hint="name one with --label COLUMN.")
        return first, "the first column of numbers"
    if chosen.kind != "number":
        raise ConfigError(f"'{chosen.name}' holds no numbers to forecast.", hint="name another with --label COLUMN.")
    return chosen, why


def _check_label(label: Column, task: Task, columns: dict[str, Column]) -> None:
    possible = [c for c in columns.values() if c.looks_like_classes and not c.is_free_text]
    others = [c.name for c in possible if c is not label and c.num_distinct > 1]
    hint = f"name another with --label: {', '.join(others[:10])}." if others else "name another with --label COLUMN."
    if label.kind not in ("number", "word"):
        raise DataError(f"'{label.name}' holds neither numbers nor words that a model could predict.", hint=hint)
    if label.num_distinct < 2:
        raise DataError(f"the label '{label.name}' has one value in all rows looked at.", hint=hint)
    if task is Task.TABULAR_REGRESSION and (label.kind == "word" or label.is_truth):
        raise ConfigError(f"'{label.name}' holds words, and regression predicts numbers.", hint=hint)
    num_present = len(label.values) - label.values.null_count
    if task is Task.TABULAR_CLASSIFICATION and label.num_distinct > max(20, 0.5 * num_present):
        raise DataError(
            f"the label '{label.name}' has {label.num_distinct:,} different values in {num_present:,} rows: "
            "those are no classes.",
            hint=hint if label.kind == "word" else f"say --task tabular_regression, or {hint}",
        )


def _describe_label(label: Column, task: Task) -> str:
    if task is Task.TABULAR_REGRESSION:
        present = label.numbers[label.numbers == label.numbers]
        return f"from {present.min():g} to {present.max():g}"
    values = sorted({str(value) for value in label.values.unique().to_pylist() if value is not None})
    return ", ".join(values) if len(values) <= 5 else f"{len(values)} classes"


def _leave_out(made: Guess, columns: dict[str, Column], used: set[str]) -> None:
    """Put columns into `data.ignore` that say nothing of the label, or that `ingest` would refuse."""
    reasons: dict[str, str] = {}
    for column in columns.values():
        if column.name in used:
            continue
        if column.kind in ("empty", "other", "time"):
            what = {"empty": "it is empty", "other": "it holds no numbers or words", "time": "it holds times"}
            reasons[column.name] = what[column.kind]
        elif column.name in RESERVED:
            reasons[column.name] = "reports use that name; rename it to learn from it"
        elif column.is_identifier:
            reasons[column.name] = "each row has its own"
        elif made.task is Task.FORECASTING and column.kind == "word":
            reasons[column.name] = "the channels of a series are numbers"
    if len(columns) - len(reasons) < 2 and made.task is not Task.FORECASTING:
        raise DataError(
            f"beside the label '{made.data['label'][0]}' no column is left to learn from.",
            hint=f"left out: {', '.join(f'{name} ({reason})' for name, reason in reasons.items())}.",
        )
    if reasons:
        shown = "; ".join(f"{name}: {reason}" for name, reason in list(reasons.items())[:3])
        made.data["ignore"] = (list(reasons), shown + ("; …" if len(reasons) > 3 else ""))


def _read_texts(made: Guess, columns: dict[str, Column], used: set[str]) -> None:
    left_out = made.data["ignore"][0] if "ignore" in made.data else ()
    texts = [name for name, c in columns.items() if c.is_free_text and name not in used and name not in left_out]
    if texts:
        made.data["text"] = (texts, "free text: the model learns from the words, and from their order")


def _tolerate_missing_labels(made: Guess, label: Column) -> None:
    num_missing = label.values.null_count
    if num_missing:
        share = num_missing / len(label.values)
        what = "rows looked at have no label and are left out"
        if made.task is Task.FORECASTING:
            what = "steps have no value, and get the one before"
        made.data["max_bad_share"] = (min(0.99, round(1.5 * share + 0.005, 3)), f"{share:.1%} of the {what}")


def _split(num_examples: int, *, by_time: bool = False) -> tuple[object, str]:
    small = num_examples < 1000 and not by_time
    shares = (
        {"train": 0.65, "validation": 0.15, "test": 0.2} if small else {"train": 0.8, "validation": 0.1, "test": 0.1}
    )
    if by_time:
        return shares, "by time: the newest rows are held out"
    return shares, "few examples: hold out enough to measure on" if small else ""


def _window(num_steps: int, label: Column, time: Column) -> tuple[object, str]:
    if num_steps < MIN_SERIES_STEPS:
        raise DataError(f"{num_steps} steps are too few to forecast from.", hint=f"bring at least {MIN_SERIES_STEPS}.")
    season = find_season(label, time)
    num_held_out = round(0.1 * num_steps)
    horizon = max(1, min(season // 4, num_held_out, 48))
    wanted = min(MAX_LOOKBACK, 2 * season if season > 1 else 24)
    lookback = max(2, min(wanted, (num_steps - 2 * num_held_out - horizon) // 2))
    why = f"a season of {season} rows shows" if season > 1 else "no season shows"
    return {"lookback": lookback, "horizon": horizon, "season": season}, f"in rows; {why}"
