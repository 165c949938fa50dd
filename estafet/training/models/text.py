"""How a table's columns of free text become numbers: learned vectors of words, convolutions, the strongest of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from estafet.runfile.space import Range
from estafet.schema import Schema, TextFeature

if TYPE_CHECKING:
    from estafet.training.models.catalogue import Architecture

DEFAULTS: dict[str, Any] = {"text_width": 64, "text_filters": 64, "text_dropout": 0.3}
SEARCH_SPACE = {
    "text_width": Range(choices=(32, 64, 128)),
    "text_filters": Range(choices=(32, 64, 128)),
    "text_dropout": Range(low=0.0, high=0.5),
}
CONVOLUTION_WIDTHS = (2, 3, 4, 5)
MIN_LENGTH, MAX_LENGTH = max(CONVOLUTION_WIDTHS), 400
"""So many words of a text are read: as many as 95 % of the training texts have, within these bounds."""


def with_texts(architecture: Architecture, schema: Schema) -> Architecture:
    """Return an architecture with the hyperparameters of texts beside its own, where the table has any."""
    if not schema.text:
        return architecture
    return replace(
        architecture,
        defaults={**architecture.defaults, **DEFAULTS},
        search_space=lambda spec: {**architecture.search_space(spec), **SEARCH_SPACE},
        positive=(*architecture.positive, "text_width", "text_filters"),
    )


def encode(feature: TextFeature, texts_N, hyperparameters: Mapping[str, Any]):
    """Return one column of texts as vectors, float32 (N, convolutions × filters); all zeros have a missing text.

    Args:
        feature: The column, with its vocabulary.
        texts_N: A Keras tensor of strings (N,).
        hyperparameters: `text_width`, the length of a word's vector; `text_filters` of each convolution; and
            `text_dropout`.

    Source:
        Kim, "Convolutional Neural Networks for Sentence Classification", 2014.
    """
    from keras import layers

    from estafet.training.layers import WordIndices, WordVectors

    given = {**DEFAULTS, **hyperparameters}
    length = min(MAX_LENGTH, max(MIN_LENGTH, feature.words_95))
    indices_NL = WordIndices(feature.vocabulary, length)(texts_N)
    vectors_NLW = WordVectors(len(feature.vocabulary), given["text_width"])(indices_NL)
    vectors_NLW = layers.SpatialDropout1D(given["text_dropout"])(vectors_NLW)
    strongest = [
        layers.GlobalMaxPooling1D()(
            layers.Conv1D(given["text_filters"], width, padding="same", activation="relu")(vectors_NLW)
        )
        for width in CONVOLUTION_WIDTHS
    ]
    return layers.Dropout(given["text_dropout"])(layers.Concatenate()(strongest))
