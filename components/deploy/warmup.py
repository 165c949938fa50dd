"""Writes the requests of the smoke test into a version as its warm-up, so that no client waits for what happens once.

The file is the one that TensorFlow Serving replays before a version is served: `PredictionLog` messages in a TFRecord
file. The messages are declared here, with the few fields that matter, since importing TensorFlow's takes seconds.

Source:
    tensorflow_serving/apis/{prediction_log,predict,model}.proto and tensorflow/core/framework/tensor.proto.
"""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import Any

import numpy as np

from estafet.files import replacing
from estafet.release import CONTRACT_FILE, FOLDER, SIGNATURE, Contract, Smoke, TensorSpec

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
PACKAGE = "estafet.warmup"
DTYPES = {"float32": (1, np.dtype("<f4")), "int64": (9, np.dtype("<i8")), "string": (7, None)}
"""TensorFlow's number of each type, and NumPy's type where the values are sent as bytes."""

FIELDS = {
    "Dim": {"size": (1, "int64")},
    "Shape": {"dim": (2, "repeated Dim")},
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "Shape"),
        "tensor_content": (4, "bytes"),
        "string_val": (8, "repeated bytes"),
    },
    "Input": {"key": (1, "string"), "value": (2, "Tensor")},
    "ModelSpec": {"name": (1, "string"), "signature_name": (3, "string")},
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "repeated Input")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}
"""Fields of each message: number and type. An entry of a map is a message with a key and a value on the wire."""


def write_warm_up(version_dir: str | Path, name: str) -> int:
    """Write a version's warm-up requests, unless it came with some.

    There is one request for each recorded example, and one with all of them.

    Args:
        version_dir: The version, as `export` wrote it.
        name: The model's name.

    Returns:
        The number of requests written; 0 for a version that has a warm-up, or no contract or no recorded requests.
    """
    folder = Path(version_dir)
    if (folder / WARMUP_FILE).exists() or not (folder / FOLDER / CONTRACT_FILE).is_file():
        return 0
    inputs, instances = Contract.load(folder).inputs(), list(Smoke.load(folder).instances)
    batches = [[instance] for instance in instances] + ([instances] if len(instances) > 1 else [])
    if not batches:
        return 0
    from estafet.records.framing import frame

    logs = [_log(name, inputs, batch).SerializeToString() for batch in batches]
    with replacing(folder / WARMUP_FILE, "wb") as file:
        file.write(frame(logs))
    return len(logs)


def _log(name: str, inputs: tuple[TensorSpec, ...], instances: list[dict[str, object]]) -> Any:
    log = _classes()["PredictionLog"]()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = name, SIGNATURE
    for spec in inputs:
        entry = request.inputs.add(key=spec.name)
        _fill(entry.value, spec, [instance[spec.name] for instance in instances])
    return log


def _fill(tensor: Any, spec: TensorSpec, values: list[object]) -> None:
    """Put the values of one input, one for each example, into a `TensorProto`."""
    tensor.dtype, dtype = DTYPES[spec.dtype]
    for size in (len(values), *spec.shape):
        tensor.tensor_shape.dim.add(size=size)
    if dtype is None:
        tensor.string_val.extend(_bytes(value) for value in np.array(values, dtype=object).ravel())
    else:
        tensor.tensor_content = np.array(values, dtype).tobytes()


def _bytes(value: object) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else str(value).encode()


@functools.cache
def _classes() -> dict[str, type[Any]]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    file = descriptor_pb2.FileDescriptorProto(name="estafet/warmup.proto", package=PACKAGE, syntax="proto3")
    for message, fields in FIELDS.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            *repeated, kind = kind.split()
            field = described.field.add(name=name, number=number)
            field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
            if kind in FIELDS:
                field.type, field.type_name = Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            else:
                field.type = getattr(Field, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in FIELDS}
