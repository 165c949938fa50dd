"""What is accepted is what TensorFlow and Pillow decode, whatever a file's name."""

import io
import struct
import zlib

import pytest
from PIL import Image

from components.ingest.images.checking import check_pixels, outside_bounds, read_header
from components.ingest.images.headers import Header, Refused
from estafet.source_schema import ImageBounds

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""The bit depths that a PNG file may have, by its type of colour."""


def png_header(bit_depth, *, width=20, height=10, compression=0, interlacing=0):
    return struct.pack(">IIBBBBB", width, height, bit_depth, 2, compression, 0, interlacing)


def verdict(content, *, decode=False):
    """Return the header of an accepted image, else how it was refused."""
    try:
        header = read_header(content)
        if decode:
            check_pixels(content)
    except Refused as refused:
        return refused.kind
    return header


def patched(content, position, new):
    return content[:position] + new + content[position + len(new) :]


def frame_start(content):
    """Return where the marker of a baseline JPEG file's frame stands."""
    return content.index(b"\xff\xc0\x00\x11")


@pytest.fixture(scope="module")
def files(jpeg, png, chunk):
    """Images by name: those that a walk accepts, those that it refuses, and those of which only the pixels are bad."""
    whole, progressive, picture = jpeg(), jpeg(progressive=True), png()
    frame, scan = frame_start(whole), whole.index(b"\xff\xda")
    middle = (scan + len(whole)) // 2
    lace_rows = b"".join(b"\0" + bytes(n) for n in (1, 1, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 8, 8, 8))
    good = {
        **{f"png {d} {c}": png(d, c) for c, depths in DEPTHS.items() for d in depths},
        "interlaced": png(8, 0, header=struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1), rows=lace_rows),
        "transparent palette": png(8, 3, before=chunk(b"tRNS", bytes(10))),
        "bytes behind the PNG": picture + b"and more",
        "jpeg": whole,
        "grey jpeg": jpeg(mode="L"),
        "progressive": progressive,
        "no subsampling": jpeg(subsampling=0),
        "colours as RGB": jpeg(keep_rgb=True),
        "restarts": jpeg(restart_marker_blocks=1),
        "extended": patched(whole, frame + 1, b"\xc1"),
        "arithmetic": patched(whole, frame + 1, b"\xc9"),
        "bytes behind the JPEG": whole + b"and more",
        "two JPEG files in one": whole + whole,
        "filling before a marker": whole[:frame] + b"\xff\xff" + whole[frame:],
        "a comment with an end in it": whole[:2] + b"\xff\xfe\x00\x06\xff\xd9\xff\xd9" + whole[2:],
    }
    bad = {
        "empty": b"",
        "text": b"this is no image",
        "only a signature": picture[:8],
        "depth of no PNG": png(header=png_header(4)),
        "interlacing of no PNG": png(header=png_header(8, interlacing=2)),
        "compression of no PNG": png(header=png_header(8, compression=1)),
        "PNG without width": png(header=png_header(8, width=0)),
        "palette missing": png(8, 3).replace(chunk(b"PLTE", bytes(768)), b""),
        "no pixels": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", png_header(8)) + chunk(b"IEND"),
        "no end of PNG": png(end=False),
        "PNG cut": picture[:200],
        "checksum of pixels": patched(picture, 60, bytes([picture[60] ^ 1])),
        "checksum of the end": picture[:-4] + b"abcd",
        "unknown part of PNG": png(before=chunk(b"ABCD")),
        "too large": png(header=png_header(8, width=60_000, height=60_000)),
        **{f"jpeg without the last {n}": whole[:-n] for n in (1, 2, 20, len(whole) // 2)},
        **{f"progressive without the last {n}": progressive[:-n] for n in (1, 200, len(progressive) // 2)},
        "zeros in place of the end": whole[:-300] + bytes(300),
        "only the header of a JPEG": whole[:scan] + b"\xff\xd9",
        "marker among the pixels": patched(whole, middle, b"\xff\xd8"),
        "header twice": whole[:frame] + whole[frame : frame + 19] + whole[frame:],
        "length of a segment": patched(whole, frame + 2, b"\0\1"),
        "a segment behind the end": patched(whole, 4, b"\xff\xff"),
        "JPEG without height": patched(whole, frame + 5, b"\0\0"),
        "lossless": patched(whole, frame + 1, b"\xc3"),
        "12 bits": patched(whole, frame + 4, b"\x0c"),
        "CMYK": jpeg(mode="CMYK"),
        "a byte before": b"\0" + whole,
    }
    bad_pixels = {
        "too few pixels": png(rows=b"\0" + bytes(60)),
        "pixels cut": png(packed=zlib.compress(bytes(610))[:-6]),
        "pixels with a wrong sum": png(packed=zlib.compress(bytes(610))[:-4] + b"abcd"),
        "a filter that there is not": png(rows=(b"\x09" + bytes(60)) * 10),
    }
    return good, bad, bad_pixels


def test_whole_images_are_accepted_and_damaged_ones_refused(files):
    good, bad, bad_pixels = files

    assert [name for name, content in good.items() if not isinstance(verdict(content), Header)] == []
    assert [name for name, content in bad.items() if isinstance(verdict(content), Header)] == []
    assert [name for name, content in bad_pixels.items() if not isinstance(verdict(content), Header)] == []


def test_decoding_also_finds_damaged_pixels(files):
    good, _, bad_pixels = files

    assert [name for name, content in good.items() if not isinstance(verdict(content, decode=True), Header)] == []
    assert {name: verdict(content, decode=True) for name, content in bad_pixels.items()} == dict.fromkeys(
        bad_pixels, "undecodable"
    )


def test_the_verdict_is_that_of_tensorflow(files):
    """TensorFlow decodes an image into one channel and into three, or else we refuse it."""
    import tensorflow as tf

    def decodes(content):
        try:
            return [tf.io.decode_image(content, channels=channels, expand_animations=False) for channels in (1, 3)]
        except tf.errors.OpError:
            return None

    for found in files:
        for name, content in found.items():
            ours, decoded = verdict(content, decode=True), decodes(content)
            assert isinstance(ours, Header) == (decoded is not None), name
            if decoded is not None:
                assert decoded[0].shape[:2] == (ours.height, ours.width), name


@pytest.mark.parametrize("name", ["lossless", "12 bits", "CMYK", "too large"])
def test_a_whole_image_of_another_kind_is_told_from_a_damaged_one(files, name):
    assert verdict(files[1][name]) == "unsupported"


def test_grey_stays_grey_and_transparency_is_no_channel(jpeg, png):
    assert read_header(jpeg(mode="L")) == Header(30, 40, 1, 8)
    assert read_header(jpeg()) == Header(30, 40, 3, 8)
    assert read_header(png(16, 4)) == Header(10, 20, 1, 16)
    assert read_header(png(8, 6)) == Header(10, 20, 3, 8)
    assert read_header(png(1, 3)) == Header(10, 20, 3, 1)


def test_every_cut_of_a_file_is_found(jpeg, png):
    """No file without its last bytes is taken for whole."""
    for content in (jpeg(size=(9, 7)), jpeg(size=(9, 7), progressive=True), png(size=(9, 7))):
        accepted = [n for n in range(len(content)) if isinstance(verdict(content[:n]), Header)]

        assert accepted == []


def test_a_walk_agrees_with_pillow_on_the_size(jpeg, png):
    for content in (jpeg(size=(31, 17)), jpeg(size=(17, 31), progressive=True), png(8, 0, size=(5, 6))):
        with Image.open(io.BytesIO(content)) as image:
            assert (read_header(content).width, read_header(content).height) == image.size


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ({"min_height": 30, "max_height": 30, "min_width": 40, "max_width": 40, "channels": (1, 3)}, ""),
        ({"min_height": 31}, "its height of 30 pixels is below 31"),
        ({"max_width": 39}, "its width of 40 pixels is above 39"),
        ({"channels": (1,)}, "it has 3 channels, not 1"),
    ],
)
def test_bounds_of_a_pinned_schema(bounds, reason):
    assert outside_bounds(Header(30, 40, 3), ImageBounds(**bounds)) == reason
