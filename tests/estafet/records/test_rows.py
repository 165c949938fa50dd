"""Both layouts of a table's records, packed or not, become the same vectors."""

import numpy as np
import pytest
import tensorflow as tf

from estafet.records.manifest import Manifest, Shard, Split
from estafet.records.reading import dataset, raw_examples
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema

ROWS = [(1.5, 7, "tak", 1), (None, -(2**40), None, 0), (-3.25, 0, "nie, żółw", 1)]


def numeric(name, storage):
    return NumericFeature(name=name, mean=0, std=1, min=0, max=1, missing_share=0, storage=storage)


def key(*, floats=None, integers=None, words=None):
    if floats is not None:
        return tf.train.Feature(float_list=tf.train.FloatList(value=floats))
    if integers is not None:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=integers))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[word.encode() for word in words]))


def as_vectors(height, age, answer, label):
    return {
        "numeric": key(floats=[float("nan") if height is None else height]),
        "integers": key(integers=[age]),
        "categorical": key(words=[answer or ""]),
        "label": key(integers=[label]),
    }


def as_columns(height, age, answer, label):
    features = {"age in days": key(integers=[age]), "label": key(integers=[label])}
    features |= {} if height is None else {"height": key(floats=[height])}
    return features | ({} if answer is None else {"answer": key(words=[answer])})


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("layout", ["vectors", "columns"])
def test_rows_of_floats_whole_numbers_and_words(tmp_path, layout, compression):
    """TensorFlow's own writer puts them down, so the reader is held to the format and not to our encoder."""
    path, as_features = tmp_path / "train.tfrecord", as_vectors if layout == "vectors" else as_columns
    with tf.io.TFRecordWriter(str(path), "GZIP" if compression == "gzip" else "") as writer:
        for row in ROWS:
            example = tf.train.Example(features=tf.train.Features(feature=as_features(*row)))
            writer.write(example.SerializeToString())
    shard = Shard(file=path.name, num_examples=3, num_bytes=path.stat().st_size, crc32c=0)
    Manifest(
        task="tabular_classification",
        version="1",
        splits={"train": Split(shards=(shard,), num_examples=3)},
        layout=layout,
        compression=compression,
        data_schema=Schema(
            numeric=(numeric("height", "float"), numeric("age in days", "int")),
            categorical=(CategoricalFeature(name="answer", categories=("tak",), missing_share=0.3),),
            label=Label(name="y", classes=("no", "yes")),
        ),
    ).save(tmp_path)

    (features, labels), *_ = dataset(tmp_path, "train", batch_size=5).as_numpy_iterator()
    raw = raw_examples(tmp_path, "train", limit=2)

    assert features["numeric"].dtype == np.float32
    np.testing.assert_array_equal(features["numeric"], [[1.5, 7], [np.nan, -(2**40)], [-3.25, 0]])
    assert features["categorical"].tolist() == [[b"tak"], [b""], ["nie, żółw".encode()]]
    assert labels.tolist() == [1, 0, 1]
    assert list(raw) == ["height", "age in days", "answer", "label"]
    np.testing.assert_array_equal(raw["height"], [1.5, np.nan])
    np.testing.assert_array_equal(raw["age in days"], [7, -(2**40)])
    assert raw["answer"].tolist() == ["tak", ""]


def test_a_table_of_whole_numbers_alone_has_a_numeric_vector(write_dataset, tmp_path):
    folder = write_dataset(
        tmp_path / "dataset",
        {"train": {"integers": np.array([[1, 2], [3, 4]]), "label": np.array([0.5, 1.5], np.float32)}},
        task="tabular_regression",
        data_schema=Schema(numeric=(numeric("a", "int"), numeric("b", "int")), label=Label(name="y", mean=1, std=1)),
    )

    (features, labels), *_ = dataset(folder, "train", batch_size=5).as_numpy_iterator()

    np.testing.assert_array_equal(features["numeric"], [[1, 2], [3, 4]])
    assert labels.tolist() == [0.5, 1.5]
