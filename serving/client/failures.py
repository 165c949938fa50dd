"""Why one try got no answer, and which error that is to a person."""

from __future__ import annotations

from estafet.errors import ConfigError, DataError, EstafetError, ServiceUnavailable

CONNECTION = "CONNECTION"
_OF_HTTP = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_PASSING = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})
_AWAY = _PASSING | {CONNECTION, "NOT_FOUND", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"}
_FORBIDDEN = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})


class Failure(Exception):
    """One try that failed.

    Attributes:
        kind: The canonical code's name; CONNECTION where no server answered; `HTTP n` where the code has no such name.
        message: What the server or the network said.
        may_pass: Whether the same request may be answered a little later, and asking again does no harm.
        retry_after_s: Seconds that the server asks to wait; 0 where it does not say.
    """

    def __init__(self, kind: str, message: str, *, may_pass: bool | None = None, retry_after_s: float = 0.0):
        super().__init__(message)
        self.kind, self.message, self.retry_after_s = kind, message, retry_after_s
        self.may_pass = kind in _PASSING if may_pass is None else may_pass

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    def as_error(self, url: str, model: str) -> EstafetError:
        """Return the error that a person sees."""
        reason = self.message.rstrip(".")
        if self.kind in _FORBIDDEN:
            return ConfigError(
                f"the model server at {url} lets this caller not in: {reason}.",
                hint="set ESTAFET_SERVE_TOKEN to the token that the server was started with.",
            )
        if self.kind == CONNECTION:
            what = f"does not answer: {reason}"
        elif self.kind in _AWAY:
            what = f"answers {self.kind}: {reason}"
        else:
            return DataError(
                f"the server at {url} refuses the request: {reason}.",
                hint=f"compare the request with the inputs of '{model}': `Client.metadata()` lists them.",
            )
        return ServiceUnavailable(f"the model server at {url} {what}.", hint=self._hint(url, model))

    def _hint(self, url: str, model: str) -> str:
        if "CERTIFICATE_VERIFY_FAILED" in self.message:
            return "name the authority that signed the server's certificate, with --ca or Tls(authority=…)."
        if self.kind == "DEADLINE_EXCEEDED":
            return "allow more time with --timeout-s or timeout_s=…, or send fewer rows at a time."
        if self.kind == "RESOURCE_EXHAUSTED":
            return "it is busy: send fewer requests at a time, or try again later."
        shown = f"{url}/v1/models/{model}" if url.startswith("http") else "its REST port's /v1/models"
        return f"start it with `estafet serve`, or ask {shown} what it serves."


def kind_of_http(status: int) -> str:
    """Return the kind of failure that an HTTP status means."""
    return _OF_HTTP.get(status, f"HTTP {status}")
