"""A CSV file as its header and, behind it, blocks of whole records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from components.ingest.sources.quoting import Quoting
from components.ingest.sources.text import chunks, undecodable
from estafet.errors import ConfigError, DataError
from estafet.runfile.steps import IngestSettings

MAX_RECORD_BYTES = 64 << 20
DELIMITERS = {";": '";"', "\t": '"\\t"', "|": '"|"', ",": '","'}
MARK = "\ufeff".encode()


@dataclass(frozen=True)
class Records:
    """Some whole records of a file.

    Attributes:
        content: Their text, UTF-8.
        num_bytes_read: How much of the file has been read.
        is_header: Whether it is the header once more, as where files were put one behind the other.
    """

    content: bytes
    num_bytes_read: int
    is_header: bool = False


@dataclass(frozen=True)
class CsvFile:
    """A CSV file whose header has been read.

    Attributes:
        path: The file.
        settings: How it is written.
        names: The columns' names, without the blanks around them.
        header: The header as it stands there.
        quoting: How its fields and records are told apart.
    """

    path: Path
    settings: IngestSettings
    names: tuple[str, ...]
    header: bytes
    quoting: Quoting

    def blocks(self) -> Iterator[Records]:
        """Read the records behind the header, a block of some megabytes at a time.

        Raises:
            DataError: The file is damaged or not of its encoding, or a quoted field is never closed.
        """
        rest, num_bytes_read, num_lines, is_start = b"", 0, 0, True
        for piece, num_bytes_read in chunks(self.path, self.settings.encoding):
            content = rest + piece if rest else piece
            if is_start:
                content = content.lstrip(b"\r\n")
                if len(content) <= len(self.header) + 1:
                    rest = content
                    continue
                content, is_start = content[len(self.header) + 1 :].lstrip(b"\r\n"), False
            end = self.quoting.last_end(content)
            rest = content[end:]
            if end:
                yield from self._between_headers(content[:end], num_bytes_read)
                num_lines += content.count(self.quoting.newline, 0, end)
            if len(rest) > MAX_RECORD_BYTES:
                raise _endless(self.path, self.quoting, num_lines + 1)
        if not is_start and rest:
            if (place := self.quoting.unclosed(rest)) is not None:
                raise _endless(self.path, self.quoting, num_lines + rest.count(self.quoting.newline, 0, place) + 1)
            yield from self._between_headers(rest, num_bytes_read)

    def parse_options(self, **more: object) -> csv.ParseOptions:
        """Return how Arrow is to split the file's records."""
        return _parse_options(self.settings, **more)

    def _between_headers(self, content: bytes, num_bytes_read: int) -> Iterator[Records]:
        done = 0
        # The word that heads a table of one column may well be one of its values.
        for start, end in _lines(content, self.header) if len(self.names) > 1 else ():
            if self.quoting.is_outside(content, start):
                if content[done:start].strip(b"\r\n"):
                    yield Records(content[done:start], num_bytes_read)
                yield Records(content[start:end], num_bytes_read, is_header=True)
                done = end
        if content[done:].strip(b"\r\n"):
            yield Records(content[done:], num_bytes_read)


def open_file(path: Path, settings: IngestSettings) -> CsvFile:
    """Read the header of a CSV file.

    Raises:
        ConfigError: The delimiter or the quote is no ASCII character, or the encoding is unknown.
        DataError: The file is not of its encoding, or split at another character.
    """
    for key in ("delimiter", "quote"):
        if not getattr(settings, key).isascii():
            raise ConfigError(f"data.{key} is {getattr(settings, key)!r}.", hint="give an ASCII character.")
    header, quoting = _header(path, settings)
    try:
        shown = header.decode()
    except UnicodeDecodeError as error:
        raise undecodable(path, "utf-8", header[error.start], 0) from error
    if "\0" in shown:
        order = "be" if shown.startswith("\0") else "le"
        raise DataError(
            f"the header of '{path}' holds zero bytes, as UTF-16 does.", hint=f"set data.encoding: utf-16-{order}"
        )
    if not shown.strip():
        raise DataError(f"'{path}' holds no header.", hint="write it again, or correct data.source.")
    check_delimiter(path, shown, settings.delimiter)
    return CsvFile(path, settings, _names(header, settings), header, quoting)


def _header(path: Path, settings: IngestSettings) -> tuple[bytes, Quoting]:
    """Return the first line that is not empty, without its line end, and how the file's records are told apart."""
    quote, delimiter, content = settings.quote.encode(), settings.delimiter.encode(), b""
    for piece, _ in chunks(path, settings.encoding):
        content = (content + piece).lstrip(b"\r\n")
        quoting = Quoting(quote, delimiter, b"\r" if b"\r" in content and b"\n" not in content else b"\n")
        if end := quoting.first_end(content):
            return content[: end - 1].removesuffix(b"\r"), quoting
        if len(content) > MAX_RECORD_BYTES:
            raise _endless(path, quoting, 0)
    return content, Quoting(quote, delimiter, b"\n")


def _names(header: bytes, settings: IngestSettings) -> tuple[str, ...]:
    most = header.count(settings.delimiter.encode()) + 1
    row = csv.read_csv(
        pa.BufferReader(header + b"\n"),
        csv.ReadOptions(use_threads=False, autogenerate_column_names=True, block_size=len(header) + 2),
        _parse_options(settings),
        csv.ConvertOptions(column_types={f"f{i}": pa.string() for i in range(most)}),
    )
    return tuple(column[0].as_py().strip() for column in row.columns)


def _parse_options(settings: IngestSettings, **more: object) -> csv.ParseOptions:
    return csv.ParseOptions(delimiter=settings.delimiter, quote_char=settings.quote, newlines_in_values=True, **more)


def check_delimiter(path: Path, header: str, delimiter: str) -> None:
    """Refuse a header that is one column and would be several if it were split at another character.

    Raises:
        DataError: It is so.
    """
    for other, typed in DELIMITERS.items():
        if delimiter not in header and other in header:
            shown = header if len(header) <= 60 else header[:60] + "…"
            raise DataError(
                f"'{path}' has one column, {shown!r}, when split at {DELIMITERS.get(delimiter, delimiter)}.",
                hint=f"set data.delimiter: {typed}",
            )


def _lines(content: bytes, line: bytes) -> Iterator[tuple[int, int]]:
    """Find where a line stands in a text: its start, with the byte-order mark before it, and behind its line end."""
    place = content.find(line)
    while place >= 0:
        start = place - len(MARK) if content.endswith(MARK, 0, place) else place
        end = place + len(line)
        is_line = start == 0 or content[start - 1 : start] in (b"\n", b"\r")
        for ending in (b"\r\n", b"\n", b"\r"):
            if is_line and content.startswith(ending, end):
                yield start, end + len(ending)
                break
        else:
            if is_line and end == len(content):
                yield start, end
        place = content.find(line, end)


def _endless(path: Path, quoting: Quoting, row: int) -> DataError:
    quote = quoting.quote.decode()
    return DataError(
        f"'{path}': a field that {quote} opens in row {row:,} or before is never closed.",
        hint=f"close it with {quote}, or set data.quote to the character around the file's fields.",
    )
