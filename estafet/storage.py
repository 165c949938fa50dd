"""Objects in Google Cloud Storage, brought to where files are read."""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.errors import ConfigError, DataError, ServiceUnavailable

if TYPE_CHECKING:
    from google.cloud.storage import Blob

SCHEME = "gs://"
TIMEOUT_S = 60
RETRY_S = 20


@contextmanager
def local_copies(sources: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Give the sources as local paths and globs; what is in a bucket is downloaded for as long as the block lasts.

    Args:
        sources: Paths and globs, each local or `gs://BUCKET/…`.

    Raises:
        DataError: Nothing is there.
        ServiceUnavailable: Cloud Storage does not answer, or refuses.
    """
    if not any(source.startswith(SCHEME) for source in sources):
        yield sources
        return
    with tempfile.TemporaryDirectory(prefix="estafet-source-") as folder:
        yield tuple(_download(s, Path(folder) / str(i)) if s.startswith(SCHEME) else s for i, s in enumerate(sources))


@dataclass(frozen=True)
class StoredObject:
    """One object as it is now: a changed one has another generation.

    Attributes:
        url: Its `gs://` address.
        num_bytes: Its size.
        generation: Number that grows with each write.
        crc32c: CRC32C of the contents, in base64.
    """

    url: str
    num_bytes: int
    generation: int
    crc32c: str


def list_objects(uri: str) -> list[StoredObject]:
    """List what a `gs://` file, folder or glob means, without downloading it.

    Raises:
        ConfigError: The address is of a storage that Estafet does not read.
        ServiceUnavailable: Cloud Storage does not answer, or refuses.
    """
    with _answering(uri):
        return [
            StoredObject(
                f"{SCHEME}{blob.bucket.name}/{blob.name}", blob.size or 0, blob.generation or 0, blob.crc32c or ""
            )
            for blob in _matching(uri)
        ]


def _download(uri: str, folder: Path) -> str:
    with _answering(uri):
        blobs = _matching(uri)
        for blob in blobs:
            path = folder / blob.name
            path.parent.mkdir(parents=True, exist_ok=True)
            blob.download_to_filename(path, timeout=TIMEOUT_S)
    if not blobs:
        raise DataError(f"there is nothing at '{uri}'.", hint=f"list what there is: gcloud storage ls {uri}")
    return str(folder / _split(uri)[1])


def _split(uri: str) -> tuple[str, str]:
    if not uri.startswith(SCHEME):
        raise ConfigError(f"'{uri}' is no address that Estafet reads.", hint="give a local path, or a gs:// address.")
    bucket, _, name = uri.removeprefix(SCHEME).partition("/")
    return bucket, name.rstrip("/")


@contextmanager
def _answering(uri: str) -> Iterator[None]:
    """Turn the storage's errors into ours while the block runs."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, RequestException) as error:
        raise ServiceUnavailable(
            f"Cloud Storage did not give '{uri}': {error}.",
            hint="check the network and the bucket's name, and sign in: gcloud auth application-default login.",
        ) from error


def _matching(uri: str) -> list[Blob]:
    """Return the objects that an address means: one object, all of a folder, or what a glob matches."""
    from google.cloud import storage
    from google.cloud.storage.retry import DEFAULT_RETRY

    bucket_name, name = _split(uri)
    bucket = storage.Client().bucket(bucket_name)
    wildcard = min((name.find(sign) for sign in "*?[" if sign in name), default=len(name))
    found = bucket.list_blobs(prefix=name[:wildcard], timeout=TIMEOUT_S, retry=DEFAULT_RETRY.with_timeout(RETRY_S))
    files = [blob for blob in found if not blob.name.endswith("/") and ".." not in blob.name.split("/")]
    if wildcard < len(name):
        # `*` may cross slashes here: what it brings too much, the local glob leaves aside.
        return [blob for blob in files if fnmatch.fnmatchcase(blob.name, name)]
    return [blob for blob in files if blob.name == name or blob.name.startswith(f"{name}/") or not name]
