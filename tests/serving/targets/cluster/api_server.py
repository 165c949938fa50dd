"""A Kubernetes API in this process: real HTTP, and what the real one checks of the requests that releases make.

It keeps resources with their versions and generations, applies manifests field by field, refuses fields that the
official models do not know, stale writes, and what a Role does not allow, and passes requests to pods on.
"""

from __future__ import annotations

import copy
import json
import re
import threading
import traceback
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kubernetes import client

NAMESPACE = "models"
TOKENS = {"Bearer release": "system:serviceaccount:kubeflow:pipeline-runner", "Bearer admin": "admin"}
KSERVE = "serving.kserve.io"
MODELS = {"configmaps": "V1ConfigMap", "services": "V1Service", "deployments": "V1Deployment", "leases": "V1Lease",
          "pods": "V1Pod"}  # fmt: skip
PATH = re.compile(
    r"^/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/namespaces/(?P<namespace>[^/]+)/(?P<kind>[a-z]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<sub>status|proxy)(?P<rest>/.*)?)?$"
)
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass
class Asked:
    """A request."""

    user: str
    verb: str
    group: str
    resource: str
    name: str


@dataclass
class Failure(Exception):
    """An answer other than 200."""

    status: int
    reason: str
    message: str


@dataclass
class Api:
    """The cluster's state.

    Attributes:
        rules: A Role's rules; None allows everything.
        has_kserve: Whether KServe's resources are known.
        asked: Every request but the players'.
        faults: Answers that the next requests of a method get instead.
    """

    rules: list[dict] | None = None
    has_kserve: bool = True
    objects: dict[tuple[str, str], dict] = field(default_factory=dict)
    applied: dict[tuple[str, str], dict] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    faults: list[tuple[str, int, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    version: int = 0

    def answer(self, method: str, path: str, query: dict, headers: Any, body: bytes) -> Any:
        user = TOKENS.get(headers.get("Authorization", ""))
        if user is None:
            raise Failure(401, "Unauthorized", "Unauthorized")
        if path == f"/apis/{KSERVE}/v1beta1" and self.has_kserve:
            return {"kind": "APIResourceList", "groupVersion": f"{KSERVE}/v1beta1", "resources": []}
        found = PATH.match(path)
        if found is None or (found["group"] == KSERVE and not self.has_kserve):
            raise Failure(404, "", "404 page not found")
        kind, name, group = found["kind"], found["name"] or "", found["group"] or ""
        verb = "list" if method == "GET" and not name else VERBS[method]
        if found["sub"] == "proxy":
            verb = {"GET": "get", "POST": "create"}[method]
        resource = f"{kind}/{found['sub']}" if found["sub"] else kind
        if user != "admin":
            self.asked.append(Asked(user, verb, group, resource, name))
            self._allow(user, verb, group, resource, name, found["namespace"])
        if self.faults and self.faults[0][0] == method and user != "admin":
            _, status, message = self.faults.pop(0)
            raise Failure(status, "InternalError", message)
        if found["namespace"] != NAMESPACE:
            raise Failure(404, "NotFound", f'namespaces "{found["namespace"]}" not found')
        if found["sub"] == "proxy":
            return self._proxy(method, name, found["rest"] or "/", body)
        with self.lock:
            return self._change(method, kind, name, found["sub"], query, headers, json.loads(body) if body else None)

    def _allow(self, user: str, verb: str, group: str, resource: str, name: str, namespace: str) -> None:
        for rule in self.rules if self.rules is not None else ():
            if group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]:
                return
        if self.rules is not None:
            shown = f'{resource.partition("/")[0]} "{name}"' if name else resource
            what = f'cannot {verb} resource "{resource}" in API group "{group}" in the namespace "{namespace}"'
            raise Failure(403, "Forbidden", f'{shown} is forbidden: User "{user}" {what}')

    def _change(self, method: str, kind: str, name: str, sub: str, query: dict, headers: Any, body: Any) -> Any:
        if method == "GET":
            return self._list(kind, query) if not name else self._get(kind, name)
        if method == "DELETE":
            found = self._get(kind, name)
            del self.objects[kind, name]
            self.applied.pop((kind, name), None)
            return found
        content_type = headers.get("Content-Type", "")
        if sub == "status":
            found = self._get(kind, name)
            return self._store(kind, name, {**found, "status": merged(found.get("status", {}), body["status"])})
        check_fields(kind, body)
        if method == "POST":
            name = body["metadata"]["name"]
            if (kind, name) in self.objects:
                raise Failure(409, "AlreadyExists", f'{kind} "{name}" already exists')
            return self._store(kind, name, body)
        if method == "PUT":
            found = self._get(kind, name)
            if body["metadata"].get("resourceVersion") not in (None, found["metadata"]["resourceVersion"]):
                raise Failure(409, "Conflict", "the object has been modified; please apply your changes to the latest")
            return self._store(kind, name, {**body, **({"status": found["status"]} if "status" in found else {})})
        if content_type != "application/apply-patch+yaml" or query.get("fieldManager") != "estafet":
            raise Failure(415, "UnsupportedMediaType", f"{content_type} is not supported here")
        before = self.applied.get((kind, name), {})
        self.applied[kind, name] = copy.deepcopy(body)
        return self._store(kind, name, merged(without(self.objects.get((kind, name), {}), before, body), body))

    def _list(self, kind: str, query: dict) -> dict:
        wanted = dict(part.split("=") for part in query.get("labelSelector", "").split(",") if part)
        found = [
            each
            for (of_kind, _), each in sorted(self.objects.items())
            if of_kind == kind and wanted.items() <= each["metadata"].get("labels", {}).items()
        ]
        return {"kind": "List", "items": copy.deepcopy(found)}

    def _get(self, kind: str, name: str) -> dict:
        if (kind, name) not in self.objects:
            raise Failure(404, "NotFound", f'{kind} "{name}" not found')
        return copy.deepcopy(self.objects[kind, name])

    def _store(self, kind: str, name: str, wanted: dict) -> dict:
        before = self.objects.get((kind, name))
        wanted = copy.deepcopy(wanted)
        about = wanted["metadata"]
        if before is not None and before == wanted:
            return copy.deepcopy(before)
        self.version += 1
        about["resourceVersion"], about["namespace"] = str(self.version), NAMESPACE
        about.setdefault("uid", str(uuid.uuid4()))
        was = before["metadata"]["generation"] if before else 0
        about["generation"] = was + (before is None or before.get("spec") != wanted.get("spec"))
        self.objects[kind, name] = wanted
        return copy.deepcopy(wanted)

    def _proxy(self, method: str, name: str, path: str, body: bytes) -> str:
        pod, _, port = name.partition(":")
        with self.lock:
            address = self._get("pods", pod).get("status", {}).get("podIP")
        if not address:
            raise Failure(503, "ServiceUnavailable", f'no address of pod "{pod}"')
        request = urllib.request.Request(f"http://{address}:{port}{path}", body or None, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Failure(error.code, "", error.read().decode()) from error
        except OSError as error:
            raise Failure(503, "ServiceUnavailable", f"error trying to reach service: {error}") from error


def merged(before: Any, over: Any) -> Any:
    """Return a document with another one written over it; lists are replaced as a whole."""
    if not (isinstance(before, dict) and isinstance(over, dict)):
        return copy.deepcopy(over)
    return {**before, **{key: merged(before.get(key), value) for key, value in over.items()}}


def without(found: dict, before: dict, now: dict) -> dict:
    """Return a document without the fields that were applied before and are no longer."""
    kept = {}
    for key, value in found.items():
        if key in before and key not in now:
            continue
        deeper = isinstance(value, dict) and isinstance(before.get(key), dict) and isinstance(now.get(key), dict)
        kept[key] = without(value, before[key], now[key]) if deeper else value
    return kept


def check_fields(kind: str, body: dict) -> None:
    """Refuse what the official models do not know, as the API does."""
    if kind in MODELS:
        _check(MODELS[kind], body, "")


def _check(model: str, value: Any, where: str) -> None:
    listed, mapped = re.fullmatch(r"list\[(.+)\]", model), re.fullmatch(r"dict\(str, (.+)\)", model)
    if listed or mapped:
        wanted = list if listed else dict
        if not isinstance(value, wanted):
            raise Failure(422, "Invalid", f"{where}: must be a {wanted.__name__}, is {value!r}")
        for key, each in enumerate(value) if listed else value.items():
            _check((listed or mapped)[1], each, f"{where}[{key}]")
        return
    kind = getattr(client, model, None)
    if kind is None:
        simple = {"str": str, "int": int, "bool": bool}.get(model)
        if simple is not None and not isinstance(value, simple):
            raise Failure(422, "Invalid", f"{where}: must be {model}, is {value!r}")
        return
    known = {json_name: name for name, json_name in kind.attribute_map.items()}
    for key, each in value.items():
        if key not in known:
            raise Failure(400, "BadRequest", f'strict decoding error: unknown field "{where}.{key}"'.replace('".', '"'))
        if each is not None:
            _check(kind.openapi_types[known[key]], each, f"{where}.{key}")
    try:
        kind(**{known[key]: each for key, each in value.items()})
    except ValueError as error:
        raise Failure(422, "Invalid", f"{where}: {error}") from error


class Handler(BaseHTTPRequestHandler):
    """Passes a request to the state, and its answer back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(urllib.parse.parse_qsl(url.query))
        status = 200
        try:
            found = self.server.api.answer(self.command, urllib.parse.unquote(url.path), query, self.headers, body)
        except Failure as failure:
            status, told = failure.status, {"kind": "Status", "code": failure.status, "reason": failure.reason}
            found = {**told, "message": failure.message} if failure.reason else failure.message
        except Exception:
            status, found = 500, traceback.format_exc()
        data = (found if isinstance(found, str) else json.dumps(found)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def log_message(self, *values: object) -> None:
        """Say nothing."""


class ApiServer(ThreadingHTTPServer):
    """Serves the API on a free port of this machine."""

    daemon_threads = True

    def __init__(self, api: Api):
        super().__init__(("127.0.0.1", 0), Handler)
        self.api = api

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients are killed on purpose."""
