"""Writing files and folders so that they appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
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

    What an earlier, killed attempt left beside `path` is removed. Of several at once each writes a folder of its own,
    and the one that ends last stays.

    Args:
        path: The folder to write; the folder around it is made where it is missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    around, lock = _locked_folder_beside(path)
    with lock:
        try:
            folder = around / "new"
            folder.mkdir()
            yield folder
            _put_in_place(folder, path, around)
        finally:
            shutil.rmtree(around, ignore_errors=True)


def _beside(path: Path) -> tuple[str, str]:
    """Return how the names of temporary folders beside a path begin and end."""
    return f".{path.name}.", ".tmp"


def _remove_abandoned(path: Path) -> None:
    """Remove the temporary folders of attempts that are no more; those of others that are at work are locked."""
    prefix, suffix = _beside(path)
    for left in list(path.parent.iterdir()):
        if left.name.startswith(prefix) and left.name.endswith(suffix) and left.is_dir():
            with suppress(BlockingIOError, FileNotFoundError), _lock(left):
                shutil.rmtree(left, ignore_errors=True)


def _locked_folder_beside(path: Path) -> tuple[Path, IO[str]]:
    prefix, suffix = _beside(path)
    while True:
        around = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=path.parent))
        # Until it is locked, another attempt may take it for abandoned.
        with suppress(BlockingIOError, FileNotFoundError):
            lock = _lock(around)
            if around.exists():
                return around, lock
            lock.close()


def _lock(folder: Path) -> IO[str]:
    """Lock a folder for as long as the returned file is open.

    Raises:
        BlockingIOError: Somebody else has done so.
        FileNotFoundError: The folder is gone.
    """
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    except OSError as error:  # a file system without locks; there each attempt takes itself for the only one
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
            file.close()
            raise
    return file


def _put_in_place(folder: Path, path: Path, around: Path) -> None:
    """Move a folder to `path`; what is there steps aside, since a folder can only take the place of an empty one."""
    for number in count():
        with suppress(FileNotFoundError):
            os.replace(path, around / f"old-{number}")
        try:
            return os.replace(folder, path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # as it is when another attempt came between
                raise


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as JSON, whole or not at all; NaN and infinities are refused with ValueError."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path) as file:
        file.write(text)


def read_json(path: str | Path) -> Any:
    """Read a JSON file in UTF-8."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
