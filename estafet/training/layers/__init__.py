"""Keras layers that keep preprocessing inside the model; importing this package lets saved models be read."""

from estafet.training.layers.numeric import ImputeAndNormalise
from estafet.training.layers.pictures import ImageNetScale
from estafet.training.layers.selection import Columns
from estafet.training.layers.text import WordIndices, WordVectors
from estafet.training.layers.windows import Patches, Positions, SinceLast
from estafet.training.layers.words import Column, KnownCategories

__all__ = [
    "Column",
    "Columns",
    "ImageNetScale",
    "ImputeAndNormalise",
    "KnownCategories",
    "Patches",
    "Positions",
    "SinceLast",
    "WordIndices",
    "WordVectors",
]
