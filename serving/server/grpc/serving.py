"""The gRPC server: its services, its addresses, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

from estafet.errors import ServiceUnavailable
from serving.server.calls.running import Arrivals
from serving.server.grpc.answering import Guard
from serving.server.grpc.handlers import add_service
from serving.server.grpc.model import ModelService
from serving.server.grpc.prediction import PredictionService, Settings

PREDICTION = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
MODEL = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
HEALTH_NAMES = ("", "ModelService", "PredictionService", PREDICTION.full_name, MODEL.full_name)
MAX_MESSAGE_BYTES = 2**31 - 1


@dataclass(frozen=True)
class GrpcOptions:
    """How the server listens.

    Attributes:
        credentials: For TLS; without them the server speaks in plain.
        arguments: More channel arguments.
        max_message_bytes: Size of the largest message, in both directions.
        with_health: Answer `grpc.health.v1.Health`.
        with_reflection: Tell clients the services.
    """

    credentials: grpc.ServerCredentials | None = None
    arguments: Sequence[tuple[str, int | str]] = field(default_factory=tuple)
    max_message_bytes: int = MAX_MESSAGE_BYTES
    with_health: bool = True
    with_reflection: bool = True


class GrpcServer:
    """Listens on one or more addresses."""

    def __init__(self, models: Any, arrivals: Arrivals, guard: Guard, settings: Settings, options: GrpcOptions):
        """Make the server on the running event loop."""
        self._options = options
        sizes = [(f"grpc.max_{way}_message_length", options.max_message_bytes) for way in ("receive", "send")]
        self._server = aio.server(options=[*sizes, ("grpc.so_reuseport", 0), *options.arguments])
        prediction = PredictionService(models, arrivals, guard, settings)
        add_service(self._server, PREDICTION, prediction)
        add_service(self._server, MODEL, ModelService(models, guard))
        names = [PREDICTION.full_name, MODEL.full_name]
        self._health = health.aio.HealthServicer() if options.with_health else None
        if self._health is not None:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
            names.append(health.SERVICE_NAME)
        if options.with_reflection:
            reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self._server)

    def listen(self, address: str) -> int:
        """Take an address, `host:port` or `unix:path`.

        Returns:
            The port; that of a free one where 0 was asked for.

        Raises:
            ServiceUnavailable: It cannot be used.
        """
        credentials = self._options.credentials
        try:
            if credentials is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise ServiceUnavailable(
                f"the address {address} cannot be used for gRPC.",
                hint="choose another with `--port`, or stop what uses it.",
            ) from error

    async def start(self) -> None:
        """Answer from now on."""
        await self._server.start()
        if self._health is not None:
            for name in HEALTH_NAMES:
                await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace_s: float) -> None:
        """Take no new call, and give those that run `grace_s` seconds."""
        if self._health is not None:
            await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)
