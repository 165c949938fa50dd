"""What is to be inspected: a data set, wherever it is named, or raw data and how they are to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.ingest.sources.find import ENDINGS, is_of
from components.ingest.sources.folders import expand, has_wildcard, walk
from estafet.errors import ConfigError, DataError, EstafetError
from estafet.records.manifest import MANIFEST_FILE, Manifest
from estafet.runfile import LoadedRunFile
from estafet.runfile.steps import IngestSettings, settings_for
from estafet.runfile.tasks import Task
from estafet.source_schema import SourceSchema

RUN_FILES = (".yaml", ".yml")
IN_RUN = "artifacts/*/ingest/dataset"
TABLES = ("csv", "parquet", "npz")
REMOTE = "://"
GUESSED_BY = 65_536
"""Bytes."""


def find_dataset(data: str, profile: str | None = None, overrides: tuple[str, ...] = ()) -> Path | None:
    """Return the folder of the data set that a path means, or None where it means raw data.

    Args:
        data: A data set's folder or its manifest, a run's folder, or a run file, which means its newest data set.
        profile: Profile of that run file to apply.
        overrides: Overrides in it.

    Raises:
        DataError: A run has made no data set.
    """
    path = Path(data)
    if REMOTE in data:
        return None
    if path.name == MANIFEST_FILE and path.is_file():
        return path.parent
    if path.suffix in RUN_FILES and path.is_file():
        return _newest(path, profile, overrides)
    if (path / MANIFEST_FILE).is_file():
        return path
    if (path / "artifacts").is_dir():
        found = sorted(path.glob(f"{IN_RUN}/{MANIFEST_FILE}"))
        if not found:
            raise DataError(
                f"the run '{path.name}' made no data set of its own.",
                hint="it ended before, or used an earlier run's again: give the run file in place of the run's folder.",
            )
        return found[0].parent
    return None


def absolute(source: str) -> str:
    """Return a path as it is whatever the folder one is in; an address stays as it is."""
    return source if REMOTE in source else str(Path(source).expanduser().absolute())


def settings_of(source: str, options: Mapping[str, Any]) -> IngestSettings:
    """Return how raw data are read about which no run file says anything; the task is a guess by their format.

    Args:
        source: A file, folder or glob on this machine.
        options: Keys of the run file's `data` section that were given.

    Raises:
        DataError: A folder holds tables of several formats.
        ConfigError: An option has no such value.
    """
    chosen = options.get("format") or _format_in(source)
    task = Task.IMAGE_CLASSIFICATION if chosen == "images" else Task.TABULAR_CLASSIFICATION
    guessed = _punctuation(source, options) if chosen == "csv" else {}
    return _validated({**guessed, **options, "source": (source,), "format": chosen, "task": task})


def settings_of_run(loaded: LoadedRunFile, source: str | None, options: Mapping[str, Any]) -> IngestSettings:
    """Return how a run file has its data read.

    Args:
        loaded: The run file.
        source: Other data, to be read in the same way; None for its own.
        options: Keys of the `data` section that were given besides.
    """
    values = {**settings_for("ingest", loaded.run), "source": loaded.sources, **options}
    if source is not None:
        values["source"] = (absolute(source),)
    if values.get("labels"):
        values["labels"] = loaded.absolute(values["labels"])
    if values.get("schema_file"):
        values["expected"] = SourceSchema.load(loaded.absolute(values["schema_file"])).model_dump()
    return _validated(values)


def are_images(files: Sequence[Path], data_format: str, task: Task) -> bool:
    """Return whether data are images; of arrays, where no run file tells, their number of axes does."""
    if data_format != "npz":
        return data_format == "images"
    from components.ingest.sources.npz import read_arrays

    return task == Task.IMAGE_CLASSIFICATION or read_arrays(files[0])[0].ndim > 2


@contextmanager
def hints_as_options() -> Iterator[None]:
    """While the block runs, have errors speak of the command's options in place of a run file that there is not."""
    try:
        yield
    except EstafetError as error:
        hint = re.sub(r"data\.(delimiter|decimal|encoding|format)\b:?", r"--\1", error.hint or "")
        hint = re.sub(r"(or )?data\.source( in the run file)?", r"\1the path", hint)
        raise type(error)(error.message, hint=hint or None) from error


def _validated(values: Mapping[str, Any]) -> IngestSettings:
    from pydantic import ValidationError

    try:
        return IngestSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{key} is {first['input']!r}: {first['msg']}.", hint="see `estafet inspect --help`."
        ) from error


def _newest(run_file: Path, profile: str | None, overrides: tuple[str, ...]) -> Path:
    from estafet.runfile import load

    loaded = load(run_file, profile=profile, overrides=overrides)
    manifests = sorted((loaded.workspace / "runs").glob(f"*/{IN_RUN}/{MANIFEST_FILE}"), reverse=True)
    for path in manifests:
        found = Manifest.load(path.parent)
        if (found.sources, found.task) == (loaded.sources, loaded.run.task):
            return path.parent
    raise DataError(
        f"no run of '{run_file}' has made a data set in the workspace '{loaded.workspace}'.",
        hint=f"make one with `estafet run {run_file}`, or look at the raw data: `estafet inspect --run {run_file}`.",
    )


def _punctuation(source: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Guess the delimiter and the decimal sign by the first lines of a file, or of the first of several."""
    from cli.proposal.delimiter import delimiter_of
    from components.ingest.sources.text import chunks

    path = _first_of(source)
    files = [path] if path.is_file() else [file for file in walk(path) if is_of(file, "csv")] if path.is_dir() else []
    if not files:
        return {}
    first, _ = next(chunks(files[0], options.get("encoding", "auto")), (b"", 0))
    text = first[:GUESSED_BY].decode("utf-8", "replace")
    delimiter = options.get("delimiter") or delimiter_of(text)
    fields = [field.strip() for line in text.splitlines() for field in line.split(delimiter)]
    with_comma = any(re.fullmatch(r"[-+]?\d+,\d+", field) for field in fields)
    with_point = any(re.fullmatch(r"[-+]?\d+\.\d+", field) for field in fields)
    return {"delimiter": delimiter, "decimal": "," if with_comma and not with_point and delimiter != "," else "."}


def _format_in(source: str) -> str:
    """Return the format of what a folder holds, or `auto` where a file's own name tells."""
    path = _first_of(source)
    if not path.is_dir():
        return next((name for name in TABLES if is_of(path, name)), "auto")
    inside = list(walk(path))
    counts = {name: sum(is_of(file, name) for file in inside) for name in ENDINGS}
    tables = [name for name in TABLES if counts[name]]
    if counts["images"] > sum(counts[name] for name in tables):
        return "images"
    if len(tables) > 1:
        held = " and ".join(f"{counts[name]:,} {name} file{'s' * (counts[name] > 1)}" for name in tables)
        raise DataError(
            f"the folder '{path}' holds {held}; they are not one table.",
            hint=f"name those of one format: `estafet inspect '{path / '*'}{ENDINGS[tables[0]][0]}'`.",
        )
    return tables[0] if tables else "auto"


def _first_of(source: str) -> Path:
    """Return the first path that a glob matches, or the path itself."""
    path = Path(source)
    if path.exists() or not has_wildcard(source):
        return path
    try:
        return next(iter(expand(source)), path)
    except OSError:
        return path  # whoever reads it says what is wrong with it
