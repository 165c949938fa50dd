"""What is known of each run goes to MLflow: one parent run for a pipeline run, a nested run for each step that ran."""

from __future__ import annotations

import contextlib
import functools
import getpass
import http.client
import os
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from estafet.errors import ConfigError, ServiceUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from estafet.nested_runs import NestedRun

PARENT_FILE_VARIABLE = "ESTAFET_MLFLOW_PARENT_FILE"
"""Names the file in which the runner leaves the id of the pipeline's MLflow run, as soon as that run is made."""
PARENT_WAIT_S = 120
MAX_PARAMETER_CHARS = 6000
MAX_BATCH = 1000
DATASET_TYPE = "estafet"
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # or MLflow's page shows its side for chatbots
CLIENT_SETTINGS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
"""Ask a server that went away again for about a minute, long enough for a restart; MLflow's own would be four."""
DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


class Tracker(Protocol):
    """Where a step says what it found; every method may be called often and cheaply."""

    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """Record settings, by name."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record numbers, by name, at an epoch or trial (from 0) where one is given."""

    def log_file(self, path: str | Path, folder: str = "") -> None:
        """Keep a file, or all files below a folder, with the run."""

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Record words about the run, by name."""

    def log_dataset(self, name: str, version: str, source: str, context: str) -> None:
        """Record which data set was used, its version, and for what (`training`, `evaluation`)."""

    def log_run(self, run: NestedRun, known: str | None = None) -> str | None:
        """Record a run that is over below this one, or take over the one that `known` names; return its id, if any."""


class NullTracker:
    """A tracker that forgets, for use as a library and in tests."""

    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """Forget the settings."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Forget the numbers."""

    def log_file(self, path: str | Path, folder: str = "") -> None:
        """Forget the file."""

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Forget the words."""

    def log_dataset(self, name: str, version: str, source: str, context: str) -> None:
        """Forget the data set."""

    def log_run(self, run: NestedRun, known: str | None = None) -> str | None:
        """Forget the run."""


class MlflowTracker:
    """One MLflow run, made when the first thing is logged.

    Attributes:
        uri: The MLflow tracking URI.
        experiment: The experiment's name.
        run_name: The name of the run.
    """

    def __init__(
        self,
        uri: str,
        experiment: str,
        run_name: str,
        *,
        parent_run_id: str | None = None,
        parent_file: str | None = None,
        run_id: str | None = None,
        artifact_root: str | None = None,
        tags: Mapping[str, str] | None = None,
    ):
        self.uri, self.experiment, self.run_name = uri, experiment, run_name
        self._parent_run_id, self._parent_file = parent_run_id, parent_file
        self._artifact_root, self._tags = artifact_root, dict(tags or {})
        self._client: MlflowClient | None = None
        self._run_id = run_id

    @property
    def client(self) -> MlflowClient:
        """The MLflow client, imported and connected when it is first needed."""
        if self._client is None:
            _ = self.parent_run_id  # whoever makes the parent makes the store too, and only one may
            self._client = connect(self.uri)
        return self._client

    @property
    def parent_run_id(self) -> str | None:
        """The run that this one is nested in, if any; it is waited for where the runner is still making it."""
        if self._parent_run_id is None and self._parent_file is not None:
            self._parent_run_id = _wait_for_parent(Path(self._parent_file))
        return self._parent_run_id

    @property
    def started(self) -> bool:
        """Whether the run exists already."""
        return self._run_id is not None

    @property
    def run_id(self) -> str:
        """The run's id; the run is made where it does not exist yet."""
        if self._run_id is None:
            source = {"mlflow.source.name": "estafet", "mlflow.source.type": "LOCAL", "mlflow.user": _user()}
            tags = {"mlflow.runName": self.run_name, **source, **self._tags}
            if self.parent_run_id:
                tags["mlflow.parentRunId"] = self.parent_run_id
            self._run_id = self.client.create_run(self.experiment_id, run_name=self.run_name, tags=tags).info.run_id
        return self._run_id

    @property
    def experiment_id(self) -> str:
        """The experiment's id; the experiment is made where it does not exist yet."""
        if self.parent_run_id:
            return self.client.get_run(self.parent_run_id).info.experiment_id
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return self.client.create_experiment(self.experiment, self._artifact_root, EXPERIMENT_TAGS)
            except MlflowException:  # another run may have made it in the meantime
                found = self.client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            raise ConfigError(
                f"the MLflow experiment '{self.experiment}' was deleted.",
                hint=f"restore it (`mlflow experiments restore -x {found.experiment_id}`), "
                "or set tracking.experiment to another name.",
            )
        return found.experiment_id

    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """Record settings; nested ones get dotted names, and those that are not set are left out."""
        from mlflow.entities import Param

        known = {key: value for key, value in flatten(parameters).items() if not _is_unset(value)}
        flat = [Param(key, parameter_text(value)[:MAX_PARAMETER_CHARS]) for key, value in known.items()]
        for start in range(0, len(flat), 100):
            self.client.log_batch(self.run_id, params=flat[start : start + 100])

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record numbers in one batch, which is 100 times faster than one by one."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        batch = [Metric(name, float(value), now, step or 0) for name, value in metrics.items()]
        for start in range(0, len(batch), MAX_BATCH):
            self.client.log_batch(self.run_id, metrics=batch[start : start + MAX_BATCH])

    def log_file(self, path: str | Path, folder: str = "") -> None:
        """Keep a file, or all files below a folder, among the run's artifacts."""
        log = self.client.log_artifacts if Path(path).is_dir() else self.client.log_artifact
        log(self.run_id, str(path), folder or None)

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Record words about the run."""
        from mlflow.entities import RunTag

        self.client.log_batch(self.run_id, tags=[RunTag(key, str(value)) for key, value in tags.items()])

    def log_dataset(self, name: str, version: str, source: str, context: str) -> None:
        """Record which data set was used."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(name=name, digest=version[:36], source_type=DATASET_TYPE, source=source)
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])

    def log_run(self, run: NestedRun, known: str | None = None) -> str:
        """Record a run that is over below this one, or move there the one that an earlier attempt wrote."""
        from estafet import nested_runs

        below = self._experiment_of_run, self.run_id
        if known and nested_runs.move(self.client, known, *below):
            return known
        return nested_runs.write(self.client, *below, run)

    @functools.cached_property
    def _experiment_of_run(self) -> str:
        return self.client.get_run(self.run_id).info.experiment_id

    def log_model(self, model_id: str) -> None:
        """Record that the run's model is the one that MLflow knows by this id."""
        from mlflow.entities import LoggedModelOutput

        self.client.log_outputs(self.run_id, [LoggedModelOutput(model_id, step=0)])

    def end(self, status: str) -> None:
        """Close the run: FINISHED, FAILED or KILLED."""
        if self.started:
            self.client.set_terminated(self.run_id, status)


