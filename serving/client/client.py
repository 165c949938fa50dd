"""Asks one model of one server, and asks again where that is safe."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from estafet.errors import ConfigError, DataError, ServiceUnavailable
from serving.client.address import Address, Tls, token_of_environment
from serving.client.asked import Asked, Packed
from serving.client.failures import Failure
from serving.client.frames import columns_of, is_frame
from serving.client.metadata import Metadata
from serving.client.prediction import Prediction, VersionStatus
from serving.client.retries import Retries, persistently
from serving.server.signature import DEFAULT, Signature

POLL_S = 0.05
ID_BYTES = 10
Answer = TypeVar("Answer")


class Client:
    """Asks one model of one server, ours or TensorFlow Serving; threads may share it."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout_s: float = 30,
        retries: int | Retries = 3,
        token: str | None = None,
        tls: Tls | None = None,
    ):
        """Ask the model `model` of the server at `url`; nothing is sent yet.

        Args:
            url: `http://127.0.0.1:8501` or `https://…` for REST, `grpc://127.0.0.1:8500` or `grpcs://…` for gRPC.
            model: The model's name.
            version: The version to ask; the newest without it.
            label: The label of the version, such as `stable`, in place of its number.
            timeout_s: Seconds that a call may take, all its tries and waits together.
            retries: How often a call that may pass is sent again, or after which waits too.
            token: The bearer token; that of ESTAFET_SERVE_TOKEN without it.
            tls: What is trusted and shown over https and grpcs.

        Raises:
            ConfigError: The URL or the certificates cannot be used, or version and label are both given.
        """
        self.url, self.name, self.timeout_s = url.rstrip("/"), model, timeout_s
        self._asked = _asked(Asked(model), version, label)
        self._retries = retries if isinstance(retries, Retries) else Retries(most=retries)
        self._transport = _transport(Address.parse(self.url), tls or Tls(), token or token_of_environment())
        self._known: dict[Asked, Metadata] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client can't be used over gRPC any more."""
        self._transport.close()

    def predict(
        self,
        inputs: Any,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = DEFAULT,
        request_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """Ask for predictions.

        Args:
            inputs: A frame with one column for each input (others are passed over), arrays by input name, or rows:
                values by input name, or bare values where the model has one input. Bytes are bytes, or `{"b64": …}`.
            version: The version to ask, in place of the client's.
            label: Or its label.
            signature: The signature to call.
            request_id: An id for the request, of letters, digits and `._:-`; one is made where none is given.
            timeout_s: Seconds that it may take, in place of the client's.

        Raises:
            DataError: The inputs are not what the model takes.
            ConfigError: There is no such signature, or the server wants a token.
            ServiceUnavailable: The server does not answer in time, or has no such model or version.
        """
        asked = _asked(self._asked._replace(signature=signature), version, label)
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        request_id = request_id or secrets.token_hex(ID_BYTES)
        known = self._signature(asked, deadline)
        try:
            return self._predicted(asked, inputs, known, request_id, deadline)
        except DataError:
            fresh = self._signature(asked, deadline, again=True)
            if fresh == known:
                raise
            return self._predicted(asked, inputs, fresh, request_id, deadline)  # a version with other inputs came

    def prepare(self, inputs: Any, *, signature: str = DEFAULT) -> Packed:
        """Return a request for `send`, which can be sent many times.

        Raises:
            DataError: The inputs are not what the model takes.
            ConfigError: There is no such signature.
            ServiceUnavailable: The server does not say what it takes.
        """
        asked = self._asked._replace(signature=signature)
        return self._packed(asked, inputs, self._signature(asked, time.monotonic() + self.timeout_s))

    def predict_prepared(self, packed: Packed) -> Prediction:
        """Send a prepared request, as `predict` sends one.

        Raises:
            DataError, ConfigError, ServiceUnavailable: As `predict`.
        """
        deadline = time.monotonic() + self.timeout_s
        return self._answered(packed, self._signature(packed.asked, deadline), secrets.token_hex(ID_BYTES), deadline)

    def send(self, packed: Packed, *, within_s: float) -> None:
        """Send a prepared request once and wait for the answer, which is not looked into.

        Raises:
            Failure: It was not answered.
        """
        self._transport.send(packed, None, within_s)

    def metadata(self) -> Metadata:
        """Return what the model takes and gives, as the server says it now.

        Raises:
            ServiceUnavailable: The server does not answer, or has no such model or version.
        """
        return self._metadata(self._asked, time.monotonic() + self.timeout_s, again=True)

    def status(self) -> list[VersionStatus]:
        """Return the versions that the server knows, newest first.

        Raises:
            ServiceUnavailable: The server does not answer, or knows no version.
        """
        return self._status(self._retries, self.timeout_s)

    def wait_until_available(self, version: int | None = None, *, timeout_s: float = 60) -> int:
        """Wait until a version answers requests.

        Args:
            version: The version; any where none is given, here or to the client.
            timeout_s: Seconds to wait.

        Returns:
            The version's number.

        Raises:
            ServiceUnavailable: It did not become available in time.
            DataError: It cannot be loaded.
        """
        version = self._asked.version if version is None else version
        deadline = time.monotonic() + timeout_s
        problem = "it has not been seen"
        while True:
            try:
                statuses = self._status(Retries(most=0), min(self.timeout_s, max(0.1, deadline - time.monotonic())))
                known = [status for status in statuses if version in (None, status.version)]
                problem = ", ".join(f"version {status.version} is {status.state}" for status in known) or problem
            except ServiceUnavailable as error:
                known, problem = [], error.message
            for status in known:
                if status.is_available:
                    return status.version
            if known and all(status.state == "END" and status.error for status in known):
                raise DataError(f"version {known[0].version} of '{self.name}' cannot be served: {known[0].error}")
            if time.monotonic() > deadline:
                wanted = "any version" if version is None else f"version {version}"
                raise ServiceUnavailable(
                    f"{wanted} of '{self.name}' at {self.url} is not available after {timeout_s:g} s: {problem}.",
                    hint="look at the server's output.",
                )
            time.sleep(POLL_S)

    def _predicted(
        self, asked: Asked, inputs: Any, signature: Signature, request_id: str, deadline: float
    ) -> Prediction:
        found = self._answered(self._packed(asked, inputs, signature), signature, request_id, deadline)
        return replace(found, index=inputs.index) if is_frame(inputs) else found

    def _answered(self, packed: Packed, signature: Signature, request_id: str, deadline: float) -> Prediction:
        def send(within_s: float) -> Prediction:
            reply = self._transport.send(packed, request_id, within_s)
            outputs, rows = self._transport.unpack(reply, signature)
            in_order = {name: outputs[name] for name in signature.outputs if name in outputs}
            return Prediction(in_order | outputs, reply.request_id, rows)

        return self._persistently(send, self._retries, deadline)

    def _packed(self, asked: Asked, inputs: Any, signature: Signature) -> Packed:
        is_rows = not is_frame(inputs) and not hasattr(inputs, "keys")
        if is_rows and self._transport.takes_rows:
            return self._transport.pack_rows(asked, list(inputs))  # as they are, for the server to judge
        return self._transport.pack(asked, columns_of(inputs, signature))

    def _signature(self, asked: Asked, deadline: float, *, again: bool = False) -> Signature:
        return self._metadata(asked, deadline, again=again).signature(asked.signature)

    def _metadata(self, asked: Asked, deadline: float, *, again: bool) -> Metadata:
        key = asked._replace(signature=DEFAULT)
        with self._lock:
            known = None if again else self._known.get(key)
        if known is None:
            known = self._persistently(
                lambda within_s: self._transport.metadata(key, within_s), self._retries, deadline
            )
            with self._lock:
                self._known[key] = known
        return known

    def _status(self, retries: Retries, within_s: float) -> list[VersionStatus]:
        asked = Asked(self.name)
        deadline = time.monotonic() + within_s
        return self._persistently(lambda remaining: self._transport.status(asked, remaining), retries, deadline)

    def _persistently(self, send: Callable[[float], Answer], retries: Retries, deadline: float) -> Answer:
        try:
            return persistently(send, retries, deadline)
        except Failure as failure:
            raise failure.as_error(self.url, self.name) from failure


def served_names(url: str, *, timeout_s: float = 30, token: str | None = None, tls: Tls | None = None) -> list[str]:
    """Ask our own server's REST port for the names of its models; TensorFlow Serving has no such list.

    Raises:
        ConfigError: The URL is one of gRPC, or the server has no such list.
        ServiceUnavailable: It does not answer.
    """
    address = Address.parse(url)
    if address.is_grpc:
        raise ConfigError("over gRPC a server does not list its models.", hint="name one with --model.")
    rest = _transport(address, tls or Tls(), token or token_of_environment())
    try:
        return rest.names(timeout_s)
    except Failure as failure:
        if failure.kind in ("INVALID_ARGUMENT", "NOT_FOUND"):
            raise ConfigError(f"the server at {url} lists no models.", hint="name one with --model.") from failure
        raise failure.as_error(url, "") from failure
    finally:
        rest.close()


def _transport(address: Address, tls: Tls, token: str | None) -> Any:
    if address.is_grpc:
        from serving.client.grpc import Grpc

        return Grpc(address, tls=tls, token=token)
    from serving.client.rest import Rest

    return Rest(address, tls=tls, token=token)


def _asked(asked: Asked, version: int | None, label: str | None) -> Asked:
    if version is not None and label is not None:
        raise ConfigError(f"version {version} and label '{label}' are both given.", hint="give one of them.")
    if version is None and label is None:
        return asked
    return asked._replace(version=version, label=label)
