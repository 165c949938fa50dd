"""Hangs a servicer's methods into a gRPC server as bytes in, bytes out.

The library's own parsing happens outside the method, and answers bytes that are no message with UNKNOWN, a Python class
name, and a stack trace in the log. Here they are the client's own mistake.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError, EncodeError
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

_BROKEN = "Failed to parse the request: it is no {}"
_TOO_LARGE = "The answer is larger than a message can be"


def add_service(server: aio.Server, service: Any, servicer: object) -> None:
    """Let a server answer the unary methods of a service that a servicer has.

    Args:
        server: The server.
        service: The service's descriptor.
        servicer: An object with a coroutine for each method, of the method's name.
    """
    handlers = {
        method.name: grpc.unary_unary_rpc_method_handler(_in_bytes(getattr(servicer, method.name), method.input_type))
        for method in service.methods
        if hasattr(servicer, method.name) and not (method.client_streaming or method.server_streaming)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def _in_bytes(
    answer: Callable[[Any, aio.ServicerContext], Awaitable[Any]], input_type: Any
) -> Callable[[bytes, aio.ServicerContext], Awaitable[bytes]]:
    parse = GetMessageClass(input_type).FromString

    async def handle(data: bytes, context: aio.ServicerContext) -> bytes:
        try:
            request = parse(data)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _BROKEN.format(input_type.full_name))
        response = await answer(request, context)
        try:
            return response.SerializeToString()
        except (EncodeError, ValueError):
            return await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, _TOO_LARGE)

    return handle
