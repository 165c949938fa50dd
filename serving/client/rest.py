"""TensorFlow Serving's REST interface, from the caller's side."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from serving.client import metadata
from serving.client.address import Address, Tls
from serving.client.asked import Asked, Packed, Replied
from serving.client.connections import Connections, HttpAnswer
from serving.client.failures import CONNECTION, Failure, kind_of_http
from serving.client.metadata import Metadata
from serving.client.prediction import VersionStatus
from serving.client.rest_json import column_body, outputs_of, row_body
from serving.server.request_ids import OUR_REQUEST_ID_HEADER, REQUEST_ID_HEADER
from serving.server.signature import Signature


class Rest:
    """Sends calls to a REST port; any thread may ask."""

    takes_rows = True

    def __init__(self, address: Address, *, tls: Tls, token: str | None):
        """Speak to `address`."""
        self._prefix = address.prefix
        self._connections = Connections(address, tls)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def pack(self, asked: Asked, columns: Mapping[str, np.ndarray]) -> Packed:
        """Return a request that holds columns."""
        return Packed(asked, column_body(columns, asked.signature))

    def pack_rows(self, asked: Asked, rows: Sequence[object]) -> Packed:
        """Return a request that holds rows."""
        return Packed(asked, row_body(rows, asked.signature))

    def send(self, packed: Packed, request_id: str | None, within_s: float) -> Replied:
        """Send a request.

        Raises:
            Failure: It was not answered.
        """
        headers = {"Content-Type": "application/json"} | ({REQUEST_ID_HEADER: request_id} if request_id else {})
        answer = self._call("POST", f"{_path(packed.asked)}:predict", packed.content, headers, within_s)
        return Replied(answer.body, answer.headers.get(OUR_REQUEST_ID_HEADER, ""))

    def unpack(self, reply: Replied, signature: Signature) -> tuple[dict[str, np.ndarray], list[object] | None]:
        """Read an answer: the outputs, and the rows where it holds rows.

        Raises:
            Failure: It is no answer of predict.
        """
        return outputs_of(reply.content, signature)

    def metadata(self, asked: Asked, within_s: float) -> Metadata:
        """Ask for the signatures.

        Raises:
            Failure: It was not answered.
        """
        answer = self._call("GET", f"{_path(asked)}/metadata", None, {}, within_s)
        return _read(answer, metadata.of_json)

    def status(self, asked: Asked, within_s: float) -> list[VersionStatus]:
        """Ask for the states of the versions, newest first.

        Raises:
            Failure: It was not answered.
        """
        return _read(self._call("GET", _path(asked), None, {}, within_s), _versions)

    def names(self, within_s: float) -> list[str]:
        """Ask our own server for the names of its models.

        Raises:
            Failure: It was not answered, or is another server.
        """
        return _read(self._call("GET", "/", None, {}, within_s), lambda answer: sorted(answer["models"]))

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str], within_s: float) -> HttpAnswer:
        answer = self._connections.exchange(method, self._prefix + path, body, self._headers | headers, within_s)
        if answer.status == 200:
            return answer
        retry_after_s = _seconds(answer.headers.get("Retry-After", ""))
        raise Failure(kind_of_http(answer.status), _reason(answer), retry_after_s=retry_after_s)


def _path(asked: Asked) -> str:
    path = f"/v1/models/{quote(asked.model, safe='')}"
    if asked.version is not None:
        return f"{path}/versions/{asked.version}"
    return path if asked.label is None else f"{path}/labels/{quote(asked.label, safe='')}"


def _versions(answer: Any) -> list[VersionStatus]:
    return [
        VersionStatus(int(entry["version"]), entry["state"], entry["status"]["error_message"])
        for entry in answer["model_version_status"]
    ]


def _read(answer: HttpAnswer, read: Any) -> Any:
    try:
        return read(json.loads(answer.body))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(CONNECTION, f"its answer is no model server's: {answer.body[:80]!r}", may_pass=False) from error


def _reason(answer: HttpAnswer) -> str:
    text = answer.body.decode("utf-8", "replace")
    try:
        return str(json.loads(text, strict=False)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:200].strip() or f"HTTP {answer.status}"


def _seconds(retry_after: str) -> float:
    """Read a Retry-After header: seconds, or a date; 0 for anything else."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0
