"""The model cuts texts into words exactly as ingest counts them, in any environment, and looks them up."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from estafet import words
from estafet.training.layers import WordIndices, WordVectors
from estafet.training.layers.text import split

AWKWARD = (
    "The film was NOT good, 3/10!", "two\nlines\r\n\tmore", "don't—do", "", " ", "…", "ΑΣ ΑΣΑ. ΟΔΟΣ",
    "İstanbul IJ ÌÍĨĮ", "e\u0301te\u0301 ÉTÉ", "我爱北京TV", "สวัสดี ครับ", "हिन्दी ٣٤",
    "👍🏽 ok", "a\0b", "zero\u200bwidth\u00a0space", "ﬁ ß ẞ",
    "x" * 100_000, "word " * 50_000,
)  # fmt: skip
NEWER = ((0x2C2F, 0x2C2F), (0xA7C0, 0xA7DC), (0x10570, 0x10595), (0x2EBF0, 0x2EE5D))
"""Letters of Unicode 14 to 16, which TensorFlow's tables do not have yet."""


def by_tensorflow(texts):
    return [[word.decode() for word in found] for found in split(tf.constant(texts)).to_list()]


def test_awkward_texts_are_cut_as_ingest_cuts_them():
    assert by_tensorflow(AWKWARD) == words.split(pa.array(AWKWARD)).to_pylist()


def test_so_is_every_character_that_tensorflow_knows():
    known = [i for i in range(1, 0x110000) if not any(low <= i <= high for low, high in (*NEWER, (0xD800, 0xDFFF)))]
    texts = [f"aB{chr(i)}Cd" for i in known]

    found, expected = split(tf.constant(texts)), words.split(pa.array(texts))

    np.testing.assert_array_equal(found.row_lengths(), expected.value_lengths())
    assert found.flat_values.numpy().tolist() == expected.flatten().cast(pa.binary()).to_pylist()


def test_bytes_that_are_no_utf8_part_words():
    assert by_tensorflow([b"caf\xe9 ol\xff\xfee"]) == [["caf", "ol", "e"]]


@pytest.mark.slow
def test_the_language_of_the_environment_changes_nothing():
    """TensorFlow's lower-casing makes the I of a Turkish environment dotless."""
    code = (
        "import tensorflow as tf\nfrom estafet.training.layers.text import split\n"
        "print(tf.strings.lower('I', encoding='utf-8').numpy().decode(), split(tf.constant(['TITLE Ì'])).to_list()[0])"
    )
    turkish = {**os.environ, "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "PYTHONIOENCODING": "utf-8"}

    done = subprocess.run([sys.executable, "-c", code], env=turkish, capture_output=True, check=True)

    assert done.stdout.decode().split(maxsplit=1) == ["ı", f"{[b'title', 'ì'.encode()]}\n"]


def test_words_become_indices_behind_those_of_padding_and_of_unknown_words():
    found = WordIndices(["good", "not"], length=4)(tf.constant(["NOT so good!", "", "good not good not good not"]))

    assert found.numpy().tolist() == [[3, 1, 2, 0], [0, 0, 0, 0], [2, 3, 2, 3]]


def test_without_a_vocabulary_every_word_is_unknown():
    assert WordIndices([], length=2)(tf.constant(["any thing"])).numpy().tolist() == [[1, 1]]


def test_where_there_is_no_word_the_vector_is_zero():
    vectors = WordVectors(num_words=2, width=3)(np.array([[2, 0]])).numpy()

    assert vectors.shape == (1, 2, 3)
    assert np.any(vectors[0, 0]) and not np.any(vectors[0, 1])


def test_both_layers_come_back_from_a_file(tmp_path):
    texts = keras.Input((), dtype="string")
    model = keras.Model(texts, WordVectors(2, 3)(WordIndices(["good", "żółw"], 5)(texts)))
    model.save(tmp_path / "model.keras")
    asked = tf.constant(["Good ŻÓŁW", "bad"])

    again = keras.saving.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(again(asked), model(asked))
