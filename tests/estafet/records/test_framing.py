"""The frame around each record, by hand."""

import google_crc32c
import numpy as np

from estafet.records.framing import frame, header, mask


def test_a_checksum_is_rotated_and_moved():
    """0x00008000 rotated right by 15 bits is 1, and the constant of the format is 0xA282EAD8."""
    assert mask(np.array([0x8000, 0], np.uint32)).tolist() == [0xA282EAD9, 0xA282EAD8]


def test_a_header_is_the_length_and_its_checksum():
    assert header(300)[:8] == b"\x2c\x01" + bytes(6)
    assert header(300)[8:] == mask(np.array([google_crc32c.value(header(300)[:8])], np.uint32)).tobytes()
    assert len(header(300)) == 12


def test_a_frame_is_header_record_and_checksum():
    """Two records, one of them empty; the CRC32C of "123456789" is 0xE3069283 (RFC 3720's check value)."""
    framed = frame([b"", b"123456789"])

    first, second = header(0) + mask(np.array([0])).tobytes(), header(9) + b"123456789"
    assert framed == first + second + mask(np.array([0xE3069283])).tobytes()
