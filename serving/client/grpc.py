"""TensorFlow Serving's gRPC interface, from the caller's side, without TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from serving.client import metadata
from serving.client.address import Address, Tls
from serving.client.asked import Asked, Packed, Replied
from serving.client.failures import CONNECTION, Failure
from serving.client.messages import SERVICES, message, parsed
from serving.client.metadata import Metadata
from serving.client.prediction import VersionStatus
from serving.client.texts import as_text
from serving.server.calls.tensors import fill, to_array
from serving.server.request_ids import GIVEN, GRPC_REQUEST_ID
from serving.server.signature import Signature

STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
MAX_MESSAGE_BYTES = 2**31 - 1
FIRST_RECONNECT_MS, MOST_RECONNECT_MS = 100, 1000
RACE_S = 0.05
_PREDICT = f"/{SERVICES}.PredictionService/Predict"
_METADATA = f"/{SERVICES}.PredictionService/GetModelMetadata"
_STATUS = f"/{SERVICES}.ModelService/GetModelStatus"


class Grpc:
    """Sends calls to a gRPC port over one channel; any thread may ask."""

    takes_rows = False

    def __init__(self, address: Address, *, tls: Tls, token: str | None):
        """Speak to `address`."""
        options = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.enable_retries", 0),  # the client's own retries know the deadline and what is safe
            ("grpc.initial_reconnect_backoff_ms", FIRST_RECONNECT_MS),
            ("grpc.max_reconnect_backoff_ms", MOST_RECONNECT_MS),
            ("grpc.use_local_subchannel_pool", 1),  # a channel for each client, also to the same server
        ]
        if address.is_safe:
            self._channel = grpc.secure_channel(address.target, grpc.ssl_channel_credentials(*tls.texts()), options)
        else:
            self._channel = grpc.insecure_channel(address.target, options)
        self._token = () if token is None else (("authorization", f"Bearer {token}"),)
        self._calls = {path: self._channel.unary_unary(path) for path in (_PREDICT, _METADATA, _STATUS)}

    def pack(self, asked: Asked, columns: Mapping[str, np.ndarray]) -> Packed:
        """Return a request that holds columns."""
        request = message("PredictRequest")
        _name(request, asked)
        for name, array in columns.items():
            entry = request.inputs.add(key=name)
            fill(entry.value, np.ascontiguousarray(array) if array.ndim else array, as_content=True)
        return Packed(asked, request.SerializeToString())

    def send(self, packed: Packed, request_id: str | None, within_s: float) -> Replied:
        """Send a request.

        Raises:
            Failure: It was not answered.
        """
        given = ((GIVEN, request_id),) if request_id else ()
        content, trailing = self._call(_PREDICT, packed.content, within_s, given)
        found = next((value for key, value in trailing if key == GRPC_REQUEST_ID), "")
        return Replied(content, str(found))

    def unpack(self, reply: Replied, signature: Signature) -> tuple[dict[str, np.ndarray], None]:
        """Read an answer's outputs.

        Raises:
            Failure: It is no answer of predict.
        """
        response = _parsed("PredictResponse", reply.content)
        return {entry.key: _output(entry.key, to_array(entry.value, entry.key)) for entry in response.outputs}, None

    def metadata(self, asked: Asked, within_s: float) -> Metadata:
        """Ask for the signatures.

        Raises:
            Failure: It was not answered.
        """
        request = message("MetadataRequest")
        _name(request, asked, with_signature=False)
        request.metadata_field.append("signature_def")
        content, _ = self._call(_METADATA, request.SerializeToString(), within_s)
        response = _parsed("MetadataResponse", content)
        found = next((entry.value.value for entry in response.metadata if entry.key == "signature_def"), b"")
        return metadata.of_messages(response, _parsed("SignatureMap", found))

    def status(self, asked: Asked, within_s: float) -> list[VersionStatus]:
        """Ask for the states of the versions, newest first.

        Raises:
            Failure: It was not answered.
        """
        request = message("StatusRequest")
        _name(request, asked, with_signature=False)
        content, _ = self._call(_STATUS, request.SerializeToString(), within_s)
        response = _parsed("StatusResponse", content)
        return [
            VersionStatus(entry.version, STATES.get(entry.state, str(entry.state)), entry.status.error_message)
            for entry in response.model_version_status
        ]

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _call(self, path: str, content: bytes, within_s: float, given: tuple[tuple[str, str], ...] = ()) -> Any:
        deadline = time.monotonic() + within_s
        try:
            answer, call = self._calls[path].with_call(content, timeout=within_s, metadata=(*self._token, *given))
        except grpc.RpcError as error:
            kind, text = error.code().name, error.details() or error.code().name
            if kind == "CANCELLED" and time.monotonic() > deadline - RACE_S:
                kind = "DEADLINE_EXCEEDED"  # the server saw the deadline first, and says that the client went away
            if kind == "DEADLINE_EXCEEDED":
                text = f"no answer within {within_s:.3g} s"
            raise Failure(kind, text) from error
        return answer, call.trailing_metadata() or ()


def _name(request: Any, asked: Asked, *, with_signature: bool = True) -> None:
    spec = request.model_spec
    spec.name = asked.model
    if with_signature:
        spec.signature_name = asked.signature
    if asked.version is not None:
        spec.version.value = asked.version
    elif asked.label is not None:
        spec.version_label = asked.label


def _parsed(name: str, content: bytes) -> Any:
    try:
        return parsed(name, content)
    except DecodeError as error:
        raise Failure(CONNECTION, f"its answer is no {name}", may_pass=False) from error


def _output(name: str, array: np.ndarray) -> np.ndarray:
    """Return words as text, but for those that are bytes by their name or are no UTF-8: as REST has them."""
    if not array.dtype.hasobject:
        return array if array.flags.writeable else array.copy()  # it shares the message's memory
    if name.endswith("_bytes"):
        return array
    return as_text(array)
