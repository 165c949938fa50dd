"""Which files are meant by `data.source`, and in what format they are."""

from __future__ import annotations

import difflib
from pathlib import Path

from components.ingest.sources.failures import not_allowed
from components.ingest.sources.folders import expand, has_wildcard, walk, walk_folders
from estafet.errors import ConfigError, DataError
from estafet.runfile.tasks import Task

ENDINGS = {
    "csv": (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz"),
    "parquet": (".parquet", ".pq"),
    "npz": (".npz",),
    "images": (".png", ".jpg", ".jpeg"),
}
SERVED_BY = {
    "csv": (Task.TABULAR_CLASSIFICATION, Task.TABULAR_REGRESSION, Task.FORECASTING),
    "parquet": (Task.TABULAR_CLASSIFICATION, Task.TABULAR_REGRESSION, Task.FORECASTING),
    "npz": (Task.IMAGE_CLASSIFICATION, Task.TABULAR_CLASSIFICATION, Task.TABULAR_REGRESSION),
    "images": (Task.IMAGE_CLASSIFICATION,),
}


def find(source: tuple[str, ...], data_format: str, task: Task, *, has_labels: bool = False) -> tuple[list[Path], str]:
    """Return what is to be read, and its format.

    Hidden files and folders are passed over, and of Parquet those whose names begin with `_` too, as Spark's own do.

    Args:
        source: Absolute paths of files or folders, or globs.
        data_format: `auto`, or a key of `ENDINGS`.
        task: What the data are for.
        has_labels: Whether a file gives the classes, so that the data are folders of images.

    Returns:
        The files, each once, in order (for `images`, the folders), and a key of `ENDINGS`.

    Raises:
        DataError: Nothing is found at a source, or nothing of a known format; or a folder may not be read.
        ConfigError: The format does not suit the task.
    """
    found = [path for each in source for path in _matches(each)]
    if data_format == "auto" and has_labels:
        data_format = "images"
    elif data_format == "auto":
        data_format = _format_of(found[0], task)
    if task not in SERVED_BY[data_format]:
        wanted = " or ".join(name for name, tasks in SERVED_BY.items() if task in tasks)
        raise ConfigError(
            f"the task {task.value} is not learnt from {data_format}: '{found[0]}'.",
            hint=f"set task to what the data are for, or data.source to {wanted}.",
        )
    if data_format == "images":
        return found, data_format
    return list(dict.fromkeys(file for path in found for file in _files_in(path, data_format))), data_format


def is_of(path: Path, data_format: str) -> bool:
    """Whether a file's name has one of a format's endings."""
    return path.name.lower().endswith(ENDINGS[data_format]) and not path.name.startswith(".")


def closest(name: str, names: list[str]) -> str:
    """Return a sentence that names what was probably meant, or else what there is."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if not near and name.lower() in (lower := {other.lower(): other for other in names}):
        near = [lower[name.lower()]]
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(map(repr, names[:10])) + (", …" if len(names) > 10 else "")
    return f"there is {shown}." if names else "there is nothing."


def _matches(source: str) -> list[Path]:
    path = Path(source)
    try:
        if path.exists():
            return [path]
        if has_wildcard(source) and (found := expand(source)):
            return found
        raise _nothing_at(source)
    except PermissionError as error:
        raise not_allowed(Path(error.filename or source).parent) from error


def _nothing_at(source: str) -> DataError:
    path, what = Path(source), f"'{source}' does not exist"
    if has_wildcard(source):
        first = next(i for i, part in enumerate(path.parts) if has_wildcard(part))
        path, what = Path(*path.parts[: first + 1]), f"no file matches '{source}'"
    folder = next((parent for parent in path.parents if parent.is_dir()), Path("/"))
    missing = path.parts[len(folder.parts)]
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    near = closest("" if has_wildcard(missing) else missing, names)
    return DataError(f"{what}.", hint=f"in '{folder}' {near} Correct data.source.")


def _format_of(path: Path, task: Task) -> str:
    if path.is_file():
        for data_format in ENDINGS:
            if is_of(path, data_format):
                return data_format if data_format != "images" else _refuse_single_image(path)
        raise DataError(
            f"the ending of '{path.name}' tells no format.",
            hint=f"set data.format to one of {', '.join(ENDINGS)}, or point data.source at the data themselves.",
        )
    inside = [name.lower() for _, names in walk_folders(path) for name in names]
    counts = {kind: sum(name.endswith(endings) for name in inside) for kind, endings in ENDINGS.items()}
    # Notes among images are no data, so what suits the task comes first, and then what there is most of.
    suited = max(ENDINGS, key=lambda name: (task in SERVED_BY[name] and counts[name] > 0, counts[name]))
    if counts[suited]:
        return suited
    raise DataError(
        f"the folder '{path}' holds no CSV, Parquet, .npz, PNG or JPEG file.",
        hint="correct data.source in the run file.",
    )


def _refuse_single_image(path: Path) -> str:
    raise DataError(
        f"'{path}' is one image, and the classes are told by folders.",
        hint=f"point data.source at the folder that holds one folder for each class, maybe '{path.parent.parent}'.",
    )


def _files_in(path: Path, data_format: str) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(entry for entry in walk(path) if is_of(entry, data_format))
    if data_format == "parquet":
        files = [file for file in files if not any(part.startswith("_") for part in file.relative_to(path).parts)]
    if not files:
        raise DataError(
            f"the folder '{path}' holds no {data_format} file ({', '.join(ENDINGS[data_format])}).",
            hint="correct data.source or data.format.",
        )
    return files
