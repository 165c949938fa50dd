"""An image and its class as a framed record, put together so that the image's bytes are copied once.

The encoder for tables works on many rows at once; here one value is nearly the whole record, and what stands before
and behind it is the same for all images of one length and class.
"""

from __future__ import annotations

from functools import lru_cache

import google_crc32c

from estafet.records.protobuf import BYTES_LIST, INT64_LIST, entry_head, tag, varint


def framed_image(content: bytes, label: int) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Return the framed `tf.train.Example` of an image, in pieces to be joined.

    Args:
        content: The file's bytes, for the key `image`.
        label: The number of its class, for the key `label`.
    """
    before, after = _before(len(content)), _label_entry(label)
    start = tag(1, len(before) + len(content) + len(after)) + before
    crc = google_crc32c.extend(google_crc32c.extend(google_crc32c.value(start), content), after)
    length = (len(start) + len(content) + len(after)).to_bytes(8, "little")
    return length + _masked(google_crc32c.value(length)), start, content, after, _masked(crc)


@lru_cache(maxsize=65_536)
def _before(num_bytes: int) -> bytes:
    """Return what stands before the bytes of an image within its example's features."""
    item = tag(1, num_bytes)
    return entry_head("image", BYTES_LIST, len(item) + num_bytes) + item


@lru_cache(maxsize=65_536)
def _label_entry(label: int) -> bytes:
    value = varint(label)
    return entry_head("label", INT64_LIST, len(value)) + value


def _masked(crc: int) -> bytes:
    """Return one checksum as `estafet.records.framing.mask` does many."""
    return (((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
