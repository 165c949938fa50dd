"""The REST interface: which path is which call, and what each answers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import uuid
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from estafet.versions import MAX_INT64
from serving.request_log import RequestLog, batch_of
from serving.server import predict
from serving.server.json_writing import error_answer
from serving.server.models import Models, ServedModel, State, Version
from serving.server.signature import DEFAULT
from serving.server.status import Code, StatusError, invalid

logger = logging.getLogger("estafet.serving")

REQUEST_ID_HEADER = "X-Request-Id"
OUR_REQUEST_ID_HEADER = "X-Estafet-Request-Id"
MAX_INFLATED_BYTES = 100 * 2**20
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_SERVED = re.compile(r"/v1/.*", re.IGNORECASE | re.DOTALL)
_WHICH = r"(?:/versions/(\d+)|/labels/([^/:]+))?"
_POST = re.compile(rf"/v1/models/([^/:]+){_WHICH}:(classify|regress|predict)", re.IGNORECASE)
_GET = re.compile(rf"/v1/models(?:/([^/:]+))?{_WHICH}(?:/(metadata))?", re.IGNORECASE)
_NOT_FOUND_PAGE = "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n"


@dataclass(frozen=True)
class Target:
    """What a path names: a model, and a version or a label where it has one."""

    name: str
    version: int | None
    label: str | None

    @classmethod
    def of(cls, name: str, version: str | None, label: str | None) -> Target:
        """Return what a path's parts name.

        Raises:
            StatusError: The version is larger than an int64.
        """
        if version is not None and int(version) > MAX_INT64:
            raise invalid(f"Failed to convert version: {version} to numeric.")
        number = None if version is None else int(version)
        return cls(unquote(name), number, None if label is None else unquote(label))

    def find(self, models: Models) -> ServedModel:
        """Return the model.

        Raises:
            StatusError: The server has no such model, or a label was given: there are none yet.
        """
        if self.label is not None:
            raise invalid(f"Unrecognized servable version label: {self.label}")
        model = models.find(self.name)
        if model is None:
            wanted = f"Latest({self.name})" if self.version is None else f"Specific({self.name}, {self.version})"
            raise StatusError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        return model


def make_app(models: Models, request_log: RequestLog | None = None) -> ASGIApp:
    """Return the ASGI application that answers for `models`.

    Args:
        models: What is served.
        request_log: Where predictions are logged, if anywhere.
    """
    rest = Rest(models, request_log)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await rest.respond(Request(scope, receive))
        await response(scope, receive, send)

    return app


class Rest:
    """Answers the REST calls. A call that runs a model does all its work in a thread, so the event loop stays free."""

    def __init__(self, models: Models, request_log: RequestLog | None):
        self._models, self._log = models, request_log
        self._threads = ThreadPoolExecutor(4 * (os.cpu_count() or 1), thread_name_prefix="rest")

    async def respond(self, request: Request) -> Response:
        """Return the response to any request; a failure is an answer too."""
        path = request.scope.get("raw_path", b"").decode("latin-1")
        query = request.scope.get("query_string", b"").decode("latin-1")
        target = f"{path}?{query}" if query else path
        if not _SERVED.fullmatch(target):
            return self._outside(request.method, path)
        if request.method == "OPTIONS":
            return Response(status_code=200 if "://" in request.headers.get("origin", "") else 400)
        call: Callable[[Request, str], Awaitable[Response]] | None = {"GET": self._get, "POST": self._post}.get(
            request.method
        )
        try:
            if call is None:
                raise invalid(f"Malformed request: {request.method} {target}")
            return await call(request, target)
        except StatusError as error:
            return _failure(error)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            logger.exception("%s %s", request.method, target)
            return _failure(StatusError(Code.INTERNAL, f"{type(error).__name__} in the server; its log has more"))

    async def _get(self, request: Request, target: str) -> Response:
        match = _GET.fullmatch(target)
        if match is None:
            raise invalid(f"Malformed request: GET {target}")
        if match[1] is None:
            raise invalid("Missing model name in request.")
        wanted = Target.of(match[1], match[2], match[3])
        answer = self._metadata(wanted) if match[4] else self._status(wanted)
        return _json(json.dumps(answer, indent=1, ensure_ascii=False))

    async def _post(self, request: Request, target: str) -> Response:
        match = _POST.fullmatch(target)
        if match is None or match[4] not in ("classify", "regress", "predict"):
            raise invalid(f"Malformed request: POST {target}")
        wanted = Target.of(*match.groups()[:3])
        if match[4] != "predict":
            raise StatusError(Code.UNIMPLEMENTED, f"This server does not support the method {match[4]} yet.")
        body = await request.body()
        if request.headers.get("content-encoding", "").lower() == "gzip":
            body = _inflate(body)
        given = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        loop = asyncio.get_running_loop()
        try:
            response = await loop.run_in_executor(self._threads, self._predict, wanted, body, request_id)
        except StatusError as error:
            response = _failure(error)
        response.headers[OUR_REQUEST_ID_HEADER] = request_id
        return response

    def _predict(self, wanted: Target, body: bytes, request_id: str) -> Response:
        asked = predict.parse(body)
        with wanted.find(self._models).use(wanted.version) as version:
            signature = predict.find_signature(version.model.signatures, asked.signature_name)
            feeds = asked.feeds(signature)
            outputs = version.model.run(feeds, asked.signature_name)
        answer = _json(asked.answer(outputs))
        if self._log is not None and asked.signature_name == DEFAULT:  # the one that the reference data belong to
            batch = batch_of(wanted.name, version.number, signature, request_id, feeds, outputs)
            if batch is not None:
                self._log.log(batch)
        return answer

    def _status(self, wanted: Target) -> dict[str, object]:
        model = self._models.find(wanted.name)
        if model is None:
            which = "any versions" if wanted.version is None else f"version {wanted.version}"
            raise StatusError(Code.NOT_FOUND, f"Could not find {which} of model {wanted.name}")
        return {"model_version_status": [_version_status(version) for version in model.status(wanted.version)]}

    def _metadata(self, wanted: Target) -> dict[str, object]:
        with wanted.find(self._models).use(wanted.version) as version:
            signatures = version.model.signature_def
        return {
            "model_spec": {"name": wanted.name, "signature_name": "", "version": str(version.number)},
            "metadata": {"signature_def": {"signature_def": signatures}},
        }

    def _outside(self, method: str, path: str) -> Response:
        """Answer paths that are not TensorFlow Serving's; the root says what is served here."""
        if path != "/" or method != "GET":
            return Response(_NOT_FOUND_PAGE, status_code=404, media_type="text/html")
        served = {
            model.name: [version.number for version in _versions(model) if version.state == State.AVAILABLE]
            for model in self._models
        }
        answer: dict[str, object] = {"models": served}
        if self._log is not None:
            answer["request_log"] = asdict(self._log.counts)
        return _json(json.dumps(answer, indent=1))


def _versions(model: ServedModel) -> list[Version]:
    try:
        return model.status()
    except StatusError:
        return []


def _version_status(version: Version) -> dict[str, object]:
    code, message = (version.error.code, version.error.message) if version.error else (Code.OK, "")
    return {
        "version": str(version.number),
        "state": version.state.name,
        "status": {"error_code": code.name, "error_message": message},
    }


def _json(body: str, status_code: int = 200) -> Response:
    return Response(body.encode("utf-8", "surrogateescape"), status_code, media_type="application/json")


def _failure(error: StatusError) -> Response:
    return _json(error_answer(error.message), error.code.http)


def _inflate(body: bytes) -> bytes:
    """Return a gzipped body's content; one that cannot be inflated counts as empty, as in TensorFlow Serving."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        content = inflate.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error:
        return b""
    return content if inflate.eof else b""