def connect(uri: str) -> MlflowClient:
    """Return a client of the MLflow store at `uri`.

    Raises:
        ServiceUnavailable: The server does not answer.
    """
    check_reachable(uri)
    for variable, value in CLIENT_SETTINGS.items():
        os.environ.setdefault(variable, value)
    import logging
    import warnings

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="mlflow")
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri)


def check_reachable(uri: str, timeout_s: float = 5) -> None:
    """Knock at the store before a run spends hours on results that it could not record: a server's health, or its port.

    Raises:
        ConfigError: MLflow's file store was asked for, which MLflow 3 refuses.
        ServiceUnavailable: The server does not answer within `timeout_s` seconds.
    """
    kind = urllib.parse.urlsplit(uri).scheme
    if kind in ("", "file"):
        raise ConfigError(
            f"the tracking URI '{uri}' is a folder, which MLflow 3 no longer accepts.",
            hint="set tracking.uri to sqlite:///mlflow.db, or to the URL of an MLflow server.",
        )
    if kind not in ("http", "https"):
        _check_database(uri, timeout_s)
        return
    shown = without_credentials(uri)
    try:
        with urllib.request.urlopen(f"{shown.rstrip('/')}/health", timeout=timeout_s):
            return
    except urllib.error.HTTPError as error:
        if error.code < 500 and error.code != 404:
            return  # it answers, and asks for credentials that MLflow's client has
        reason: object = f"HTTP {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
    raise _no_answer(shown, reason)


