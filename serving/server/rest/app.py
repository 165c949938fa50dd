"""The REST interface as a raw ASGI application: from a path to a call, and from a call to an answer."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from serving.server.calls import classify, regress, status
from serving.server.calls.logged import log_call
from serving.server.calls.predict import Plan
from serving.server.calls.running import Arrivals, Held
from serving.server.request_ids import OUR_REQUEST_ID_HEADER, checked_id
from serving.server.rest import health, labels, predict
from serving.server.rest.answers import CORS, HTML, NOT_FOUND_PAGE, Answer, Send, failure, text
from serving.server.rest.bodies import Gone, Headers, Receive, Refused, body_of, inflated
from serving.server.rest.examples import classifications_text, read_examples, regressions_text
from serving.server.rest.json_fast import read
from serving.server.rest.metadata import metadata_text
from serving.server.rest.routing import Target, is_served, target_of
from serving.server.status import Code, StatusError
from serving.server.watching.calls import InFlight, answered, ended

if TYPE_CHECKING:
    from serving.request_log import RequestLog

logger = logging.getLogger("estafet.serving")
INLINE_BYTES = 32 * 2**10
INLINE_VALUES = 4096
"""Bodies and outputs up to these sizes are read and written on the event loop; larger ones in a thread."""
_ID_HEADER = OUR_REQUEST_ID_HEADER.lower().encode()
_TOO_DEEP = StatusError(Code.INVALID_ARGUMENT, "JSON Parse error: the value is nested too deeply")
T = TypeVar("T")


@dataclass(frozen=True)
class RestOptions:
    """How calls are answered.

    Attributes:
        timeout_s: Seconds that a model may take.
        cors: Allow pages of other sites to call.
        metrics_path: Path of the metrics; None where they are not shown.
        max_body_bytes: Size of the largest body.
        token: What `Authorization: Bearer` must bring; None lets everyone in.
        request_log: Where calls of predict are logged, if anywhere.
        labels_dir: Where labels that arrive later are written, if anywhere.
    """

    timeout_s: float = 30.0
    cors: bool = False
    metrics_path: str | None = None
    max_body_bytes: int = 256 * 2**20
    token: str | None = None
    request_log: RequestLog | None = None
    labels_dir: Path | None = None


class Rest:
    """The ASGI application."""

    def __init__(self, models: Any, arrivals: Arrivals, in_flight: InFlight, options: RestOptions):
        """Answer for `models`."""
        self._models, self._arrivals, self._in_flight, self._options = models, arrivals, in_flight, options
        self._threads = ThreadPoolExecutor(2 * (os.cpu_count() or 1), thread_name_prefix="rest")
        self._expected = None if options.token is None else f"Bearer {options.token}".encode()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; a failure is an answer too."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        headers = Headers(scope["headers"])
        try:
            if path == self._options.metrics_path:
                answer = health.metrics(path, query)
            elif is_served(path):
                answer = await self._served(method, f"{path}?{query}" if query else path, headers, receive, started)
            else:
                answer = await self._beside(method, path, headers, receive)
        except Gone:
            return
        await answer.send(send)

    async def _served(self, method: str, target: str, headers: Headers, receive: Receive, started: float) -> Answer:
        """Answer what belongs to TensorFlow Serving's interface."""
        name, verb, problem = "", "", None
        if method == "OPTIONS":
            known = b"http://" in headers.origin or b"https://" in headers.origin
            answer = Answer(200 if known else 400, b"", None)
        else:
            try:
                self._check_token(headers)
                wanted = target_of(method, target)
                name, verb = wanted.name, wanted.verb
                answer = await self._call(method, wanted, headers, receive)
            except (Gone, asyncio.CancelledError):
                ended(name, Code.CANCELLED)
                raise
            except Exception as raised:
                problem, answer = self._failed(raised, method, target)
            ended(name, problem.code if problem else Code.OK)
            if problem is None:
                answered(name, verb if method == "POST" else "", "REST", started)
        if self._options.cors:
            answer.headers += CORS
        return answer

    async def _call(self, method: str, wanted: Target, headers: Headers, receive: Receive) -> Answer:
        if method == "GET":
            return self._metadata(wanted) if wanted.verb else self._status(wanted)
        if not self._in_flight.enter():
            raise StatusError(Code.RESOURCE_EXHAUSTED, "too many requests are being answered; try again later")
        try:
            body = await body_of(receive, headers, self._options.max_body_bytes)
            if headers.encoding == b"gzip":
                body = await self._quickly(len(body) * 10 < INLINE_BYTES, inflated, body)
            if wanted.verb == "predict":
                return await self._predict(wanted, body, headers)
            return await self._examples(wanted, body)
        finally:
            self._in_flight.leave()

    async def _predict(self, wanted: Target, body: bytes, headers: Headers) -> Answer:
        request_id = checked_id(headers.request_id)
        id_header = (_ID_HEADER, request_id.encode())
        try:
            answer = await self._predicted(wanted, body, request_id)
        except StatusError as problem:
            if problem.code in (Code.INTERNAL, Code.UNKNOWN):
                logger.error("request %s failed: %s", request_id, problem)
            problem.request_id = request_id  # type: ignore[attr-defined]
            raise
        answer.headers.append(id_header)
        return answer

    async def _predicted(self, wanted: Target, body: bytes, request_id: str) -> Answer:
        small = len(body) < INLINE_BYTES
        asked = await self._quickly(small, predict.parse, body)
        with self._held(wanted) as held:
            signature = predict.find_signature(held.model.signatures, asked.signature_name)
            feeds = await self._quickly(small, asked.feeds, signature)
            plan = Plan(asked.signature_name, signature, feeds, tuple(signature.outputs))
            values = await self._run(held, plan)
        outputs = dict(zip(plan.outputs, values, strict=True))
        small = sum(value.size for value in values) < INLINE_VALUES
        answer = text(await self._quickly(small, asked.answer, outputs))
        log_call(
            self._options.request_log, held.answer_spec, plan.signature_name, signature, request_id, feeds, outputs
        )
        return answer

    async def _examples(self, wanted: Target, body: bytes) -> Answer:
        document = await self._quickly(len(body) < INLINE_BYTES, read, body)
        name, examples = read_examples(document)
        call = classify if wanted.verb == "classify" else regress
        with self._held(wanted) as held:
            plan = call.plan(name, held.model.signatures, examples)
            values = await self._run(held, plan)
        found = call.results(dict(zip(plan.outputs, values, strict=True)), len(examples))
        return text(classifications_text(found) if wanted.verb == "classify" else regressions_text(found))

    async def _run(self, held: Held, plan: Plan) -> list[Any]:
        return await self._arrivals.run(held, plan.feeds, plan.fetches, timeout_s=self._options.timeout_s)

    async def _quickly(self, is_small: bool, work: Callable[..., T], *arguments: Any) -> T:
        """Work at once where it is little, else in a thread, so that the event loop stays free."""
        if is_small:
            return work(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _held(self, wanted: Target) -> Held:
        return Held(self._models, wanted.name, version=wanted.version, label=wanted.label)

    def _status(self, wanted: Target) -> Answer:
        found = status.as_json(self._models.status(wanted.name, wanted.version))
        return text(json.dumps(found, indent=1, ensure_ascii=False))

    def _metadata(self, wanted: Target) -> Answer:
        with self._held(wanted) as held:
            return text(metadata_text(held.answer_spec, held.model.signature_def))

    async def _beside(self, method: str, path: str, headers: Headers, receive: Receive) -> Answer:
        """Answer paths that are not TensorFlow Serving's."""
        if path == "/healthz" and method in ("GET", "HEAD"):
            return health.alive()
        if path == "/readyz" and method in ("GET", "HEAD"):
            return health.ready(self._models)
        try:
            self._check_token(headers)
            if path == "/" and method == "GET":
                return health.listing(self._models, self._options.request_log)
            if path == labels.PATH and method == "POST":
                body = await body_of(receive, headers, self._options.max_body_bytes)
                return await self._quickly(False, labels.take, body, self._options.labels_dir)
        except (Gone, asyncio.CancelledError):
            raise
        except Exception as raised:
            return self._failed(raised, method, path)[1]
        return Answer(404, NOT_FOUND_PAGE, HTML)

    def _failed(self, raised: Exception, method: str, target: str) -> tuple[StatusError, Answer]:
        """Return what a client is told of an exception."""
        if isinstance(raised, Refused):
            return StatusError(Code.RESOURCE_EXHAUSTED, "the body is too large"), raised.answer
        if isinstance(raised, RecursionError):
            raised = _TOO_DEEP
        if not isinstance(raised, StatusError):
            logger.error("%s %s", method, target, exc_info=raised)
            raised = StatusError(Code.INTERNAL, f"{type(raised).__name__} in the server; its log has more")
        answer = failure(raised)
        request_id = getattr(raised, "request_id", None)
        if request_id is not None:
            answer.headers.append((_ID_HEADER, request_id.encode()))
        if raised.code == Code.RESOURCE_EXHAUSTED:
            answer.headers.append((b"retry-after", b"1"))
        return raised, answer

    def _check_token(self, headers: Headers) -> None:
        if self._expected is not None and not hmac.compare_digest(headers.authorization, self._expected):
            raise StatusError(Code.UNAUTHENTICATED, "a bearer token is needed")
