"""Says which file it was that could not be read, and what to do."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from estafet.errors import DataError


@contextmanager
def naming(path: Path, data_format: str) -> Iterator[None]:
    """Turn what fails while a file is read into an error that names it.

    Args:
        path: The file.
        data_format: What it is taken for.

    Raises:
        DataError: It cannot be read.
    """
    try:
        yield
    except PermissionError as error:
        raise not_allowed(path) from error
    except (pa.ArrowException, ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        message = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise DataError(
            f"'{path}' cannot be read: {message}.",
            hint=f"is it a whole {data_format} file? Set data.format, or copy or write it again.",
        ) from error


def not_allowed(path: Path) -> DataError:
    """Make the error for a file or folder that this user may not read."""
    right = "rx" if path.is_dir() else "r"
    return DataError(f"'{path}' may not be read by this user.", hint=f"allow it: chmod u+{right} '{path}'")
