"""Shards that are damaged: found, and named with the place of the first bad byte."""

from __future__ import annotations

import contextlib
import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import google_crc32c

from estafet.errors import DataError
from estafet.records.framing import NUM_FOOTER_BYTES, NUM_HEADER_BYTES
from estafet.records.manifest import Manifest, Shard
from estafet.records.selection import check_size
from estafet.runfile.tasks import Task

HINT = "delete the data set's folder and ingest again; if it comes back, look for a failing disk."
MASK_DELTA = 0xA282EAD8
_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")


def read_frames(path: str | Path, compression: str = "none") -> Iterator[tuple[int, bytes]]:
    """Read a shard record by record, without TensorFlow, and look whether its checksums are right.

    Args:
        path: The shard.
        compression: `none` or `gzip`.

    Yields:
        Where each record's frame begins, in bytes from the start of the (unpacked) shard, and the record.

    Raises:
        DataError: The shard is missing or damaged; the message names it and the offset.
    """
    path, offset = Path(path), 0
    try:
        with gzip.open(path, "rb") if compression == "gzip" else path.open("rb") as file:
            while header := file.read(NUM_HEADER_BYTES):
                record = _record(file, header, path, offset)
                yield offset, record
                offset += NUM_HEADER_BYTES + len(record) + NUM_FOOTER_BYTES
    except FileNotFoundError as error:
        raise DataError(f"the shard '{path}' is missing.", hint=HINT) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        what = f"cannot be unpacked behind byte {offset:,} of its unpacked contents: {error}"
        raise DataError(f"the shard '{path}' {what}.", hint=HINT) from error
    except OSError as error:
        raise DataError(
            f"the shard '{path}' cannot be read behind byte {offset:,}: {error.strerror}.", hint=HINT
        ) from error


def check(folder: str | Path) -> int:
    """Read every byte of a data set, and return the number of records, all splits and folds together.

    Raises:
        DataError: A shard is missing, damaged, or holds another number of records than the manifest says.
    """
    folder, manifest = Path(folder), Manifest.load(folder)
    return sum(_check_shard(folder / shard.file, shard, manifest.compression) for shard in _shards(manifest))


def check_images(folder: str | Path) -> None:
    """Decode every image of a data set.

    Raises:
        DataError: One cannot be decoded; the message names its shard and where its record begins.
    """
    import tensorflow as tf

    from estafet.records import pictures

    folder, manifest = Path(folder), Manifest.load(folder)
    for shard in _shards(manifest):
        for offset, record in read_frames(folder / shard.file, manifest.compression):
            try:
                content, _ = pictures.parse(tf.constant(record))
                pictures.decode_image(content, manifest.image_shape)
            except tf.errors.InvalidArgumentError as error:
                reason = error.message.strip().splitlines()[0]
                raise DataError(
                    f"the image in the record at byte {offset:,} of the shard '{folder / shard.file}' cannot be "
                    f"decoded: {reason}",
                    hint="set data.check_images: decode, so that such images are left out, and ingest again.",
                ) from error


@contextlib.contextmanager
def naming_bad_records(folder: str | Path) -> Iterator[None]:
    """While a data set is read inside the block, turn what TensorFlow says of damaged shards into a `DataError`.

    TensorFlow names neither the shard nor the image that it stumbled over. So after an error the data set is read once
    more, to the first bad record; where all are good, the error was about something else, and stays what it is.

    Raises:
        DataError: A shard is missing or damaged, or an image cannot be decoded.
    """
    import tensorflow as tf

    kinds = (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError)
    try:
        yield
    except kinds as error:
        try:
            check(folder)
            if Manifest.load(folder).task == Task.IMAGE_CLASSIFICATION:
                check_images(folder)
        except DataError as found:
            raise found from error
        raise


def _record(file: IO[bytes], header: bytes, path: Path, offset: int) -> bytes:
    """Read what follows the header of a frame."""
    if len(header) < NUM_HEADER_BYTES:
        raise _truncated(path, offset, NUM_HEADER_BYTES, len(header))
    length, checksum = _LENGTH.unpack_from(header)[0], _CHECKSUM.unpack_from(header, _LENGTH.size)[0]
    if not _matches(header[: _LENGTH.size], checksum):
        raise _damaged(path, offset, "the length")
    num_bytes = length + NUM_FOOTER_BYTES
    rest = file.read(num_bytes)
    if len(rest) < num_bytes:
        raise _truncated(path, offset, NUM_HEADER_BYTES + num_bytes, NUM_HEADER_BYTES + len(rest))
    record = rest[:length]
    if not _matches(record, _CHECKSUM.unpack_from(rest, length)[0]):
        raise _damaged(path, offset, "the contents")
    return record


def _matches(content: bytes, checksum: int) -> bool:
    # As `framing.mask`, which for one number alone would take most of the time.
    crc = google_crc32c.value(content)
    return (((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF) == checksum


def _damaged(path: Path, offset: int, what: str) -> DataError:
    message = f"the shard '{path}' is damaged: {what} of the record at byte {offset:,} does not match its checksum."
    return DataError(message, hint=HINT)


def _truncated(path: Path, offset: int, num_bytes: int, found: int) -> DataError:
    what = f"the record at byte {offset:,} needs {num_bytes:,} bytes, and {found:,} are left"
    return DataError(f"the shard '{path}' is cut off: {what}.", hint=HINT)


def _shards(manifest: Manifest) -> list[Shard]:
    parts = [*manifest.splits.values(), *manifest.folds]
    return list({shard.file: shard for part in parts for shard in part.shards}.values())


def _check_shard(path: Path, shard: Shard, compression: str) -> int:
    """Look first into the records, which tells where a shard is damaged, and then at its size."""
    num_records = sum(1 for _ in read_frames(path, compression))
    check_size(path, shard.num_bytes)
    if num_records != shard.num_examples:
        raise DataError(
            f"the shard '{path}' holds {num_records:,} records in place of {shard.num_examples:,}.", hint=HINT
        )
    return num_records
