"""The release as a model in MLflow, and as the registry's candidate."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.errors import ServiceUnavailable
from estafet.mlflow_model import signature_of
from estafet.release import Contract
from estafet.tracking import MlflowTracker, Tracker
from serving import registry

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel

REQUIREMENTS = ("estafet", "tensorflow", "keras", "numpy", "pandas", "pydantic")


def register(
    tracker: Tracker, name: str, version_dir: Path, contract: Contract, tags: Mapping[str, object]
) -> tuple[str, str]:
    """Log the SavedModel with its signature, register it, and point the alias `candidate` at it.

    Args:
        tracker: The run that made the model.
        name: The model's name.
        version_dir: The folder with the SavedModel.
        contract: What it takes and gives.
        tags: Words about the version.

    Returns:
        MLflow's id of the model, and the version's number; both empty where the tracker is not MLflow.

    Raises:
        ServiceUnavailable: MLflow refused, or did not answer.
    """
    if not isinstance(tracker, MlflowTracker):
        return "", ""
    client = tracker.client
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        logged = client.create_logged_model(
            tracker.experiment_id,
            name=name,
            source_run_id=tracker.run_id,
            tags=_words(tags),
            model_type=contract.task.value,
        )
        with tempfile.TemporaryDirectory(prefix="estafet-mlflow-") as folder:
            _write(Path(folder) / "model", logged, tracker.run_id, version_dir, contract)
            client.log_model_artifacts(logged.model_id, str(Path(folder) / "model"))
        client.finalize_logged_model(logged.model_id, "READY")
        tracker.log_model(logged.model_id)
    except (MlflowException, RequestException) as error:
        raise ServiceUnavailable(
            f"MLflow at {tracker.uri} did not take the model '{name}': {error}.",
            hint="check it with `estafet experiments`, then run the same command again.",
        ) from error
    version = registry.register(tracker, name, f"models:/{logged.model_id}", tags=tags)
    registry.set_alias(tracker.uri, name, registry.CANDIDATE, version)
    return logged.model_id, version


def _write(folder: Path, logged: LoggedModel, run_id: str, version_dir: Path, contract: Contract) -> None:
    """Write the SavedModel in MLflow's form: beside a loader and a signature.

    `mlflow.pyfunc.log_model` would do it in one call, but into whatever experiment is active in the process.
    """
    import mlflow.pyfunc
    from mlflow.models import Model

    mlflow.pyfunc.save_model(
        folder,
        loader_module="estafet.mlflow_model",
        data_path=str(version_dir),
        mlflow_model=Model(
            artifact_path=logged.artifact_location, run_id=run_id, model_uuid=logged.model_id, model_id=logged.model_id
        ),
        signature=signature_of(contract),
        pip_requirements=[f"{package}=={importlib.metadata.version(package)}" for package in REQUIREMENTS],
    )


def _words(tags: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items()}
