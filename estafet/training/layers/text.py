"""Layers that read text: its words as indices, and the indices as vectors."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from estafet import words

PADDING = ""
NO_WORD = " "
"""No text has this word, so it can stand in a vocabulary that is empty, which Keras refuses."""


@keras.saving.register_keras_serializable(package="estafet")
class WordIndices(keras.layers.Layer):
    """Texts to the indices of their first words: 0 behind the last word, 1 for an unknown one, then the vocabulary.

    It cuts texts into words as `estafet.words.split` does.

    Args:
        vocabulary: The known words.
        length: Number of words of a text that are read.
    """

    def __init__(self, vocabulary: Sequence[str], length: int, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary, self.length = list(vocabulary), length
        self.supports_jit = False
        self.lookup = keras.layers.StringLookup(vocabulary=self.vocabulary or [NO_WORD], mask_token=PADDING)

    def build(self, input_shape):
        """Have nothing to make: the vocabulary is known from the start."""
        self.built = True

    def call(self, texts_N):
        """Map (N,) strings in UTF-8 to (N, length) int64."""
        first_words = split(texts_N)[:, : self.length]
        return self.lookup(first_words.to_tensor(PADDING, shape=(None, self.length)))

    def compute_output_spec(self, texts_N):
        """Return (N, length); Keras cannot derive it for strings."""
        return keras.KerasTensor((texts_N.shape[0], self.length), dtype="int64")

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "vocabulary": self.vocabulary, "length": self.length}


@keras.saving.register_keras_serializable(package="estafet")
class WordVectors(keras.layers.Layer):
    """Indices of words to learned vectors; index 0, where there is no word, gives zeros.

    Args:
        num_words: Number of known words; indices go from 0 (none) and 1 (unknown) to this number and one more.
        width: Length of a vector.
    """

    def __init__(self, num_words: int, width: int, **kwargs):
        super().__init__(**kwargs)
        self.num_words, self.width = num_words, width
        self.embedding = keras.layers.Embedding(num_words + 2, width)

    def build(self, input_shape):
        """Make the table of vectors."""
        self.embedding.build(input_shape)
        self.built = True

    def call(self, indices_NL):
        """Map (N, L) indices to (N, L, width)."""
        vectors_NLW = self.embedding(indices_NL)
        return vectors_NLW * ops.cast(indices_NL > 0, vectors_NLW.dtype)[..., None]

    def compute_output_shape(self, input_shape):
        """Return (N, L, width)."""
        return (*input_shape, self.width)

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "num_words": self.num_words, "width": self.width}


def split(texts_N):
    """Return the words of each text, a ragged tensor (N, None) of strings; `estafet.words.split` in TensorFlow.

    Args:
        texts_N: Strings (N,); bytes that are no UTF-8 part words.
    """
    import tensorflow as tf

    texts_N = tf.strings.lower(texts_N)  # the letters of ASCII, whatever the environment's language
    texts_N = tf.strings.regex_replace(texts_N, r"\x00", " ")  # at which the next `lower` would end a text
    for upper, lower in words.LOWERED_BEFORE:
        texts_N = tf.strings.regex_replace(texts_N, upper, lower)
    texts_N = tf.strings.lower(texts_N, encoding="utf-8")
    for last, lower in words.LOWERED_AFTER:
        texts_N = tf.strings.regex_replace(texts_N, last, lower)
    texts_N = tf.strings.regex_replace(texts_N, words.ALONE, r" \1 ")
    return tf.strings.split(tf.strings.regex_replace(texts_N, words.BETWEEN, " "))
