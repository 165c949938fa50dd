"""REST and gRPC in one event loop, from the first connection to an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.server.models import Models
from serving.server.options import Options
from serving.server.tls import Tls

if TYPE_CHECKING:
    from serving.request_log import RequestLog
    from serving.server.calls.running import Arrivals
    from serving.server.grpc.serving import GrpcServer
    from serving.server.watching.calls import InFlight

GRACE_S = 10
BACKLOG = 2048
KEEP_ALIVE_S = 60


@dataclass(frozen=True)
class Ports:
    """Where a server listens; None where it does not."""

    rest: int | None
    grpc: int | None


@dataclass(frozen=True)
class Fronts:
    """What the two interfaces stand on.

    Attributes:
        models: What is served.
        options: The limits.
        tls: For both, where connections are encrypted.
        request_log: Where predictions are logged, if anywhere.
        metrics_path: Path of the metrics, if they are shown.
    """

    models: Models
    options: Options
    tls: Tls | None
    request_log: RequestLog | None
    metrics_path: str | None

    def run(self, listener: socket.socket | None, stop: threading.Event, listening: Callable[[Ports], None]) -> None:
        """Answer until `stop` is set, and then what is in flight.

        Args:
            listener: A bound socket for REST, if REST is answered.
            stop: Ends it.
            listening: Told the ports, as soon as both can be asked.

        Raises:
            ServiceUnavailable: A gRPC address cannot be used.
        """
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run(listener, stop, listening))

    async def _run(
        self, listener: socket.socket | None, stop: threading.Event, listening: Callable[[Ports], None]
    ) -> None:
        from serving.server.calls.running import Arrivals
        from serving.server.watching.calls import InFlight

        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        threading.Thread(target=_tell, args=(stop, loop, ended), name="stop", daemon=True).start()
        arrivals, in_flight = Arrivals(loop), InFlight(self.options.max_concurrent)
        grpc_server, grpc_port = await self._grpc(arrivals, in_flight)
        try:
            async with _answering_rest(self, listener, arrivals, in_flight):
                rest_port = listener.getsockname()[1] if listener is not None else None
                listening(Ports(rest_port, grpc_port))
                await ended.wait()
                if grpc_server is not None:
                    await grpc_server.stop(GRACE_S)
        finally:
            stop.set()
            if grpc_server is not None:
                await grpc_server.stop(0)

    async def _grpc(self, arrivals: Arrivals, in_flight: InFlight) -> tuple[GrpcServer | None, int | None]:
        options = self.options
        if options.grpc_port is None and options.grpc_socket is None:
            return None, None
        from serving.server.grpc.answering import Guard
        from serving.server.grpc.prediction import Settings
        from serving.server.grpc.serving import GrpcOptions, GrpcServer

        settings = Settings(
            as_content=options.as_content,
            check_method_name=options.check_method_name,
            max_tensor_bytes=options.max_tensor_bytes,
            request_log=self.request_log,
        )
        how = GrpcOptions(
            credentials=self.tls.credentials() if self.tls is not None else None,
            arguments=options.grpc_arguments,
            max_message_bytes=options.max_body_bytes,
            with_health=options.with_health,
        )
        server = GrpcServer(self.models, arrivals, Guard(in_flight, options.token), settings, how)
        port = None
        if options.grpc_port is not None:
            host = f"[{options.host}]" if ":" in options.host else options.host
            port = server.listen(f"{host}:{options.grpc_port}")
        if options.grpc_socket is not None:
            server.listen(f"unix:{options.grpc_socket}")
        await server.start()
        return server, port


@contextlib.asynccontextmanager
async def _answering_rest(fronts: Fronts, listener: socket.socket | None, arrivals: Arrivals, in_flight: InFlight):
    """Answer REST inside the block, and what is in flight after it."""
    if listener is None:
        yield
        return
    import uvicorn

    from serving.server.rest.app import Rest, RestOptions
    from serving.server.rest.arrival import PatientProtocol

    options = fronts.options
    rest = RestOptions(
        timeout_s=options.rest_timeout_s,
        cors=options.rest_cors,
        metrics_path=fronts.metrics_path,
        max_body_bytes=options.max_body_bytes,
        token=options.token,
        request_log=fronts.request_log,
        labels_dir=options.requests_dir / "labels" if options.requests_dir is not None else None,
    )
    config = uvicorn.Config(
        Rest(fronts.models, arrivals, in_flight, rest),
        http=PatientProtocol,
        ws="none",
        interface="asgi3",
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
        ssl_context_factory=(lambda _, __: fronts.tls.context()) if fronts.tls is not None else None,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # ours are in place, and leave time to write the request log
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await serving


def _tell(stop: threading.Event, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Pass on to the loop that the server is to end."""
    stop.wait()
    with contextlib.suppress(RuntimeError):  # the loop ended by itself
        loop.call_soon_threadsafe(ended.set)
