"""The MLflow model registry: numbered versions, and the aliases `candidate` and `champion`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from estafet.errors import ServiceUnavailable
from estafet.tracking import MlflowTracker, Tracker, connect

CANDIDATE = "candidate"
CHAMPION = "champion"
_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def register(
    tracker: Tracker, name: str, model_uri_or_dir: str | Path, *, tags: Mapping[str, object] | None = None
) -> str:
    """Add a version to a registered model, which is made where it does not exist yet.

    Args:
        tracker: The run that made the model.
        name: Name of the registered model.
        model_uri_or_dir: Where the model is: `models:/<id>`, `runs:/<run>/<path>`, or a folder.
        tags: Words about the version, by name.

    Returns:
        The version's number; empty where the tracker is not MLflow.

    Raises:
        ServiceUnavailable: The registry refused, or did not answer.
    """
    if not isinstance(tracker, MlflowTracker):
        return ""
    client = tracker.client
    from mlflow.exceptions import MlflowException

    source = str(model_uri_or_dir)
    source = source if ":/" in source else Path(source).resolve().as_uri()
    model_id = source.removeprefix("models:/") if source.startswith("models:/m-") else None
    try:
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = client.create_model_version(
            name,
            source,
            run_id=tracker.run_id,
            tags={key: str(value) for key, value in (tags or {}).items()},
            model_id=model_id,
            await_creation_for=0,
        )
    except MlflowException as error:
        raise _refused(tracker.uri, f"register a version of '{name}'", error) from error
    return str(version.version)


def set_alias(uri: str, name: str, alias: str, version: str) -> None:
    """Point an alias at a version, wherever it pointed before.

    Raises:
        ServiceUnavailable: The registry refused (such as for a version that it does not know), or did not answer.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    try:
        client.set_registered_model_alias(name, alias, str(version))
    except MlflowException as error:
        raise _refused(uri, f"point '{alias}' at version {version} of '{name}'", error) from error


def set_tags(uri: str, name: str, version: str, tags: Mapping[str, object]) -> None:
    """Record words about a version, by name.

    Raises:
        ServiceUnavailable: The registry refused, or did not answer.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    try:
        for key, value in tags.items():
            client.set_model_version_tag(name, str(version), key, str(value))
    except MlflowException as error:
        raise _refused(uri, f"tag version {version} of '{name}'", error) from error


def remove_alias(uri: str, name: str, alias: str) -> None:
    """Let an alias point at nothing.

    Raises:
        ServiceUnavailable: The registry refused, or did not answer.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    try:
        client.delete_registered_model_alias(name, alias)
    except MlflowException as error:
        if error.error_code not in _NOT_THERE:
            raise _refused(uri, f"remove the alias '{alias}' of '{name}'", error) from error


def remove_tags(uri: str, name: str, version: str, keys: Iterable[str]) -> None:
    """Forget words about a version, by name.

    Raises:
        ServiceUnavailable: The registry refused, or did not answer.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    for key in keys:
        try:
            client.delete_model_version_tag(name, str(version), key)
        except MlflowException as error:
            if error.error_code not in _NOT_THERE:
                raise _refused(uri, f"untag version {version} of '{name}'", error) from error


def tag_run(uri: str, run_id: str, tags: Mapping[str, object]) -> None:
    """Record words about the run that made a version, by name; nothing where that run was deleted.

    Raises:
        ServiceUnavailable: The store refused, or did not answer.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    try:
        for key, value in tags.items():
            client.set_tag(run_id, key, str(value))
    except MlflowException as error:
        if error.error_code not in _NOT_THERE:
            raise _refused(uri, f"tag the run {run_id}", error) from error


def version_of(uri: str, name: str, alias: str) -> str | None:
    """Return the number of the version that an alias points at, or None where there is no such alias or model.

    Raises:
        ServiceUnavailable: The registry did not answer.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        if error.error_code in _NOT_THERE:
            return None
        raise _refused(uri, f"look up the alias '{alias}' of '{name}'", error) from error


def _refused(uri: str, wanted: str, error: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"the MLflow registry at {uri} did not {wanted}: {error}.",
        hint="check it with `estafet experiments`, then run the same command again.",
    )
