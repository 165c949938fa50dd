"""GetModelStatus: what became of the versions of a model; a label is ignored, as TensorFlow Serving does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from serving.server.status import invalid


def wanted(request: Any) -> tuple[str, int | None]:
    """Return the model's name and the version, or None for all versions.

    Raises:
        StatusError: The request names nothing.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    return spec.name, spec.version.value if spec.HasField("version") else None


def fill_response(response: Any, versions: Iterable[Any]) -> None:
    """Write a GetModelStatusResponse, newest version first."""
    for version in versions:
        entry = response.model_version_status.add(version=version.number, state=int(version.state))
        entry.status.error_code = int(version.error.code) if version.error else 0
        entry.status.error_message = version.error.message if version.error else ""


def as_json(versions: Iterable[Any]) -> dict[str, Any]:
    """Return the same as REST has it."""
    return {"model_version_status": [_entry(version) for version in versions]}


def _entry(version: Any) -> dict[str, Any]:
    code, message = (version.error.code.name, version.error.message) if version.error else ("OK", "")
    return {
        "version": str(version.number),
        "state": version.state.name,
        "status": {"error_code": code, "error_message": message},
    }
