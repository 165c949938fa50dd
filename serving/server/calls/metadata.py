"""GetModelMetadata: every signature of the graph, as the graph has it."""

from __future__ import annotations

from typing import Any

from serving.server.calls.predict import fill_spec
from serving.server.status import invalid

FIELD = "signature_def"


def check(request: Any) -> None:
    """Raise StatusError where a request asks for no field, or one that there is not."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != FIELD:
            raise invalid(f"Metadata field {field} is not supported")


def fill_response(response: Any, version: tuple[str, int], signature_defs: Any) -> None:
    """Write a GetModelMetadataResponse.

    Args:
        response: An empty message.
        version: The model's name and the version's number.
        signature_defs: The SignatureDefs of the graph by name.
    """
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    fill_spec(response.model_spec, version)
    found = SignatureDefMap()
    for name, definition in signature_defs.items():
        found.signature_def[name].CopyFrom(definition)
    response.metadata[FIELD].Pack(found)
