"""A small client for the REST interface, of our server as of TensorFlow Serving."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

from estafet.errors import DataError, ServiceUnavailable

POLL_S = 0.05


@dataclass(frozen=True)
class VersionStatus:
    """One version, as the server reports it.

    Attributes:
        version: Its number.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error: Why it is not served; empty where nothing is wrong.
    """

    version: int
    state: str
    error: str = ""

    @property
    def is_available(self) -> bool:
        """Whether it answers requests."""
        return self.state == "AVAILABLE"


@dataclass(frozen=True)
class Prediction:
    """What a server answered to one request.

    Attributes:
        predictions: One for each instance: a value, or values by name where the model has several outputs.
        request_id: The request's id; instance k is logged as `<request_id>-<k>`. Empty where the server gives none.
    """

    predictions: list[object]
    request_id: str


class Client:
    """Asks one model of one server."""

    def __init__(self, url: str, name: str, *, timeout_s: float = 30):
        """Ask the model `name` of the server at `url`, such as http://127.0.0.1:8501."""
        self.url, self.name, self.timeout_s = url.rstrip("/"), name, timeout_s

    def predict(
        self, instances: Sequence[object], *, version: int | None = None, request_id: str | None = None
    ) -> Prediction:
        """Ask for predictions.

        Args:
            instances: Examples, as REST's `instances`.
            version: The version to ask; the newest where none is given.
            request_id: An id for the request; the server makes one where none is given.

        Raises:
            DataError: The server refuses the request.
            ServiceUnavailable: The server does not answer, or has no such version.
        """
        which = "" if version is None else f"/versions/{version}"
        headers = {"Content-Type": "application/json"} | ({"X-Request-Id": request_id} if request_id else {})
        body = json.dumps({"instances": list(instances)}).encode()
        answer, received = self._call(f"{which}:predict", body, headers)
        return Prediction(answer["predictions"], received.get("X-Estafet-Request-Id", ""))

    def status(self) -> list[VersionStatus]:
        """Return the versions that the server knows, newest first.

        Raises:
            ServiceUnavailable: The server does not answer, or knows no version.
        """
        answer, _ = self._call("", None, {})
        return [
            VersionStatus(int(entry["version"]), entry["state"], entry["status"]["error_message"])
            for entry in answer["model_version_status"]
        ]

    def wait_until_available(self, version: int | None = None, *, timeout_s: float = 60) -> int:
        """Wait until a version answers requests.

        Args:
            version: The version; any where none is given.
            timeout_s: Seconds to wait.

        Returns:
            The version's number.

        Raises:
            ServiceUnavailable: It did not become available in time.
            DataError: It cannot be loaded.
        """
        deadline = time.monotonic() + timeout_s
        problem = "it has not been seen"
        while True:
            try:
                known = [status for status in self.status() if version in (None, status.version)]
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

    def _call(self, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[dict, Message]:
        request = urllib.request.Request(f"{self.url}/v1/models/{self.name}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:
                return json.loads(response.read()), response.headers
        except urllib.error.HTTPError as error:
            reason = _reason(error)
            if error.code in (404, 429, 503, 504):
                raise self._unavailable(f"answers HTTP {error.code}: {reason}") from error
            raise DataError(f"the server at {self.url} refuses the request: {reason}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._unavailable(f"does not answer: {getattr(error, 'reason', error)}") from error

    def _unavailable(self, what: str) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"the model server at {self.url} {what}.",
            hint=f"start it with `estafet serve`, or ask {self.url}/v1/models/{self.name} what it serves.",
        )


def _reason(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:200] or error.reason
