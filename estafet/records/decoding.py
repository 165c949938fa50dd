"""`tf.train.Example` bytes back to values, for a look at some records without TensorFlow."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from estafet.errors import DataError


def decode(record: bytes) -> dict[str, np.ndarray | list[bytes]]:
    """Return what an example holds, by key: float32 (K,), int64 (K,), or a list of K byte strings.

    Args:
        record: A serialised `tf.train.Example`, without its frame. A key that holds no list at all is left out.

    Raises:
        DataError: The bytes are no example.
    """
    from google.protobuf.message import DecodeError

    try:
        features = _example().FromString(record).features.feature
    except DecodeError as error:
        raise DataError(
            f"{len(record):,} bytes are no tf.train.Example: {error}.", hint="delete the data set and ingest again."
        ) from error
    return {key: _values(feature) for key, feature in sorted(features.items()) if feature.WhichOneof("kind")}


def _values(feature: Any) -> np.ndarray | list[bytes]:
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value
    if kind == "bytes_list":
        return list(values)
    return np.array(values, np.float32 if kind == "float_list" else np.int64)


@cache
def _example() -> type:
    """Return the class of `tf.train.Example`, in a pool of its own, since TensorFlow registers the same names.

    Source:
        TensorFlow, `tensorflow/core/example/feature.proto` and `example.proto`.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    for name, kind in (
        ("BytesList", field.TYPE_BYTES),
        ("FloatList", field.TYPE_FLOAT),
        ("Int64List", field.TYPE_INT64),
    ):
        file.message_type.add(name=name).field.add(name="value", number=1, label=field.LABEL_REPEATED, type=kind)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, of) in enumerate(
        {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"}.items(), start=1
    ):
        _add_message(feature, name, number, of).oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)
    _add_message(entry, "value", 2, "Feature")
    _add_message(features, "feature", 1, "Features.FeatureEntry").label = field.LABEL_REPEATED
    _add_message(file.message_type.add(name="Example"), "features", 1, "Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def _add_message(owner: Any, name: str, number: int, of: str) -> Any:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    return owner.field.add(
        name=name, number=number, label=Field.LABEL_OPTIONAL, type=Field.TYPE_MESSAGE, type_name=f".tensorflow.{of}"
    )
