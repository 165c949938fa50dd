"""Images of every kind, made in memory, and folders of them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from components.ingest import step
from estafet.records.verify import read_frames

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
VALUES_PER_PIXEL = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@pytest.fixture(scope="session")
def jpeg():
    """Return a function that makes a JPEG file of noise."""

    def make(seed=0, mode="RGB", size=(40, 30), **options):
        num_bands = len(Image.new(mode, (1, 1)).getbands())
        noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], num_bands), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise[..., 0] if num_bands == 1 else noise, mode).save(buffer, "JPEG", **options)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def chunk():
    """Return a function that makes a chunk of a PNG file."""
    return _chunk


@pytest.fixture(scope="session")
def png():
    """Return a function that makes a PNG file of noise, or of whatever parts it is given."""

    def make(
        bit_depth=8, colour=2, *, size=(20, 10), header=None, before=b"", rows=None, packed=None, end=True, seed=0
    ):
        width, height = size
        header = header or struct.pack(">IIBBBBB", width, height, bit_depth, colour, 0, 0, 0)
        if rows is None:
            num_bytes = (width * VALUES_PER_PIXEL[colour] * bit_depth + 7) // 8
            noise = np.random.default_rng(0).integers(0, 256, (height, num_bytes), dtype=np.uint8)
            rows = b"".join(b"\0" + row.tobytes() for row in noise)
        palette = _chunk(b"PLTE", bytes(3 << bit_depth)) if colour == 3 else b""
        pixels = _chunk(b"IDAT", zlib.compress(rows) if packed is None else packed)
        return PNG_SIGNATURE + _chunk(b"IHDR", header) + palette + before + pixels + (_chunk(b"IEND") if end else b"")

    return make


@pytest.fixture
def animals(tmp_path, jpeg):
    """Sixty JPEG files in the folders `cat` and `dog` of a folder."""
    root = tmp_path / "animals"
    for k, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for i in range(30):
            (root / name / f"{i:02d}.jpg").write_bytes(jpeg(100 * k + i, size=(8, 8)))
    return root


@pytest.fixture
def ingested(settings, tmp_path):
    """Return a function that ingests images into a new folder, and gives the manifest and the folder."""
    folders = []

    def run(source, *, num_threads=None, **values):
        folders.append(tmp_path / f"out-{len(folders)}")
        made = settings("image_classification", source, **values)
        return step.ingest(made, folders[-1], num_threads=num_threads), folders[-1]

    return run


@pytest.fixture
def records():
    """Return a function that reads a split's images and labels, in order, with TensorFlow's own parser."""
    import tensorflow as tf

    def read(folder, split):
        found = []
        for shard in split.shards:
            for _, record in read_frames(folder / shard.file):
                feature = tf.train.Example.FromString(record).features.feature
                assert set(feature) == {"image", "label"}
                found.append((*feature["image"].bytes_list.value, *feature["label"].int64_list.value))
        return found

    return read


def _chunk(kind, content=b""):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
