"""Our own encoder, read back by TensorFlow's parser."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from estafet.records.encoding import MAX_AFFINE_BYTES, encode
from estafet.records.framing import frame

FLOAT32 = st.floats(width=32, allow_nan=True, allow_infinity=True)
INT64 = st.integers(-(2**63), 2**63 - 1)
quick = settings(max_examples=40, deadline=None)


def records_of(framed, folder):
    """Read the records back with TensorFlow's own reader, which checks both checksums of each."""
    path = folder / "records.tfrecord"
    path.write_bytes(framed)
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def parsed(framed, layout, folder):
    columns = tf.io.parse_example(records_of(framed, folder), layout)
    return {name: values.numpy() for name, values in columns.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("encoding")


def objects(rows):
    values = np.empty((len(rows), len(rows[0])), dtype=object)
    values[:] = rows
    return values


@quick
@given(data=st.data(), num_rows=st.integers(1, 5), num_floats=st.integers(1, 4))
def test_tensorflow_reads_the_same_floats_and_integers(data, num_rows, num_floats, folder):
    """Every bit pattern counts: NaN, infinities, negative zero, negative integers, those beyond 2**31."""
    floats = data.draw(hnp.arrays(np.float32, (num_rows, num_floats), elements=FLOAT32))
    integers = data.draw(hnp.arrays(np.int64, (num_rows,), elements=INT64))

    columns = parsed(
        encode({"x": floats, "label": integers}),
        {"x": tf.io.FixedLenFeature((num_floats,), tf.float32), "label": tf.io.FixedLenFeature((), tf.int64)},
        folder,
    )

    np.testing.assert_array_equal(columns["x"].view(np.uint32), floats.view(np.uint32))
    np.testing.assert_array_equal(columns["label"], integers)


@quick
@given(
    rows=st.lists(st.tuples(st.text(max_size=200), st.binary(max_size=5), INT64, FLOAT32), min_size=1, max_size=5),
)
def test_tensorflow_reads_the_same_bytes_beside_numbers(rows, folder):
    """Words of every script, empty ones, and bytes that are no text, next to a number of each kind."""
    words = objects([(text.encode("utf-8", "surrogatepass"), raw) for text, raw, _, _ in rows])
    integers = np.array([row[2] for row in rows], np.int64)
    floats = np.array([row[3] for row in rows], np.float32)

    columns = parsed(
        encode({"words": words, "label": integers, "x": floats}),
        {
            "words": tf.io.FixedLenFeature((2,), tf.string),
            "label": tf.io.FixedLenFeature((), tf.int64),
            "x": tf.io.FixedLenFeature((), tf.float32),
        },
        folder,
    )

    assert columns["words"].tolist() == words.tolist()
    np.testing.assert_array_equal(columns["label"], integers)
    np.testing.assert_array_equal(columns["x"], floats)


def test_records_of_small_numbers_are_those_of_protobuf(folder):
    """Protobuf's own deterministic serialisation, byte for byte, where all integers need one width."""
    columns = {"numeric": np.array([[1.5, -2.0], [np.inf, 0.0]], np.float32), "label": np.array([3, 127])}
    expected = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[int(columns["label"][i])])),
                    "numeric": tf.train.Feature(float_list=tf.train.FloatList(value=columns["numeric"][i])),
                }
            )
        ).SerializeToString(deterministic=True)
        for i in range(2)
    ]

    assert records_of(encode(columns), folder) == expected


def test_rows_too_wide_for_the_affine_sum_have_right_checksums(folder):
    """784 floats, more than are worth summing up: TensorFlow's reader accepts each checksum."""
    floats = np.random.default_rng(0).normal(size=(3, 784)).astype(np.float32)
    assert floats[0].nbytes > MAX_AFFINE_BYTES

    columns = parsed(encode({"x": floats}), {"x": tf.io.FixedLenFeature((784,), tf.float32)}, folder)

    np.testing.assert_array_equal(columns["x"], floats)


def test_both_ways_to_a_checksum_agree():
    """The affine sum and google_crc32c for each record give the same framed bytes."""
    framed = encode({"x": np.random.default_rng(1).normal(size=(50, 3)), "label": np.arange(50)})
    num_bytes = len(framed) // 50
    records = [framed[i * num_bytes + 12 : (i + 1) * num_bytes - 4] for i in range(50)]

    assert frame(records) == framed


def test_a_flipped_bit_is_noticed(folder):
    """The checksums are real: TensorFlow refuses a record in which one bit is another."""
    framed = bytearray(encode({"x": np.array([1.0, 2.0])}))
    framed[20] ^= 1

    with pytest.raises(tf.errors.DataLossError):
        records_of(bytes(framed), folder)


def test_no_rows_are_no_bytes():
    assert encode({"x": np.empty((0, 4)), "label": np.empty(0, np.int64)}) == b""


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"one length, not \[2, 3\]"):
        encode({"x": np.zeros(2), "label": np.zeros(3, np.int64)})


def test_a_column_of_fixed_width_text_is_refused():
    """NumPy's own strings lose trailing zero bytes, so they would not come back as they went."""
    with pytest.raises(TypeError, match="'word'"):
        encode({"word": np.array([b"a", b"bc"])})
