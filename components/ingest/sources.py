"""Which files are meant by `data.source`, and in what format they are."""

from __future__ import annotations

import difflib
import glob
from pathlib import Path

from estafet.errors import ConfigError, DataError
from estafet.runfile.tasks import Task

ENDINGS = {
    "csv": (".csv", ".tsv", ".txt", ".csv.gz"),
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


def find(source: tuple[str, ...], data_format: str, task: Task) -> tuple[list[Path], str]:
    """Return what is to be read, and its format.

    Args:
        source: Absolute paths of files or folders, or globs.
        data_format: `auto`, or a key of `ENDINGS`.
        task: What the data are for.

    Returns:
        The files in order (for `images`, the folders that hold one folder for each class), and a key of `ENDINGS`.

    Raises:
        DataError: Nothing is found at a source, or nothing of a known format.
        ConfigError: The format does not suit the task.
    """
    found = [path for each in source for path in _matches(each)]
    if data_format == "auto":
        data_format = _format_of(found[0], task)
    if task not in SERVED_BY[data_format]:
        wanted = " or ".join(name for name, tasks in SERVED_BY.items() if task in tasks)
        raise ConfigError(
            f"the task {task.value} is not learnt from {data_format}: '{found[0]}'.",
            hint=f"set task to what the data are for, or data.source to {wanted}.",
        )
    if data_format == "images":
        return found, data_format
    return [file for path in found for file in _files_in(path, data_format)], data_format


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
    if path.exists():
        return [path]
    if any(sign in source for sign in "*?["):
        found = sorted(Path(match) for match in glob.glob(source, recursive=True))
        if found:
            return found
        # The folder is the part before the first wildcard.
        path = Path(*[part for part in path.parts[: _first_wildcard(path)]]) / path.name
        what = f"no file matches '{source}'"
    else:
        what = f"'{source}' does not exist"
    folder = next((parent for parent in path.parents if parent.is_dir()), Path("/"))
    missing = path.parts[len(folder.parts)]
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    raise DataError(f"{what}.", hint=f"in '{folder}' {closest(missing, names)} Correct data.source.")


def _first_wildcard(path: Path) -> int:
    return next(i for i, part in enumerate(path.parts) if any(sign in part for sign in "*?["))


def _format_of(path: Path, task: Task) -> str:
    if path.is_file():
        for data_format in ENDINGS:
            if is_of(path, data_format):
                return data_format if data_format != "images" else _refuse_single_image(path)
        raise DataError(
            f"the ending of '{path.name}' tells no format.",
            hint=f"set data.format to one of {', '.join(ENDINGS)}, or point data.source at the data themselves.",
        )
    inside = [entry for entry in path.rglob("*") if entry.is_file()]
    counts = {name: sum(is_of(entry, name) for entry in inside) for name in ENDINGS}
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
    files = sorted(entry for entry in path.rglob("*") if entry.is_file() and is_of(entry, data_format))
    if not files:
        raise DataError(
            f"the folder '{path}' holds no {data_format} file ({', '.join(ENDINGS[data_format])}).",
            hint="correct data.source or data.format.",
        )
    return files
