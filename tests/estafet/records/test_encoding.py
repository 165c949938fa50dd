"""Our own encoder, read back by TensorFlow's reader and parser, and by protobuf's own `tf.train.Example`."""

import google_crc32c
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from estafet.records.encoding import encode, int_width
from estafet.records.shards import ShardWriter

FLOAT32 = st.floats(width=32, allow_nan=True, allow_infinity=True)
INT64 = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 127, 128, 2**31, 2**63 - 1, -1, -(2**63)])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200) | st.sampled_from(["", "żółw", "a" * 128])
FLOATS, INTEGERS, BYTES = "float_list", "int64_list", "bytes_list"
quick = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("encoding")


def records_of(framed, folder):
    """Read the records back with TensorFlow's own reader, which checks both checksums of each."""
    path = folder / "records.tfrecord"
    path.write_bytes(framed)
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def parsed(framed, layout, folder):
    columns = tf.io.parse_example(records_of(framed, folder), layout)
    return {name: values.numpy() for name, values in columns.items()}


def contents_of(framed):
    """Say what protobuf finds in each record: for each key the kind of list, and the values; floats as their bits."""
    contents = []
    while len(framed):
        num_bytes = int.from_bytes(framed[:8], "little")
        record, framed = bytes(framed[12 : 12 + num_bytes]), framed[16 + num_bytes :]
        features = tf.train.Example.FromString(record).features.feature
        kinds = {name: feature.WhichOneof("kind") for name, feature in features.items()}
        contents.append(
            {name: (kind, plain(kind, getattr(features[name], kind).value)) for name, kind in kinds.items()}
        )
    return contents


def plain(kind, values):
    return np.array(values, np.float32).view(np.uint32).tolist() if kind == FLOATS else list(values)


def objects(rows):
    values = np.empty((len(rows), len(rows[0])), dtype=object)
    values[:] = rows
    return values


def sliced(draw, values, data_type):
    """Make an Arrow array that may begin inside of a longer one, or be in several chunks."""
    before = values[:1] if draw(st.booleans()) else []
    whole = pa.array(before + values, data_type).slice(len(before))
    return pa.chunked_array([whole[:1], whole[1:]]) if draw(st.booleans()) else whole


@st.composite
def number_columns(draw, num_rows):
    """A NumPy column of any type, with one or several values in a row, and what an example should hold of it."""
    shape = (num_rows, *draw(st.lists(st.integers(1, 3), max_size=2)))
    dtype = draw(st.sampled_from(["f2", "f4", "f8", "i1", "i4", "i8", "u1", "u4", "u8", "?"]))
    elements = {"f8": FLOAT32, "f2": st.floats(width=16), "f4": FLOAT32, "u8": st.integers(0, 2**63 - 1)}
    values = draw(hnp.arrays(dtype, shape, elements=elements.get(dtype)))
    kind = FLOATS if values.dtype.kind == "f" else INTEGERS
    rows = [
        (kind, plain(kind, row.astype(np.float32 if kind == FLOATS else np.int64)))
        for row in values.reshape(num_rows, int(np.prod(shape[1:])))
    ]
    return draw(st.sampled_from([values, np.asfortranarray(values)])), rows


@st.composite
def arrow_columns(draw, num_rows):
    """An Arrow column with nulls, whose rows go without the key."""
    kind, elements, data_types = draw(
        st.sampled_from(
            [
                (FLOATS, FLOAT32, [pa.float32(), pa.float64()]),
                (INTEGERS, INT64, [pa.int64()]),
                (INTEGERS, st.booleans(), [pa.bool_()]),
                (BYTES, TEXT, [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]),
                (
                    BYTES,
                    st.binary(max_size=9),
                    [pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.binary())],
                ),
            ]
        )
    )
    values = draw(st.lists(st.none() | elements, min_size=num_rows, max_size=num_rows))
    rows = [None if value is None else (kind, plain(kind, [as_bytes(value)])) for value in values]
    return sliced(draw, values, draw(st.sampled_from(data_types))), rows


@st.composite
def list_columns(draw, num_rows):
    """A column with a list of any length in each row, or none."""
    kind, elements, data_type = draw(
        st.sampled_from([(FLOATS, FLOAT32, pa.float32()), (INTEGERS, INT64, pa.int64()), (BYTES, TEXT, pa.string())])
    )
    length = draw(st.none() | st.integers(1, 3))
    lists = st.lists(elements, min_size=length or 0, max_size=length or 4)
    values = draw(st.lists(st.none() | lists, min_size=num_rows, max_size=num_rows))
    rows = [None if value is None else (kind, plain(kind, [as_bytes(one) for one in value])) for value in values]
    list_type = pa.list_(data_type, length) if length else draw(st.sampled_from([pa.list_, pa.large_list]))(data_type)
    return sliced(draw, values, list_type), rows


