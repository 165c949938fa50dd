"""`estafet predict`: asks a running model server about the rows of a file."""

from __future__ import annotations

from typing import Any

import click

from cli.asking.options import is_run_file, server_options, target
from estafet.errors import ConfigError

MAX_SHOWN = 20


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="[RUN.yaml] FILE…")
@server_options
@click.option("--out", metavar="FILE", help="Write rows and answers as .csv, .parquet or .json; - is CSV to be piped.")
@click.option("--batch", type=click.IntRange(1), default=100, show_default=True, help="Rows a request.")
@click.option(
    "--timeout-s", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="A request's."
)
@click.option("--retries", type=click.IntRange(0), default=3, show_default=True, help="Further tries of a request.")
def predict(
    paths: tuple[str, ...], out: str | None, batch: int, timeout_s: float, retries: int, **options: Any
) -> None:
    """Ask a running model server about the rows of FILE: .csv, .parquet, .json, - (standard input), or images.

    Columns are named as the model's inputs; others are passed over. Each answer has the id under which the server
    logged it, so that a label can follow later.

    \b
        estafet predict run.yaml rows.csv
        estafet predict --url grpc://models:8500 --model churn --label stable rows.parquet --out answers.parquet
        head -5 rows.csv | estafet predict --url http://localhost:8501 - --out -
    """
    from cli.asking import writing

    run_file, files = (paths[0], paths[1:]) if is_run_file(paths[0]) else (None, paths)
    if not files:
        raise ConfigError("no file with rows is given.", hint=f"estafet predict {paths[0]} rows.csv")
    if out is not None:
        writing.check(out)
    rows, answers = _asked(run_file, files, options, batch=batch, timeout_s=timeout_s, retries=retries)
    if out is not None:
        writing.write(writing.beside(rows, answers), out)
        if out != writing.STDOUT:
            click.echo(f"{len(rows)} rows with their answers: {out}")
        return
    from rich.console import Console

    names = [name for name in ("file",) if name in rows]
    writing.show(writing.beside(rows[names], answers), Console(highlight=False), most=MAX_SHOWN)


def _asked(
    run_file: str | None, files: tuple[str, ...], options: dict[str, Any], *, batch: int, timeout_s: float, retries: int
) -> tuple[Any, Any]:
    """Return the rows and the answers, as frames of one index."""
    import pandas as pd

    from cli.asking.reading import read_rows

    found = target(run_file, options)
    with found.client(timeout_s=timeout_s, retries=retries) as client:
        signature = options["signature"]
        rows = read_rows(files, client.metadata().signature(signature), **found.csv).reset_index(drop=True)
        parts = [
            client.predict(rows.iloc[start : start + batch], signature=signature).frame()
            for start in range(0, len(rows), batch)
        ]
    return rows, pd.concat(parts)