def gone_away(uri: str, error: BaseException) -> ServiceUnavailable | None:
    """Tell a store that went away in the middle of a run from an error that has another reason.

    Args:
        uri: The MLflow tracking URI.
        error: What ended a step.

    Returns:
        What to say and to do, where the error comes from MLflow and the store no longer answers; None otherwise.
    """
    cause: BaseException | None = error
    while cause is not None and type(cause).__module__.partition(".")[0] not in ("mlflow", "requests", "urllib3"):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    try:
        check_reachable(uri)
    except ServiceUnavailable as gone:
        return ServiceUnavailable(
            gone.message.replace("does not answer", "went away in the middle of the run"),
            hint="start it again, then run the same command: what is finished is reused, "
            "and a step that was training goes on from its last checkpoint.",
        )
    return None


def without_credentials(uri: str) -> str:
    """Return a URI with its user and password left out."""
    parts = urllib.parse.urlsplit(uri)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def without_credentials_in(text: str) -> str:
    """Return a text with the user and password of every URL in it left out, and the path of a webhook's."""
    text = re.sub(r"://[^/@\s'\"]+@", "://", text)
    return re.sub(r"(webhook\s*[=:]\s*['\"]?https?://[^/\s'\"]+)[^\s'\",}]*", r"\1", text)


def _check_database(uri: str, timeout_s: float) -> None:
    """Knock at a database server's port: MLflow itself would try again for minutes."""
    parts = urllib.parse.urlsplit(uri)
    port = parts.port or DATABASE_PORTS.get(parts.scheme.partition("+")[0])
    if parts.hostname is None or port is None:
        return
    try:
        socket.create_connection((parts.hostname, port), timeout_s).close()
    except OSError as error:
        raise _no_answer(f"{parts.scheme}://{parts.hostname}:{port}", error) from error


def _no_answer(uri: str, reason: object) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"the MLflow store at {uri} does not answer: {reason}.",
        hint="start it, correct tracking.uri or MLFLOW_TRACKING_URI, or unset both to use SQLite in the workspace.",
    )


def _wait_for_parent(path: Path) -> str:
    deadline = time.monotonic() + PARENT_WAIT_S
    while not path.is_file():
        if time.monotonic() > deadline:
            raise ServiceUnavailable(
                f"the pipeline's MLflow run was not made within {PARENT_WAIT_S} s.",
                hint="look whether MLflow is slow or away, then run the same command again.",
            )
        time.sleep(0.02)
    run_id = path.read_text(encoding="utf-8")
    if not run_id:
        raise ServiceUnavailable(
            "the pipeline's MLflow run could not be made.", hint="the run says why at its end; then run it again."
        )
    return run_id


def flatten(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested mappings as one, with dotted names."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{name}."))
        else:
            flat[name] = value
    return flat


def parameter_text(value: object) -> str:
    """Return a parameter as a person types it: whole numbers without a point, which Kubeflow's arguments give them."""
    if isinstance(value, list | tuple):
        return ", ".join(parameter_text(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_unset(value: object) -> bool:
    return value is None or (isinstance(value, Mapping | list | tuple | str) and not value)


def _user() -> str:
    """Return who runs this; an account without a name, as in a container, is a number."""
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return str(os.getuid())


def tracker_from_environment(step: str) -> MlflowTracker | NullTracker:
    """Return the tracker for a step: nested in the pipeline's run, or the run that Kubeflow's MLflow plugin made."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return NullTracker()
    adopted = os.environ.get("MLFLOW_RUN_ID")
    return MlflowTracker(
        uri,
        os.environ.get("MLFLOW_EXPERIMENT_NAME", "estafet"),
        step,
        parent_file=os.environ.get(PARENT_FILE_VARIABLE),
        run_id=adopted,
        tags={"estafet.step": step},
    )