@st.composite
def side_by_side(draw, num_rows):
    """Several columns for one key, as Arrow arrays or objects; a missing word is the empty one."""
    num_columns = draw(st.integers(1, 3))
    words = st.lists(st.none() | TEXT, min_size=num_rows, max_size=num_rows)
    columns = draw(st.lists(words, min_size=num_columns, max_size=num_columns))
    rows = [(BYTES, [as_bytes(value or "") for value in row]) for row in zip(*columns, strict=True)]
    if draw(st.booleans()):
        return objects([row[1] for row in rows]) if rows else np.empty((0, num_columns), object), rows
    return [sliced(draw, column, pa.string()) for column in columns], rows


def as_bytes(value):
    return value.encode() if isinstance(value, str) else value


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_protobuf_finds_in_each_record_what_the_columns_held(data):
    """All kinds of columns beside each other, in any mixture, and no rows at all."""
    num_rows = data.draw(st.integers(0, 5))
    kinds = st.one_of(number_columns(num_rows), arrow_columns(num_rows), list_columns(num_rows), side_by_side(num_rows))
    columns = data.draw(st.dictionaries(st.text(max_size=5) | st.just("k" * 200), kinds, min_size=1, max_size=4))

    contents = contents_of(encode({name: column for name, (column, _) in columns.items()}))

    assert contents == [
        {name: rows[i] for name, (_, rows) in columns.items() if rows[i] is not None} for i in range(num_rows)
    ]


@quick
@given(data=st.data(), num_rows=st.integers(1, 5), num_floats=st.integers(1, 4))
def test_tensorflow_parses_the_same_floats_and_integers(data, num_rows, num_floats, folder):
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
@given(rows=st.lists(st.tuples(st.none() | TEXT, TEXT, st.lists(INT64), INT64, FLOAT32), min_size=1, max_size=5))
def test_tensorflow_parses_words_lists_and_missing_values(rows, folder):
    """Words of every script and empty ones, a list of any length, and a default where the key is left out."""
    first, second, lists, integers, floats = zip(*rows, strict=True)

    columns = tf.io.parse_example(
        records_of(
            encode(
                {
                    "maybe": pa.array(first, pa.string()),
                    "words": [pa.array(first, pa.string()), pa.array(second, pa.string())],
                    "many": pa.array(lists, pa.list_(pa.int64())),
                    "label": np.array(integers, np.int64),
                    "x": np.array(floats, np.float32),
                }
            ),
            folder,
        ),
        {
            "maybe": tf.io.FixedLenFeature((), tf.string, default_value="left out"),
            "words": tf.io.FixedLenFeature((2,), tf.string),
            "many": tf.io.RaggedFeature(tf.int64),
            "label": tf.io.FixedLenFeature((), tf.int64),
            "x": tf.io.FixedLenFeature((), tf.float32),
        },
    )

    assert columns["maybe"].numpy().tolist() == [b"left out" if word is None else word.encode() for word in first]
    assert columns["words"].numpy().tolist() == [
        [(a or "").encode(), b.encode()] for a, b in zip(first, second, strict=True)
    ]
    assert columns["many"].to_list() == list(lists)
    np.testing.assert_array_equal(columns["label"], integers)
    np.testing.assert_array_equal(columns["x"], np.array(floats, np.float32))


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


