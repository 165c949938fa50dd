"""What gRPC calls share: long texts are cut, tokens are asked for, and bytes that are no message are refused."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import grpc
import pytest
from grpc import aio
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_service_pb2 import DESCRIPTOR

from serving.server.grpc.answering import Guard, shortened
from serving.server.grpc.handlers import add_service
from serving.server.grpc.model import ModelService
from serving.server.models import State, VersionStatus
from serving.server.watching.calls import InFlight

METHOD = "/tensorflow.serving.ModelService/GetModelStatus"
REQUEST = GetModelStatusRequest()
REQUEST.model_spec.name = "m"


def test_texts_beyond_1024_characters_are_cut():
    assert shortened("a" * 1024) == "a" * 1024
    assert shortened("a" * 1025) == "a" * 1024 + "...TRUNCATED"


def ask(data: bytes, *, metadata: tuple = (), status=lambda name, version: [], **guard) -> tuple[str, str]:
    """Ask a server in this process, and return the code and the text."""

    async def both() -> tuple[str, str]:
        server = aio.server()
        service = ModelService(SimpleNamespace(status=status), Guard(InFlight(guard.pop("most", 9)), **guard))
        add_service(server, DESCRIPTOR.services_by_name["ModelService"], service)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await channel.unary_unary(METHOD)(data, metadata=metadata, timeout=30)
                return "OK", ""
        except grpc.RpcError as error:
            return error.code().name, error.details()
        finally:
            await server.stop(0)

    return asyncio.run(both())


def test_a_status_is_answered():
    versions = [VersionStatus(3, State.AVAILABLE)]

    assert ask(REQUEST.SerializeToString(), status=lambda name, version: versions) == ("OK", "")


def test_bytes_that_are_no_message_are_the_clients_mistake():
    code, text = ask(b"\xff\xff")

    assert (code, text) == (
        "INVALID_ARGUMENT",
        "Failed to parse the request: it is no tensorflow.serving.GetModelStatusRequest",
    )


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((("authorization", "Bearer s3cret"),), "OK"),
        ((("authorization", "Bearer other"),), "UNAUTHENTICATED"),
        ((), "UNAUTHENTICATED"),
    ],
)
def test_a_token_is_needed_where_one_is_set(metadata, code):
    assert ask(REQUEST.SerializeToString(), metadata=metadata, token="s3cret")[0] == code


def test_more_calls_than_may_be_in_flight_are_refused():
    assert ask(REQUEST.SerializeToString(), most=0)[0] == "RESOURCE_EXHAUSTED"


def test_an_error_of_ours_shows_nothing_of_the_code():
    def fail(name, version):
        raise KeyError("secret")

    assert ask(REQUEST.SerializeToString(), status=fail) == (
        "INTERNAL",
        "KeyError in the server; its log has more",
    )
