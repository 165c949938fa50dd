"""What a source has become: the parts of a data set's manifest that depend on the kind of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from estafet.records.manifest import Overlap, Split
from estafet.schema import Schema
from estafet.source_schema import SourceSchema


@dataclass(frozen=True)
class Written:
    """A data set whose shards lie in its folder.

    Attributes:
        splits: `train`, `validation` and `test`.
        schema: Features and label.
        source_schema: What the data were like, to be edited and pinned.
        contents: Fingerprint of each split's (or fold's) examples, whatever their order and the shards they are in.
        folds: For cross-validation.
        image_shape: For images, what the model is given.
        num_duplicates: Examples with the same content and label as another one.
        overlap: What the splits have in common.
    """

    splits: Mapping[str, Split]
    schema: Schema
    source_schema: SourceSchema
    contents: Mapping[str, str]
    folds: tuple[Split, ...] = ()
    image_shape: tuple[int, int, int] | None = None
    num_duplicates: int = 0
    overlap: Overlap = field(default_factory=Overlap)
