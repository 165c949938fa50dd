"""`estafet inspect`: what raw data or an ingested data set hold, in the terminal and as a page."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cli.inspection.progress import ProgressLine
    from cli.inspection.sections import Findings
    from estafet.source_schema import SourceSchema

SCHEMA_OF_DATASET = "schema.json"
FORMATS = ("csv", "parquet", "images", "npz")


PATH = click.Path(path_type=Path)
ROWS = click.IntRange(0, 1000)


@click.command()
@click.argument("data", metavar="SOURCE|DATASET|RUN.yaml", required=False, type=click.Path())
@click.option("--html", metavar="FILE", type=PATH, help="Where the page goes; NAME-inspection.html if not given.")
@click.option("--no-html", is_flag=True, help="Write no page.")
@click.option("--schema", metavar="FILE", type=PATH, help="Write the source's schema, to edit and pin.")
@click.option("--rows", "num_rows", default=5, show_default=True, metavar="N", type=ROWS, help="Sample rows.")
@click.option("--run", "run_file", metavar="RUN.yaml", type=PATH, help="Read SOURCE, or its own data, as it says.")
@click.option("--profile", metavar="NAME", help="Profile of the run file to apply.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override in it, as data.delimiter=';'.")
@click.option("--format", "data_format", type=click.Choice(FORMATS), help="Format, if the files' names do not tell.")
@click.option("--delimiter", metavar="CHAR", help="Character between two fields of a CSV file, if not as guessed.")
@click.option("--decimal", type=click.Choice([".", ","]), help="Character before a number's fraction, likewise.")
@click.option("--encoding", metavar="NAME", help="Encoding of a CSV file, if it is not UTF-8 and does not tell.")
def inspect(
    data: str | None, html: Path | None, no_html: bool, schema: Path | None, num_rows: int, run_file: Path | None,
    profile: str | None, overrides: tuple[str, ...], data_format: str | None, **options: str | None,
) -> None:  # fmt: skip
    """Say what raw data or an ingested data set hold, and what is wrong with them.

    SOURCE is a CSV, Parquet or .npz file, a folder or glob of such files, a folder with one folder of images for each
    class, or the same at gs://. DATASET is what ingest wrote; RUN.yaml stands for the newest data set of its runs. All
    shards of a data set are read back, to check them and to count anew what its splits have in common.

    \b
    estafet inspect data.csv                       types, ranges, missing values, problems
    estafet inspect data.csv --schema schema.json  the same as a file, to edit and pin with data.schema_file
    estafet inspect run.yaml                       the data set that its newest run learned from
    """
    from cli.inspection import page, text
    from cli.inspection.progress import ProgressLine

    _check_free(schema)
    given = {key: value for key, value in {**options, "format": data_format}.items() if value is not None}
    with ProgressLine() as progress:
        found, source_schema, problems = _look(
            data, run_file, profile, overrides, given, num_rows, schema is not None, progress
        )
    text.show(found, text.open_console())
    if schema is not None:
        with _writing(schema, "name another with --schema FILE."):
            _write_schema(schema, source_schema)
    if not no_html:
        file = html or Path(f"{_file_name(found.title)}-inspection.html")
        with _writing(file, "name another with --html FILE, or write none with --no-html."):
            click.echo(f"\npage: {page.build(found).save(file)}")
    if problems:
        from estafet.errors import DataError

        raise DataError(f"{problems[0]}.", hint="delete the data set and ingest again: `estafet run`.")


def _look(
    data: str | None, run_file: Path | None, profile: str | None, overrides: tuple[str, ...], given: dict[str, Any],
    num_rows: int, wants_schema: bool, progress: ProgressLine,
) -> tuple[Findings, SourceSchema | None, list[str]]:  # fmt: skip
    """Return the findings, the schema of raw data, and what makes a data set another one than it says it is."""
    from cli.inspection import target

    if data is None and run_file is None:
        raise click.UsageError("Give data to inspect, or a run file with --run.")
    folder = target.find_dataset(data, profile, overrides) if data is not None and run_file is None else None
    if folder is not None:
        if wants_schema:
            raise click.UsageError(f"--schema is for raw data; that of a data set is '{folder / SCHEMA_OF_DATASET}'.")
        from cli.inspection import dataset

        seen = dataset.inspect(folder, progress)
        return dataset.findings(seen, num_rows), None, seen.problems
    from cli.inspection import source
    from estafet.runfile import load

    loaded = None if run_file is None else load(run_file, profile=profile, overrides=overrides)
    return (*source.inspect(data, loaded, given, num_rows, progress), [])


def _check_free(schema: Path | None) -> None:
    if schema is not None and schema.exists():
        from estafet.errors import ConfigError

        raise ConfigError(f"'{schema}' is there already, and may have been edited.", hint="name another file.")


@contextmanager
def _writing(file: Path, hint: str) -> Iterator[None]:
    """Say in plain words that a file cannot be written; a full disk is said elsewhere."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        from estafet.errors import ConfigError

        raise ConfigError(f"the file '{file}' cannot be written: {error.strerror}.", hint=hint) from error


def _write_schema(file: Path, source_schema: SourceSchema) -> None:
    source_schema.save(file)
    click.echo(f"\nschema: {file}\nnext: edit it, and pin it in the run file with data.schema_file: {file}")


def _file_name(title: str) -> str:
    letters = (letter if letter.isalnum() or letter in "-_" else "-" for letter in Path(title).stem)
    return "".join(letters).strip("-") or "data"
