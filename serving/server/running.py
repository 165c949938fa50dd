"""Runs a model server until it is told to stop: the ports, the first load, the signals, and an orderly end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from estafet.errors import ServiceUnavailable
from estafet.files import write_json
from serving.server.engine.loading import Loader
from serving.server.listening import Fronts, Ports
from serving.server.models import Models, Settings
from serving.server.models.registry import not_available
from serving.server.options import Options
from serving.server.quiet import quietly
from serving.server.status import StatusError
from serving.server.watching.lines import write_json_lines

if TYPE_CHECKING:
    from serving.request_log import RequestLog

__all__ = ["Options", "bound", "run", "url"]

POLL_FIRST_LOAD_S = 0.2

logger = logging.getLogger("estafet.serving")


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
        ServiceUnavailable: A port is taken.
        StatusError: A file that the options name is wrong, or (where they are strict) a model does not load.
    """
    if options.log_json:
        write_json_lines()
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    stop = threading.Event()
    with _rest_listener(options) as listener, _stopping_on_signals(stop):
        if options.grpc_port:
            with bound(options.host, options.grpc_port):
                pass  # taken again when the models are loaded; better known now than then
        if options.parent_pid is not None:
            _end_with(options.parent_pid, stop)
        loader = Loader(options)
        models = _models(options, loader)
        try:
            _serve(models, options, listener, stop, say, ready)
        finally:
            models.stop()
            loader.close()


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


def url(host: str, port: int, *, scheme: str = "http") -> str:
    """Return the URL at which a server on this address is reached from this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{scheme}://{name}:{port}"


@contextlib.contextmanager
def _rest_listener(options: Options) -> Iterator[socket.socket | None]:
    if options.port is None:
        yield None
        return
    with bound(options.host, options.port) as listener:
        yield listener


def _unusable(host: str, port: int, error: OSError) -> ServiceUnavailable:
    other = port + 1 if port < 65535 else 8501
    return ServiceUnavailable(
        f"the port {port} on {host} cannot be used: {error.strerror or error}.",
        hint=f"choose another with `--port {other}` (or `--port 0` for a free one), or stop what uses it.",
    )


def _models(options: Options, loader: Loader) -> Models:
    settings = Settings(
        poll_s=options.poll_s,
        max_num_load_retries=options.max_num_load_retries,
        retry_s=options.retry_s,
        num_load_threads=options.num_load_threads or 4 * (os.cpu_count() or 1),
    )
    return Models(loader, settings=settings, labels_may_wait=options.labels_may_wait)


def _serve(
    models: Models,
    options: Options,
    listener: socket.socket | None,
    stop: threading.Event,
    say: Callable[[str], None],
    ready: Callable[[Models, str], None] | None,
) -> None:
    tls, metrics_path = _read_files(options)
    _take_config(models, options)
    if not _wait_for_first_load(models, stop, say):
        return
    if options.is_strict and models.failures():
        raise not_available(models.failures(), "servable(s)")
    if listener is not None:
        try:
            listener.listen()
        except OSError as error:
            raise _unusable(options.host, options.port, error) from error
    if options.config_file is not None and options.config_poll_s > 0:
        _keep_reading(models, options, stop)
    request_log = _request_log(options)

    def listening(ports: Ports) -> None:
        _announce(options, ports)
        scheme = "http" if tls is None else "https"
        if ready is not None:
            ready(models, url(options.host, ports.rest or ports.grpc or 0, scheme=scheme))

    try:
        _watch(models, request_log)
        Fronts(models, options, tls, request_log, metrics_path).run(listener, stop, listening)
    finally:
        if request_log is not None:
            request_log.close()
            if request_log.counts.lost:
                say(f"{request_log.counts.lost} requests are missing in the request log: {request_log.counts}")


def _read_files(options: Options) -> tuple[object, str | None]:
    from serving.server.tls import Tls
    from serving.server.watching.config import metrics_path

    tls = Tls.read(options.ssl_config_file) if options.ssl_config_file is not None else None
    return tls, metrics_path(options.monitoring_file) if options.monitoring_file is not None else None


def _watch(models: Models, request_log: RequestLog | None) -> None:
    from serving.server.watching.server import watch

    watch(models, request_log)


def _take_config(models: Models, options: Options) -> None:
    if options.config_file is None:
        models.configure(options.configured)
        return
    with quietly():
        from serving.server.models.config import read_config
    models.reload(read_config(options.config_file), waits=False)


def _keep_reading(models: Models, options: Options, stop: threading.Event) -> None:
    """Read the file of models again and again; what is wrong with it is only logged."""
    from serving.server.models.config import read_config

    def keep() -> None:
        while not stop.wait(options.config_poll_s):
            try:
                models.reload(read_config(options.config_file))
            except StatusError as error:
                logger.error("the models stay as they are: %s: %s", options.config_file, error)

    threading.Thread(target=keep, name="model-config", daemon=True).start()


def _wait_for_first_load(models: Models, stop: threading.Event, say: Callable[[str], None]) -> bool:
    """Wait until every model has a version, or stop; says what is waited for."""
    said: set[str] = set()
    while not stop.is_set():
        if models.wait_until_settled(POLL_FIRST_LOAD_S):
            return True
        for model in models:
            if model.name not in said and model.has_looked and not model.has_versions:
                say(f"waiting for a first version under {model.place.address} (`estafet run` deploys one)")
                said.add(model.name)
    return False


def _announce(options: Options, ports: Ports) -> None:
    if options.announce is not None:
        write_json(options.announce, {"host": options.host, "port": ports.rest, "grpc_port": ports.grpc})


def _request_log(options: Options) -> RequestLog | None:
    if options.requests_dir is None:
        return None
    from serving.request_log import RequestLog

    return RequestLog(
        options.requests_dir,
        sample_rate=options.log_sample_rate,
        flush_s=options.log_flush_s,
        max_disk_bytes=options.log_max_bytes,
    )


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
