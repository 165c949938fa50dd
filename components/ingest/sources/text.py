"""The text of a file, unpacked and as UTF-8, whatever its encoding."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from functools import partial
from io import RawIOBase
from pathlib import Path

from components.ingest.sources.failures import naming
from estafet.errors import ConfigError, DataError

CHUNK_BYTES = 4 << 20
PACKED_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31  # zlib's largest window, with a gzip header around the stream
MARKS = {
    # UTF-32 comes first: its mark in little-endian order begins with that of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
PLAIN = ("utf-8", "ascii")
"""Encodings whose bytes are UTF-8 already; whether they are valid is found out where they are parsed."""


def chunks(path: Path, encoding: str) -> Iterator[tuple[bytes, int]]:
    """Read a file's text as UTF-8 without a byte-order mark, about `CHUNK_BYTES` at a time.

    Args:
        path: The file, plain or as gzip (of one or several members).
        encoding: Of the text; `auto` goes by the byte-order mark, and is UTF-8 without one.

    Yields:
        The next piece, and how many bytes of the file have been read for it.

    Raises:
        ConfigError: The encoding is unknown.
        DataError: The file cannot be read or is broken off, or its text is not of that encoding.
    """
    with naming(path, "csv"), path.open("rb", buffering=0) as file:
        pieces = _unpacked(path, file)
        first = b""
        while len(first) < 4 and (piece := next(pieces, b"")):
            first += piece
        codec = encoding_of(first) if encoding == "auto" else canonical(encoding)
        if codec in PLAIN:
            yield first.removeprefix(codecs.BOM_UTF8), file.tell()
            for piece in pieces:
                yield piece, file.tell()
            return
        yield from _recoded(path, file, codec, first, pieces)


def encoding_of(start: bytes) -> str:
    """Tell a text's encoding from its first bytes."""
    return next((encoding for mark, encoding in MARKS.items() if start.startswith(mark)), "utf-8")


def canonical(encoding: str) -> str:
    """Return Python's name for an encoding.

    Raises:
        ConfigError: There is none.
    """
    try:
        "".encode(encoding)  # refuses what is a codec and no encoding, such as base64
        return codecs.lookup(encoding).name.removesuffix("-sig")
    except LookupError as error:
        raise ConfigError(
            f"data.encoding is {encoding!r}, and there is no such encoding.",
            hint="set it to one of utf-8, utf-16, latin-1, cp1252, cp1250, shift_jis, …, or to auto.",
        ) from error


def _unpacked(path: Path, file: RawIOBase) -> Iterator[bytes]:
    start = file.read(len(GZIP_MAGIC))
    file.seek(0)
    if start == GZIP_MAGIC:
        return _inflated(path, file)
    if path.suffix == ".gz":
        raise DataError(f"'{path}' is no gzip file.", hint="rename it without .gz, or write it again.")
    return iter(partial(file.read, CHUNK_BYTES), b"")


def _inflated(path: Path, file: RawIOBase) -> Iterator[bytes]:
    """Unpack gzip, member after member, in pieces of bounded size however well it was packed."""
    member, pieces, num_bytes = zlib.decompressobj(GZIP_WINDOW), [], 0
    try:
        while packed := file.read(PACKED_BYTES):
            while packed:
                if member.eof:
                    packed = packed.lstrip(b"\0")  # padding between or behind members is allowed
                    if not packed:
                        break
                    member = zlib.decompressobj(GZIP_WINDOW)
                pieces.append(member.decompress(packed, CHUNK_BYTES))
                packed = member.unused_data if member.eof else member.unconsumed_tail
                num_bytes += len(pieces[-1])
                if num_bytes >= CHUNK_BYTES:
                    yield b"".join(pieces)
                    pieces, num_bytes = [], 0
    except zlib.error as error:
        raise DataError(f"'{path}' is damaged: {error} near byte {file.tell():,}.", hint="write it again.") from error
    if not member.eof:
        raise DataError(f"'{path}' breaks off: its last gzip member is not complete.", hint="copy or write it again.")
    if num_bytes:
        yield b"".join(pieces)


def _recoded(
    path: Path, file: RawIOBase, codec: str, first: bytes, pieces: Iterator[bytes]
) -> Iterator[tuple[bytes, int]]:
    decoder = codecs.getincrementaldecoder(codec)()
    num_lines, is_start = 0, True
    while True:
        piece = first or next(pieces, b"")
        first = b""
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            row = num_lines + error.object[: error.start].decode(codec, errors="replace").count("\n")
            raise undecodable(path, codec, error.object[error.start], row) from error
        if is_start and text:
            text, is_start = text.removeprefix("\ufeff"), False
        num_lines += text.count("\n")
        if text:
            yield text.encode(), file.tell()
        if not piece:
            return


def undecodable(path: Path, encoding: str, byte: int, row: int, line: str = "") -> DataError:
    """Make the error for text that is not of its encoding.

    Args:
        path: The file.
        encoding: What it was taken for.
        byte: The first byte that does not fit.
        row: The row that it is in; 0 for the header.
        line: The line, as far as it can be shown.
    """
    place = f"row {row:,}" if row else "the header"
    shown = f" ({line[:60]!r})" if line else ""
    other = "latin-1" if encoding == "utf-8" else "what it was written with"
    return DataError(
        f"'{path}' is not {encoding.upper()}: byte 0x{byte:02x} in {place}{shown}.",
        hint=f"set data.encoding: {other}; or convert it: iconv -f latin1 -t utf-8 '{path.name}' > utf8-{path.name}",
    )
