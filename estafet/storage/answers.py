"""What Cloud Storage's refusals and silences mean, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from estafet.errors import DataError, EstafetError, ServiceUnavailable
from estafet.storage import session
from estafet.storage.session import SIGN_IN

if TYPE_CHECKING:
    from requests import Response

PASSING_STATUS = (408, 429, 500, 502, 503, 504)
MAX_WORDS = 300


def is_passing(error: BaseException) -> bool:
    """Whether the same request may be answered later."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests import exceptions
    from urllib3.exceptions import HTTPError

    if isinstance(error, GoogleAPICallError):
        return error.code in PASSING_STATUS
    if isinstance(error, GoogleAuthError):
        return isinstance(error, TransportError) or bool(error.retryable)
    broken_off = exceptions.ConnectionError | exceptions.Timeout | exceptions.ChunkedEncodingError
    return isinstance(error, RetryError | broken_off | HTTPError | ConnectionError | TimeoutError)


def is_storage_error(error: BaseException) -> bool:
    """Whether an error is one that Google's client, or the network below it, raises."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    return isinstance(error, GoogleAPIError | GoogleAuthError | RequestException) or is_passing(error)


def check(response: Response, *, is_range: bool) -> None:
    """Raise, where an answer is none to a request for an object's bytes, what Google's client would raise.

    Args:
        response: The answer.
        is_range: Whether not all of the bytes were asked for.
    """
    from google.api_core.exceptions import from_http_response

    if response.status_code not in (200, 206):
        raise from_http_response(response)
    if is_range and response.status_code != 206:
        raise ConnectionError("all of the object came where a part was asked for; a proxy may not know ranges")


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Turn the storage's errors into ours while the block runs."""
    try:
        yield
    except EstafetError:
        raise
    except Exception as error:
        if not is_storage_error(error):
            raise
        raise refusal(uri, error) from error


@contextmanager
def writing(uri: str) -> Iterator[None]:
    """Turn the storage's errors into ours while the block writes to it."""
    try:
        with answering(uri):
            yield
    except DataError as error:
        status = getattr(error.__cause__, "code", None)
        if status == 404:
            raise DataError(
                f"there is no bucket for '{uri}', or nobody but its owner may know of it.",
                hint="make it (gcloud storage buckets create), or correct deploy.models_dir.",
            ) from error.__cause__
        if status in (401, 403):
            raise DataError(
                f"'{uri}' may not be written: {_words(error.__cause__)}",
                hint="grant the account storage.objects.create, .get, .list and .delete on the bucket (the role "
                f"Storage Object User); on a cluster that is the service account of the pipeline's pods. {SIGN_IN}",
            ) from error.__cause__
        raise


def refusal(uri: str, error: Exception) -> DataError | ServiceUnavailable:
    """Return what one of the storage's errors means for who wants to read `uri`."""
    from google.auth.exceptions import GoogleAuthError

    status = getattr(error, "code", None)
    if is_passing(error):
        return ServiceUnavailable(
            f"Cloud Storage did not give '{uri}' within {session.RETRY_S:g} s: {_words(error)}",
            hint="check the network, then run the same command again.",
        )
    if status == 404:
        return DataError(
            f"there is nothing at '{uri}': there is no bucket of this name, or nobody but its owner may know of it.",
            hint="correct data.source; `gcloud storage ls` lists your buckets.",
        )
    if status in (401, 403) or isinstance(error, GoogleAuthError):
        return _no_access(uri, error)
    return DataError(f"Cloud Storage refuses '{uri}': {_words(error)}", hint=f"try it: gcloud storage ls {uri}")


def _no_access(uri: str, error: Exception) -> DataError:
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import GoogleAuthError

    credentials = session.credentials()
    if isinstance(credentials, AnonymousCredentials):
        # A 401 does not come through: the client tries to renew what nobody signed in with, and fails.
        words = "." if isinstance(error, GoogleAuthError) else f": {_words(error)}"
        return DataError(
            f"nobody is signed in to Google Cloud, and '{uri}' is not public{words}",
            hint=f"sign in: {SIGN_IN}; on a cluster, give the service account of the pipeline's pods access.",
        )
    if isinstance(error, GoogleAuthError):
        return DataError(
            f"the sign-in to Google Cloud is not good for '{uri}': {_words(error)}", hint=f"sign in anew: {SIGN_IN}."
        )
    account = getattr(credentials, "service_account_email", None) or "the account that is signed in"
    return DataError(
        f"{account} may not read '{uri}': {_words(error)}",
        hint=(
            "grant it storage.objects.get and storage.objects.list (the role Storage Object Viewer) on the bucket, "
            f"or sign in with another account: {SIGN_IN}."
        ),
    )


def _words(error: Exception) -> str:
    """Return what the server said, without the address of the request."""
    cause = getattr(error, "cause", None)  # of a RetryError
    error = cause if isinstance(cause, Exception) else error
    details = getattr(error, "errors", None)
    said = details[0].get("message") if details and isinstance(details[0], dict) else None
    response = getattr(error, "response", None)
    text = said or getattr(response, "text", None) or str(error)
    line = next((line.strip() for line in str(text).splitlines() if line.strip()), type(error).__name__)
    return f"{line[:MAX_WORDS].rstrip('.')}."