def test_files_of_any_size_come_back(folder):
    """Images as they are: an empty one, and some whose length takes three bytes and four."""
    files = [b"", b"\x00" * 70_000, b"\xff" * 3_000_000]

    columns = parsed(
        encode({"image": objects([[file] for file in files]), "label": np.arange(3)}),
        {"image": tf.io.FixedLenFeature((), tf.string), "label": tf.io.FixedLenFeature((), tf.int64)},
        folder,
    )

    assert columns["image"].tolist() == files
    assert columns["label"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("num_floats", [1, 63, 64, 784])
def test_every_record_has_its_checksum(num_floats):
    """The same sum for narrow rows, added up, and for wide ones; and for more rows than are encoded at once."""
    num_rows = 9000
    x = np.random.default_rng(0).normal(size=(num_rows, num_floats)).astype(np.float32)
    framed_NB = np.frombuffer(encode({"x": x, "label": np.arange(num_rows)}), np.uint8).reshape(num_rows, -1)

    stored = framed_NB[:, -4:].copy().view("<u4")[:, 0]
    for i in (0, 8191, 8192, num_rows - 1):
        crc = google_crc32c.value(framed_NB[i, 12:-4].tobytes())
        assert stored[i] == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32


def test_tensorflow_reads_a_gzip_shard(folder):
    """The file that `ShardWriter` compresses, by the reader that decompresses."""
    with ShardWriter(folder, "gzip", shard_bytes=10**6, compression="gzip") as writer:
        for label in range(3):
            writer.write(encode({"label": np.array([label])}), 1)

    records = tf.data.TFRecordDataset(str(folder / writer.shards[0].file), compression_type="GZIP")

    labels = tf.io.parse_example(list(records), {"label": tf.io.FixedLenFeature((), tf.int64)})["label"]
    assert labels.numpy().tolist() == [0, 1, 2]


def test_a_flipped_bit_is_noticed(folder):
    """The checksums are real: TensorFlow refuses a record in which one bit is another."""
    framed = bytearray(encode({"x": np.array([1.0, 2.0])}))
    framed[20] ^= 1

    with pytest.raises(tf.errors.DataLossError):
        records_of(bytes(framed), folder)


def test_equal_rows_are_equal_bytes_in_every_call_with_given_widths():
    """Alone, a 3 would take one byte; beside 1,000, two."""
    widths = {"label": int_width(0, 1000), "n": (1, int_width(0, 2**31))}
    rows = {"label": np.array([3, 1000]), "n": np.array([[5, 7], [6, 2**31]])}

    both = bytes(encode(rows, widths=widths))

    one_by_one = [encode({name: values[i : i + 1] for name, values in rows.items()}, widths=widths) for i in range(2)]
    assert both == b"".join(one_by_one)
    assert both[: len(both) // 2] != bytes(encode({name: values[:1] for name, values in rows.items()}))


@pytest.mark.parametrize(
    ("smallest", "largest", "width"),
    [(0, 0, 1), (0, 127, 1), (0, 128, 2), (0, 2**31, 5), (0, 2**63 - 1, 9), (-1, 1, 10)],
)
def test_the_width_of_an_integer_is_that_of_its_varint(smallest, largest, width):
    """Seven bits to a byte; a negative number is 64 bits long."""
    assert int_width(smallest, largest) == width


def test_an_integer_that_is_too_wide_is_refused():
    with pytest.raises(ValueError, match=r"'label' take \(2,\) bytes, and have \(1,\)"):
        encode({"label": np.array([128])}, widths={"label": 1})


def test_an_unsigned_integer_beyond_int64_is_refused():
    """Read back as int64 it would be negative."""
    with pytest.raises(ValueError, match=r"'id' holds 9223372036854775808"):
        encode({"id": np.array([1, 2**63], np.uint64)})


def test_what_is_beyond_float32_becomes_infinite(folder):
    columns = parsed(encode({"x": np.array([1e300, -1e300])}), {"x": tf.io.FixedLenFeature((), tf.float32)}, folder)

    assert columns["x"].tolist() == [np.inf, -np.inf]


def test_an_integer_that_is_missing_among_several_is_refused():
    """There is no such integer; the caller has to say what it wants instead."""
    with pytest.raises(ValueError, match=r"'n'.*null"):
        encode({"n": [pa.array([1, None]), pa.array([1, 2])]})


def test_no_rows_are_no_bytes():
    assert encode({"x": np.empty((0, 4)), "label": np.empty(0, np.int64), "word": pa.array([], pa.string())}) == b""


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"one length, not \[2, 3\]"):
        encode({"x": np.zeros(2), "label": np.zeros(3, np.int64)})
    with pytest.raises(ValueError, match=r"one length, not \[1, 2\]"):
        encode({"words": [pa.array(["a"]), pa.array(["b", "c"])]})


@pytest.mark.parametrize(
    "values",
    [
        np.array(
            [b"a", b"bc"]
        ),  # NumPy's own strings lose trailing zero bytes, so they would not come back as they went
        np.array(["2020-01-01"], "M8[s]"),
        pa.array([1], pa.timestamp("s")),
        pa.array([{"a": 1}]),
    ],
)
def test_a_type_without_a_place_in_an_example_is_refused(values):
    with pytest.raises(TypeError, match="'column'"):
        encode({"column": values})
