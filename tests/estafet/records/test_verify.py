"""A damaged shard is found and named, with the place of the first bad byte, whoever reads it."""

import gzip
import shutil

import numpy as np
import pytest
import tensorflow as tf

from estafet.errors import DataError
from estafet.records.framing import frame
from estafet.records.manifest import Manifest
from estafet.records.reading import dataset, raw_examples
from estafet.records.verify import check, check_images, naming_bad_records, read_frames

RECORDS = [b"first", b"", b"the third record", "żółw".encode()]
OFFSETS = [0, 21, 37, 69]
"""A frame takes 16 bytes more than its record."""


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "train-00000-of-00001.tfrecord"
    path.write_bytes(frame(RECORDS))
    return path


def spoil(path, position, size=None):
    """Flip one bit of a byte, or cut the file off."""
    content = bytearray(path.read_bytes())
    if size is None:
        content[position] ^= 4
    path.write_bytes(bytes(content[:size]))


def test_frames_are_read_with_their_offsets(shard):
    assert list(read_frames(shard)) == list(zip(OFFSETS, RECORDS, strict=True))


def test_what_tensorflow_writes_and_packs_is_read(tmp_path):
    path = tmp_path / "packed.tfrecord.gz"
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in RECORDS:
            writer.write(record)

    assert list(read_frames(path, "gzip")) == list(zip(OFFSETS, RECORDS, strict=True))


@pytest.mark.parametrize("position", range(37, 69))
def test_a_flipped_bit_anywhere_in_a_record_is_found_there(shard, position):
    spoil(shard, position)
    what = "length" if position < 49 else "contents"

    frames = read_frames(shard)
    assert [next(frames)[0], next(frames)[0]] == [0, 21]
    with pytest.raises(DataError, match=rf"{shard.name}' is damaged: the {what} of the record at byte 37 "):
        next(frames)


@pytest.mark.parametrize(("size", "at", "needs", "left"), [(40, 37, 12, 3), (49, 37, 32, 12), (68, 37, 32, 31)])
def test_a_shard_that_is_cut_off_is_found(shard, size, at, needs, left):
    spoil(shard, 0, size)

    with pytest.raises(
        DataError, match=f"is cut off: the record at byte {at} needs {needs} bytes, and {left} are left"
    ):
        list(read_frames(shard))


def test_a_packed_shard_that_is_cut_off_or_no_gzip_is_found(tmp_path):
    path = tmp_path / "train.tfrecord.gz"
    path.write_bytes(gzip.compress(frame(RECORDS * 1000))[:-20])
    with pytest.raises(DataError, match=r"train.tfrecord.gz' cannot be unpacked behind byte [\d,]+"):
        list(read_frames(path, "gzip"))

    path.write_bytes(frame(RECORDS))
    with pytest.raises(DataError, match=r"cannot be unpacked behind byte 0 .*Not a gzipped file"):
        list(read_frames(path, "gzip"))


def test_a_shard_that_the_system_does_not_give_is_named(tmp_path):
    """As a failing disk would, with another reason."""
    with pytest.raises(DataError, match=rf"the shard '{tmp_path}' cannot be read behind byte 0: Is a directory."):
        list(read_frames(tmp_path))


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.tfrecord' is missing"):
        list(read_frames(tmp_path / "gone.tfrecord"))


@pytest.fixture
def copy(table_folder, tmp_path):
    return shutil.copytree(table_folder, tmp_path / "copy")


def second_shard(folder):
    return folder / Manifest.load(folder).splits["train"].shards[1].file


def test_a_sound_data_set_is_read_to_its_end(table_folder):
    assert check(table_folder) == 13


def test_a_shard_with_another_number_of_records_is_found(copy):
    manifest = Manifest.load(copy)
    train = manifest.splits["train"]
    last = train.shards[-1].model_copy(update={"num_examples": 9})
    train = train.model_copy(update={"shards": (*train.shards[:-1], last)})
    manifest.model_copy(update={"splits": {**manifest.splits, "train": train}}).save(copy)

    with pytest.raises(DataError, match=rf"{last.file}' holds \d records in place of 9"):
        check(copy)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_flipped_bit_while_reading_names_the_shard_and_the_record(copy, shuffle):
    shard = second_shard(copy)
    spoil(shard, 15)

    with pytest.raises(DataError, match=f"{shard.name}' is damaged: the contents of the record at byte 0 ") as caught:
        with naming_bad_records(copy):
            list(dataset(copy, "train", batch_size=4, shuffle=shuffle))
    assert "ingest again" in caught.value.hint
    assert isinstance(caught.value.__cause__, tf.errors.DataLossError)


def test_raw_examples_name_it_by_themselves(copy):
    spoil(second_shard(copy), 15)

    with pytest.raises(DataError, match="is damaged"):
        raw_examples(copy, "train")


def test_a_shard_that_goes_missing_meanwhile_is_named(copy):
    data = dataset(copy, "train", batch_size=4)
    second_shard(copy).unlink()

    with pytest.raises(DataError, match=f"{second_shard(copy).name}' is missing"):
        with naming_bad_records(copy):
            list(data)


def test_an_image_that_cannot_be_decoded_is_named(write_dataset, image_folder, tmp_path):
    """It stands in the second shard, as its first record."""
    files = raw_examples(image_folder, "train")["image_bytes"][:3]
    contents = np.empty((3, 1), dtype=object)
    contents[:, 0] = [files[0], b"\xff\xd8\xff no picture at all", files[2]]
    manifest = Manifest.load(image_folder)
    folder = write_dataset(
        tmp_path / "dataset",
        {"train": {"image": contents, "label": np.array([0, 1, 0])}},
        shard_bytes=1,
        task=manifest.task,
        image_shape=manifest.image_shape,
        data_schema=manifest.data_schema,
    )

    found = r"record at byte 0 of the shard '.*train-00001-of-00003.* cannot be decoded"
    with pytest.raises(DataError, match=found) as caught:
        with naming_bad_records(folder):
            list(dataset(folder, "train", batch_size=4))
    assert "data.check_images" in caught.value.hint
    with pytest.raises(DataError, match="cannot be decoded"):
        check_images(folder)


def test_another_error_stays_what_it_is(table_folder):
    with pytest.raises(tf.errors.InvalidArgumentError, match="not this"):
        with naming_bad_records(table_folder):
            raise tf.errors.InvalidArgumentError(None, None, "not this")
