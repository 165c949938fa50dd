"""Folders that go to Cloud Storage: each object checked on arrival, and one that comes last."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.errors import DataError
from estafet.storage import session
from estafet.storage.address import SCHEME, Address
from estafet.storage.answers import writing

if TYPE_CHECKING:
    from google.cloud.storage import Blob

READ_BYTES = 2**20


def upload_folder(folder: str | Path, uri: str, *, last: str = "") -> None:
    """Write all files of a folder below a `gs://` address, and see that each arrived as it is.

    Cloud Storage has no renaming, so whoever reads there may see a part of it: what makes the rest of use, as the graph
    of a SavedModel does, comes last.

    Args:
        folder: The folder.
        uri: The address of the new folder.
        last: Path in the folder of the file that is written when all others are there.

    Raises:
        DataError: The bucket is not there or may not be written, or an object arrived with another CRC32C.
        ServiceUnavailable: Cloud Storage does not answer.
    """
    root, address = Path(folder), Address.parse(uri)
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    named = {path.relative_to(root).as_posix(): path for path in paths}
    with writing(uri):
        bucket = session.open_bucket(address.bucket, writes=True)

        def put(name: str) -> None:
            blob = bucket.blob(f"{address.name}/{name}")
            _upload(blob, named[name])

        with ThreadPoolExecutor(session.NUM_CONNECTIONS, "estafet-upload") as pool:
            list(pool.map(put, (name for name in named if name != last)))
        if last in named:
            put(last)
        _check(uri, named, bucket.list_blobs(prefix=f"{address.name}/", timeout=session.TIMEOUT_S))


def remove_folder(uri: str) -> None:
    """Remove all objects below a `gs://` address; nothing where there are none.

    Raises:
        DataError: They may not be removed.
        ServiceUnavailable: Cloud Storage does not answer.
    """
    from google.api_core.exceptions import NotFound

    address = Address.parse(uri)
    with writing(uri):
        bucket = session.open_bucket(address.bucket, writes=True)
        for blob in list(bucket.list_blobs(prefix=f"{address.name}/", timeout=session.TIMEOUT_S)):
            try:
                blob.delete(timeout=session.TIMEOUT_S)
            except NotFound:
                continue  # another command removes the same


def crc32c_of(path: Path) -> str:
    """Return a file's CRC32C in base64, as Cloud Storage gives it."""
    import google_crc32c

    checksum = google_crc32c.Checksum()
    with path.open("rb") as file:
        while content := file.read(READ_BYTES):
            checksum.update(content)
    return base64.b64encode(checksum.digest()).decode()


def _upload(blob: Blob, path: Path) -> None:
    from google.cloud.storage.retry import DEFAULT_RETRY

    # Writing the same bytes to the same name twice is harmless, so a write without an answer is repeated.
    retry = DEFAULT_RETRY.with_timeout(session.RETRY_S)
    blob.upload_from_filename(
        str(path), content_type="application/octet-stream", timeout=session.TIMEOUT_S, retry=retry
    )


def _check(uri: str, named: Mapping[str, Path], stored: Iterable[Blob]) -> None:
    there = {f"{SCHEME}{blob.bucket.name}/{blob.name}".removeprefix(f"{uri}/"): blob for blob in stored}
    for name in sorted(named.keys() | there.keys()):
        if name not in named:
            what = "was there before"
        elif name not in there:
            what = "did not arrive"
        elif there[name].crc32c != crc32c_of(named[name]):
            what = "arrived with another checksum (CRC32C)"
        else:
            continue
        raise DataError(
            f"the copy in '{uri}' is not what was copied: '{name}' {what}.",
            hint="let nobody else write there, then run the same command again.",
        )
