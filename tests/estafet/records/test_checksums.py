"""The sum of what changes, against the published values of CRC32C and against google_crc32c."""

import google_crc32c
import numpy as np
import pytest

from estafet.records.checksums import advanced


def test_thirty_two_zero_bytes_have_the_published_checksum():
    """0x8A9136AA (RFC 3720, appendix B.4); a message begins and ends with all bits of the register flipped."""
    (register,) = advanced(np.array([0xFFFFFFFF], np.uint32), 32)

    assert register ^ np.uint32(0xFFFFFFFF) == 0x8A9136AA


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 7, 300])
def test_a_word_changes_the_checksum_as_it_changes_that_of_the_whole_message(distance):
    """Two messages that differ in what stands `distance` bytes before the end: the XOR of their checksums is linear."""
    word = b"\xfe\x80\x01\x99"[: min(4, distance)]
    changed = word + bytes(distance - len(word))

    (register,) = advanced(np.frombuffer(word.ljust(4, b"\0"), "<u4").copy(), distance)

    assert register == google_crc32c.value(changed) ^ google_crc32c.value(bytes(distance))


def test_registers_are_left_as_they_are():
    registers_N = np.array([1, 2], np.uint32)

    advanced(registers_N, 4)

    assert registers_N.tolist() == [1, 2]
