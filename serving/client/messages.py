"""The few messages of TensorFlow Serving's that a client needs, declared here: its pip package imports TensorFlow.

A map is declared as what it is on the wire, a repeated message of a key and a value.

Source:
    tensorflow_serving/apis/{model,predict,get_model_metadata,get_model_status}.proto and
    tensorflow/core/framework/{tensor,tensor_shape}.proto, by their public documentation.
"""

from __future__ import annotations

import functools
from typing import Any

PACKAGE = "estafet.client"
SERVICES = "tensorflow.serving"
_MESSAGES = {
    "Dim": "size=1:int64",
    "Shape": "dim=2:*Dim unknown_rank=3:bool",
    "Tensor": (
        "dtype=1:int32 tensor_shape=2:Shape tensor_content=4:bytes float_val=5:*float double_val=6:*double"
        " int_val=7:*int32 string_val=8:*bytes scomplex_val=9:*float int64_val=10:*int64 bool_val=11:*bool"
        " dcomplex_val=12:*double half_val=13:*int32 uint32_val=16:*uint32 uint64_val=17:*uint64"
    ),
    "Number": "value=1:int64",
    "ModelSpec": "name=1:string version=2:Number signature_name=3:string version_label=4:string",
    "NamedTensor": "key=1:string value=2:Tensor",
    "PredictRequest": "model_spec=1:ModelSpec inputs=2:*NamedTensor output_filter=3:*string",
    "PredictResponse": "outputs=1:*NamedTensor model_spec=2:ModelSpec",
    "MetadataRequest": "model_spec=1:ModelSpec metadata_field=2:*string",
    "Any": "type_url=1:string value=2:bytes",
    "NamedAny": "key=1:string value=2:Any",
    "MetadataResponse": "model_spec=1:ModelSpec metadata=2:*NamedAny",
    "TensorInfo": "name=1:string dtype=2:int32 tensor_shape=3:Shape",
    "NamedInfo": "key=1:string value=2:TensorInfo",
    "Signature": "inputs=1:*NamedInfo outputs=2:*NamedInfo method_name=3:string",
    "NamedSignature": "key=1:string value=2:Signature",
    "SignatureMap": "signature_def=1:*NamedSignature",
    "StatusRequest": "model_spec=1:ModelSpec",
    "Status": "error_code=1:int32 error_message=2:string",
    "VersionStatus": "version=1:int64 state=2:int32 status=3:Status",
    "StatusResponse": "model_version_status=1:*VersionStatus",
}


def message(name: str) -> Any:
    """Return a new message, by its name here."""
    return _classes()[name]()


def parsed(name: str, content: bytes) -> Any:
    """Return a message that was read from the wire.

    Raises:
        google.protobuf.message.DecodeError: It is none.
    """
    return _classes()[name].FromString(content)


@functools.cache
def _classes() -> dict[str, type[Any]]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="estafet/client.proto", package=PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        declared = file.message_type.add(name=name)
        for text in fields.split():
            _add(declared, text)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in _MESSAGES
    }


def _add(declared: Any, text: str) -> None:
    """Add a field, written `name=number:type`, with `*` before the type of a repeated one."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    head, _, kind = text.partition(":")
    name, _, number = head.partition("=")
    field = declared.field.add(name=name, number=int(number))
    field.label = Field.LABEL_REPEATED if kind[0] == "*" else Field.LABEL_OPTIONAL
    kind = kind.lstrip("*")
    if kind[0].isupper():
        field.type, field.type_name = Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(Field, f"TYPE_{kind.upper()}")
