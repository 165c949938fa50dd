"""Writes what a model answered: next to the rows that were asked about, as a file, or as a table on the terminal."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estafet.errors import ConfigError
from estafet.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

FORMATS = (".csv", ".parquet", ".json")
STDOUT = "-"
MAX_CELL_CHARS = 40  # a request id with its row's number has 34 or more
MAX_LISTED = 4


def check(path: str) -> None:
    """Refuse a file whose kind is not known, before anything is asked.

    Raises:
        ConfigError: Its name has another ending than those that are written.
    """
    if path != STDOUT and Path(path).suffix.lower() not in FORMATS:
        raise ConfigError(f"'{path}' is of no known kind.", hint=f"end its name with {', '.join(FORMATS)}, or give -.")


def beside(rows: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Put answers next to the rows; an answer whose name a row has already is called `predicted_…`."""
    import pandas as pd

    taken = set(rows.columns)
    named = {name: f"predicted_{name}" for name in answers.columns if name in taken}
    return pd.concat([rows, answers.rename(columns=named)], axis=1)


def write(frame: pd.DataFrame, path: str) -> None:
    """Write a frame as the file's ending says; `-` is CSV on the standard output."""
    if path == STDOUT:
        print(_plain(frame, as_text=True).to_csv(index=False), end="")
        return
    suffix = Path(path).suffix.lower()
    with replacing(path, "wb") as file:
        if suffix == ".parquet":
            frame.to_parquet(file, index=False)
        elif suffix == ".csv":
            file.write(_plain(frame, as_text=True).to_csv(index=False).encode())
        else:
            rows = _plain(frame, as_text=False).to_dict("records")
            file.write(json.dumps(rows, ensure_ascii=False, indent=1, default=_item).encode())


def show(answers: pd.DataFrame, console: Console, *, most: int) -> None:
    """Print the first rows of the answers."""
    from rich.table import Table

    from serving.client.prediction import REQUEST_ID_COLUMN

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("row", *answers.columns):
        is_whole = name in ("row", REQUEST_ID_COLUMN)
        table.add_column(str(name), no_wrap=is_whole, overflow="fold", justify="right" if name == "row" else "left")
    for number, row in enumerate(answers.head(most).itertuples(index=False)):
        table.add_row(str(number), *(_short(value) for value in row))
    console.print(table)
    if len(answers) > most:
        console.print(f"[dim]… and {len(answers) - most} more rows; --out FILE.csv writes them all[/]")


def _plain(frame: pd.DataFrame, *, as_text: bool) -> pd.DataFrame:
    """Return a frame whose cells can be written: bytes as base64, and lists as JSON where cells are texts."""

    def cell(value: Any) -> Any:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode("ascii")
        if hasattr(value, "tolist") and getattr(value, "ndim", 0):
            value = value.tolist()
        return json.dumps(value, ensure_ascii=False) if as_text and isinstance(value, (list, dict)) else value

    of_objects = [name for name in frame.columns if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].map(cell) for name in of_objects})


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def _short(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(_short(item) for item in value[:MAX_LISTED])
        return f"[{shown}{', …' if len(value) > MAX_LISTED else ''}]".replace("[", "\\[", 1)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, float) or type(value).__name__.startswith("float"):
        return f"{value:.5g}"
    text = str(value)
    return text if len(text) <= MAX_CELL_CHARS else f"{text[: MAX_CELL_CHARS - 1]}…"
