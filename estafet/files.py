"""Writing files and folders so that they appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

UMASK = os.umask(0o022)
"""What the process's umask takes from a new file's permissions; a temporary file has fewer, and gets them back."""
os.umask(UMASK)


@contextmanager
def replacing(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file beside `path` that takes its place, synced, when the block ends without an error.

    Args:
        path: The file to write; its folder is made where it is missing.
        mode: "w" for text in UTF-8, "wb" for bytes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~UMASK)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `path` when the block ends without an error.

    What an earlier, killed attempt left beside `path` is removed.

    Args:
        path: The folder to write; the folder around it is made where it is missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix, suffix = f".{path.name}.", ".tmp"
    _remove_all(path.parent, prefix, suffix)
    around = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=path.parent))
    try:
        folder = around / "new"
        folder.mkdir()
        yield folder
        if path.exists():
            # A folder can only take the place of an empty one, so the old one steps aside first.
            os.replace(path, around / "old")
        os.replace(folder, path)
    finally:
        _remove_all(path.parent, prefix, suffix)


def _remove_all(parent: Path, prefix: str, suffix: str) -> None:
    for left in parent.glob(f"{prefix}*{suffix}"):
        shutil.rmtree(left, ignore_errors=True)


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as JSON, whole or not at all; NaN and infinities are refused with ValueError."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path) as file:
        file.write(text)


def read_json(path: str | Path) -> Any:
    """Read a JSON file in UTF-8."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
