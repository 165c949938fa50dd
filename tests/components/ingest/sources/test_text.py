"""Encodings and gzip: the same text comes out of each, and what is damaged is named."""

import gzip
import os
from pathlib import Path

import pytest

from components.ingest.sources.text import chunks
from estafet.errors import ConfigError, DataError

TEXT = "naïve,żółw\n1,🐢\n" * 3


def read(path, encoding="auto"):
    return b"".join(piece for piece, _ in chunks(path, encoding)).decode()


@pytest.mark.parametrize("num_bytes", [3, 1 << 20])
@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("utf-8", "auto"),
        ("utf-8-sig", "auto"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "auto"),
        ("utf-16", "utf-16"),
        ("utf-32", "auto"),
        ("utf-16-be", "UTF-16BE"),
        ("gb18030", "gb18030"),
    ],
)
def test_encodings(tmp_path, small_blocks, num_bytes, written, told):
    """Characters of one to four bytes, cut anywhere."""
    small_blocks(num_bytes)
    path = tmp_path / "x.csv"
    path.write_bytes(TEXT.encode(written))

    assert read(path, told) == TEXT


def test_a_mark_in_big_endian_order(tmp_path):
    path = tmp_path / "x.csv"
    for encoding in ("utf-16-be", "utf-32-be"):
        path.write_bytes(f"\ufeff{TEXT}".encode(encoding))
        assert read(path) == TEXT


@pytest.mark.parametrize("num_bytes", [3, 1 << 20])
def test_gzip_of_several_members_with_padding(tmp_path, small_blocks, num_bytes):
    small_blocks(num_bytes)
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n") + gzip.compress(b"") + b"\0" * 5 + gzip.compress(b"1,2\n") + b"\0" * 3)

    assert read(path) == "a,b\n1,2\n"


def test_gzip_is_known_without_its_ending(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(gzip.compress(TEXT.encode("utf-16")))

    assert read(path) == TEXT


def test_text_named_as_gzip(tmp_path):
    (tmp_path / "x.csv.gz").write_text(TEXT)

    with pytest.raises(DataError, match="is no gzip file"):
        read(tmp_path / "x.csv.gz")


def test_gzip_that_breaks_off_or_is_damaged(tmp_path):
    path, packed = tmp_path / "x.csv.gz", gzip.compress(bytes(range(256)) * 4)
    path.write_bytes(packed[:-9])
    with pytest.raises(DataError, match=r"x.csv.gz' breaks off"):
        read(path)
    path.write_bytes(packed[:-8] + b"\1\2\3\4" + packed[-4:])
    with pytest.raises(DataError, match=r"x.csv.gz' is damaged: .*incorrect data check"):
        read(path)


@pytest.mark.parametrize("encoding", ["lattin-1", "base64"])
def test_encodings_that_there_are_not(tmp_path, encoding):
    (tmp_path / "x.csv").write_text(TEXT)

    with pytest.raises(ConfigError, match=f"data.encoding is '{encoding}'"):
        read(tmp_path / "x.csv", encoding)


@pytest.mark.parametrize("num_bytes", [8, 1 << 20])
def test_a_byte_that_is_not_utf8_is_named_with_its_row(open_csv, read_all, small_blocks, num_bytes):
    """Whether the type of its column was thought to be text or a number."""
    small_blocks(num_bytes)
    start = b"a,b\n" + b"1,x\n" * 7

    for bad in (b"2,\xe9t\xe9\n", b"\xe9,x\n"):
        with pytest.raises(DataError) as caught:
            read_all(open_csv(start + bad + b"3,y\n"))
        assert "0.csv' is not UTF-8: byte 0xe9 in row 8" in caught.value.message
        assert caught.value.hint.startswith("set data.encoding: latin-1; or convert it: iconv")
    assert read_all(open_csv(start + b"2,\xe9t\xe9\n", encoding="latin-1")).columns["b"][-1] == "été"


def test_a_header_that_is_not_utf8(open_csv):
    with pytest.raises(DataError, match="byte 0xe9 in the header"):
        open_csv(b"\xe9,b\n1,2\n")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(open_csv, read_all, encoding):
    content = "a,b\n1,2\n".encode(encoding)

    with pytest.raises(DataError) as caught:
        open_csv(content)
    assert caught.value.hint == f"set data.encoding: {encoding}"
    assert read_all(open_csv(content, encoding=encoding)).columns == {"a": [1], "b": [2]}


@pytest.mark.parametrize(("encoding", "bad"), [("cp1252", b"\x81"), ("utf-16-le", b"\x00\xd8x"), ("ascii", b"\xe9")])
def test_text_that_is_not_of_the_encoding_that_was_set(open_csv, read_all, encoding, bad):
    content = "a,b\n1,2\n3,".encode(encoding) + bad

    with pytest.raises(DataError, match=r"byte 0x\w\w in row 2"):
        read_all(open_csv(content, encoding=encoding))


def test_a_file_that_may_not_be_read(open_csv, monkeypatch):
    """Said as the system says it; the tests may run as root, who may read everything."""

    def refuse(self, *_, **__):
        raise PermissionError(13, os.strerror(13), str(self))

    table = open_csv("a,b\n1,2\n")
    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(DataError, match=r"0.csv' may not be read by this user"):
        list(table.batches())
