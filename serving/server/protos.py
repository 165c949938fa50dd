"""Messages of TensorFlow Serving's that its pip package lacks, declared here so that their text files can be read.

Source:
    tensorflow_serving/servables/tensorflow/session_bundle_config.proto and config/ssl_config.proto, which the
    documentation describes; the field numbers never travel anywhere.
"""

from __future__ import annotations

import functools
from typing import Any

PACKAGE = "estafet.tensorflow_serving"

BATCHING_PARAMETERS = {
    "max_batch_size": "Int64Value",
    "batch_timeout_micros": "Int64Value",
    "max_enqueued_batches": "Int64Value",
    "num_batch_threads": "Int64Value",
    "thread_pool_name": "StringValue",
    "allowed_batch_sizes": "repeated int64",
    "pad_variable_length_inputs": "bool",
    "enable_large_batch_splitting": "BoolValue",
    "max_execution_batch_size": "Int64Value",
}
SSL_CONFIG = {"server_key": "string", "server_cert": "string", "custom_ca": "string", "client_verify": "bool"}


def batching_parameters() -> type[Any]:
    """Return the message class `BatchingParameters`."""
    return _classes()["BatchingParameters"]


def ssl_config() -> type[Any]:
    """Return the message class `SSLConfig`."""
    return _classes()["SSLConfig"]


@functools.cache
def _classes() -> dict[str, type[Any]]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    file = descriptor_pb2.FileDescriptorProto(
        name="estafet/tensorflow_serving.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    messages = {"BatchingParameters": BATCHING_PARAMETERS, "SSLConfig": SSL_CONFIG}
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            _add(message, field, number, kind)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in messages}


def _add(message: Any, name: str, number: int, kind: str) -> None:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    *repeated, kind = kind.split()
    field = message.field.add(name=name, number=number)
    field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
    if kind[0].isupper():
        field.type = Field.TYPE_MESSAGE
        field.type_name = f".google.protobuf.{kind}"
    else:
        field.type = {"int64": Field.TYPE_INT64, "bool": Field.TYPE_BOOL, "string": Field.TYPE_STRING}[kind]
