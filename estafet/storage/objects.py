"""Which objects there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from estafet.storage import session
from estafet.storage.address import SCHEME, Address
from estafet.storage.answers import answering

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

LISTED_FIELDS = "items(name,size,generation,crc32c,contentEncoding),nextPageToken"


@dataclass(frozen=True)
class StoredObject:
    """One object as it is now: a changed one has another generation.

    Attributes:
        url: Its `gs://` address.
        num_bytes: Its size.
        generation: Number that grows with each write.
        crc32c: CRC32C of the contents, in base64.
        content_encoding: "gzip" for an object that was compressed when it was uploaded; size and CRC32C are then those
            of the compressed bytes.
    """

    url: str
    num_bytes: int
    generation: int
    crc32c: str
    content_encoding: str = field(default="", compare=False)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return Address.parse(self.url).bucket

    @property
    def name(self) -> str:
        """The object's name in the bucket."""
        return self.url.removeprefix(f"{SCHEME}{self.bucket}/")


def list_objects(uri: str) -> list[StoredObject]:
    """List what a `gs://` file, folder or glob means, without downloading it.

    An address without a slash at the end means the object of this name where there is one, and else the folder. Objects
    whose names end in a slash, which mark folders, are left out.

    Raises:
        ConfigError: The address is of a storage that Estafet does not read.
        DataError: The bucket is not there, or may not be read.
        ServiceUnavailable: Cloud Storage does not answer.
    """
    address = Address.parse(uri)
    with answering(uri):
        return _meant(session.open_bucket(address.bucket), address)


def _meant(bucket: Bucket, address: Address) -> list[StoredObject]:
    from google.cloud.storage.retry import DEFAULT_RETRY

    retry = DEFAULT_RETRY.with_timeout(session.RETRY_S).with_delay(session.FIRST_WAIT_S, session.MAX_WAIT_S)
    asking = {"timeout": session.TIMEOUT_S, "retry": retry}
    exact = None
    if not address.is_glob and not address.only_folder:
        exact = bucket.get_blob(address.name, **asking)
        if exact is not None and exact.size:
            return [_stored(exact)]
    blobs = bucket.list_blobs(prefix=address.prefix, fields=LISTED_FIELDS, **asking)
    found = [_stored(blob) for blob in blobs if not blob.name.endswith("/")]
    if address.is_glob and not address.only_folder:
        same = [stored for stored in found if stored.name == address.name]
        if same:
            return same
    # An empty object beside a folder of the same name only marks it.
    return [stored for stored in found if address.covers(stored.name)] or ([_stored(exact)] if exact else [])


def _stored(blob: Blob) -> StoredObject:
    return StoredObject(
        f"{SCHEME}{blob.bucket.name}/{blob.name}",
        blob.size or 0,
        blob.generation or 0,
        blob.crc32c or "",
        blob.content_encoding or "",
    )
