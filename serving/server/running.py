"""Runs a model server until it is told to stop: the port, the first load, the signals, and an orderly end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.errors import ServiceUnavailable
from estafet.files import write_json
from serving.server.models import Models, ServedModel, State
from serving.server.quiet import quietly

if TYPE_CHECKING:
    from serving.request_log import RequestLog

POLL_FIRST_LOAD_S = 0.2
GRACE_S = 10


@dataclass(frozen=True)
class Options:
    """What a server serves, and where.

    Attributes:
        models_dir: Folder with one sub-folder for each model.
        names: The models.
        host: Address to listen on.
        port: REST port; 0 takes a free one.
        requests_dir: The request log's folder, or None to log nothing.
        log_sample_rate: Share of the requests that are logged.
        log_flush_s: Seconds after which logged requests are on disk.
        poll_s: Seconds between two looks for new versions.
        announce: File that says `{"host": …, "port": …}` as soon as the server listens.
        parent_pid: Process with which the server ends.
    """

    models_dir: Path
    names: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8501
    requests_dir: Path | None = None
    log_sample_rate: float = 1.0
    log_flush_s: float = 5.0
    poll_s: float = 1.0
    announce: Path | None = None
    parent_pid: int | None = None


def run(
    options: Options,
    *,
    say: Callable[[str], None] = print,
    ready: Callable[[Models, str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are answered and the request log is written first.

    Args:
        options: What to serve, and where.
        say: Takes the lines that a person should read.
        ready: Called with the models and the server's URL as soon as it listens.

    Raises:
        ServiceUnavailable: The port is taken.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    stop = threading.Event()
    with bound(options.host, options.port) as listener, _stopping_on_signals(stop):
        if options.parent_pid is not None:
            _end_with(options.parent_pid, stop)
        models = _models(options)
        models.start()
        try:
            if _wait_for_first_load(models, stop, say):
                _answer(models, options, listener, stop, say, ready)
        finally:
            models.stop()


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port; it refuses connections until someone listens on it.

    Raises:
        ServiceUnavailable: It is taken, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise _unusable(host, port, error) from error
        yield listener
    finally:
        listener.close()


def _unusable(host: str, port: int, error: OSError) -> ServiceUnavailable:
    other = port + 1 if port < 65535 else 8501
    return ServiceUnavailable(
        f"the port {port} on {host} cannot be used: {error.strerror or error}.",
        hint=f"choose another with `--port {other}` (or `--port 0` for a free one), or stop what uses it.",
    )


def _models(options: Options) -> Models:
    def load(folder: Path) -> object:
        with quietly():
            from serving.server.savedmodel import SavedModel

        return SavedModel(folder)

    return Models([ServedModel(name, options.models_dir / name, load) for name in options.names], poll_s=options.poll_s)


def _wait_for_first_load(models: Models, stop: threading.Event, say: Callable[[str], None]) -> bool:
    """Wait until every model has a version, or stop; says what is waited for."""
    said: set[str] = set()
    while not stop.is_set():
        if models.wait_until_settled(POLL_FIRST_LOAD_S):
            return True
        for model in models:
            if model.name not in said and not model.has_versions:
                say(f"waiting for a first version under {model.folder} (`estafet run` deploys one)")
                said.add(model.name)
    return False


def _answer(
    models: Models,
    options: Options,
    listener: socket.socket,
    stop: threading.Event,
    say: Callable[[str], None],
    ready: Callable[[Models, str], None] | None,
) -> None:
    import uvicorn

    from serving.server.app import make_app

    request_log = _request_log(options)
    config = uvicorn.Config(
        make_app(models, request_log),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # ours are in place, and leave time to write the request log
    threading.Thread(target=lambda: (stop.wait(), setattr(server, "should_exit", True)), daemon=True).start()
    try:
        listener.listen(config.backlog)
    except OSError as error:
        raise _unusable(options.host, options.port, error) from error
    port = listener.getsockname()[1]
    if options.announce is not None:
        write_json(options.announce, {"host": options.host, "port": port})
    if ready is not None:
        ready(models, url(options.host, port))
    try:
        server.run(sockets=[listener])
    finally:
        if request_log is not None:
            request_log.close()
            if request_log.counts.lost:
                say(f"{request_log.counts.lost} requests are missing in the request log: {request_log.counts}")


def url(host: str, port: int) -> str:
    """Return the URL at which a server on this address is reached from this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def available(model: ServedModel) -> list[int]:
    """Return the versions of a model that answer."""
    return [version.number for version in model.status() if version.state == State.AVAILABLE]


def _request_log(options: Options) -> RequestLog | None:
    if options.requests_dir is None:
        return None
    from serving.request_log import RequestLog

    return RequestLog(options.requests_dir, sample_rate=options.log_sample_rate, flush_s=options.log_flush_s)


@contextlib.contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with(parent_pid: int, stop: threading.Event) -> None:
    """Stop when the parent is gone, so that a killed step leaves no server behind."""

    def watch() -> None:
        while not stop.wait(0.5):
            if os.getppid() != parent_pid:
                stop.set()

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
