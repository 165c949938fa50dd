"""Examples are decoded as TensorFlow decodes them."""

from __future__ import annotations

import numpy as np
import pytest

from estafet.errors import DataError
from estafet.records.decoding import decode


def test_every_kind_of_list_comes_back_as_tensorflow_wrote_it():
    import tensorflow as tf

    lists = {
        "floats": tf.train.Feature(float_list=tf.train.FloatList(value=[1.5, float("nan"), -0.0])),
        "integers": tf.train.Feature(int64_list=tf.train.Int64List(value=[-1, 2**62])),
        "words": tf.train.Feature(bytes_list=tf.train.BytesList(value=["żółw".encode(), b""])),
        "none": tf.train.Feature(bytes_list=tf.train.BytesList()),
        "unset": tf.train.Feature(),
    }
    record = tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString()

    found = decode(record)

    assert sorted(found) == ["floats", "integers", "none", "words"]
    np.testing.assert_array_equal(found["floats"], np.array([1.5, np.nan, -0.0], np.float32))
    assert (found["integers"].tolist(), found["words"], found["none"]) == ([-1, 2**62], ["żółw".encode(), b""], [])


@pytest.mark.parametrize("record", [b"\x0a\x05ab", b"\xff" * 12])
def test_bytes_that_are_no_example_are_refused(record):
    with pytest.raises(DataError, match=r"no tf\.train\.Example"):
        decode(record)
