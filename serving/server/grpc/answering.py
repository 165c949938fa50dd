"""What every gRPC call shares: a status in place of an exception, counts, limits, and the token."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc import aio

from serving.server.status import Code, StatusError
from serving.server.watching.calls import InFlight, answered, ended

logger = logging.getLogger("estafet.serving")
MAX_TEXT_CHARS = 1024
CODES = {code.value[0]: code for code in grpc.StatusCode}
_TOO_MANY = StatusError(Code.RESOURCE_EXHAUSTED, "too many requests are being answered; try again later")


class Guard:
    """Answers a call by a coroutine, and turns what it raises into a status."""

    def __init__(self, in_flight: InFlight, token: str | None = None):
        """Let calls in while `in_flight` takes more, and where a token is set only those that bring it."""
        self._in_flight = in_flight
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def answer(
        self,
        context: aio.ServicerContext,
        call: Callable[[], Awaitable[Any]],
        *,
        api: str = "",
        name: Callable[[], str] | None = None,
    ) -> Any:
        """Return what `call` returns.

        Args:
            context: The call's context.
            call: Answers it.
            api: The call's name where it is counted.
            name: Gives the model's name, where the call is counted.
        """
        started = time.perf_counter()
        if not self._in_flight.enter():
            await _abort(context, _TOO_MANY)
        error: StatusError | None = None
        try:
            self._check_token(context)
            return await call()
        except StatusError as problem:
            error = problem
        except (asyncio.CancelledError, aio.AbortError):
            error = StatusError(Code.CANCELLED, "the client went away")
            raise
        except Exception as problem:
            logger.exception("%s", api or "a call")
            error = StatusError(Code.INTERNAL, f"{type(problem).__name__} in the server; its log has more")
        finally:
            self._in_flight.leave()
            if name is not None:
                ended(name(), error.code if error else Code.OK)
                if error is None:
                    answered(name(), api, "GRPC", started)
        return await _abort(context, error)

    def _check_token(self, context: aio.ServicerContext) -> None:
        if self._expected is None:
            return
        given = next((value for key, value in context.invocation_metadata() if key == "authorization"), "")
        if not hmac.compare_digest(given.encode() if isinstance(given, str) else given, self._expected):
            raise StatusError(Code.UNAUTHENTICATED, "a bearer token is needed")


def shortened(message: str) -> str:
    """Return an error's text as gRPC clients get it."""
    return message if len(message) <= MAX_TEXT_CHARS else f"{message[:MAX_TEXT_CHARS]}...TRUNCATED"


async def _abort(context: aio.ServicerContext, error: StatusError) -> None:
    await context.abort(CODES[int(error.code)], shortened(error.message))
