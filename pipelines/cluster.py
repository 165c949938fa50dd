"""Submits the training pipeline to a Kubeflow Pipelines back end and waits for its end."""

from __future__ import annotations

import contextlib
import http.client
import io
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estafet.errors import ConfigError, ServiceUnavailable, StepFailed
from estafet.runfile import LoadedRunFile
from pipelines.arguments import training_arguments
from pipelines.compile import compile_pipeline

if TYPE_CHECKING:
    from kfp import Client


@dataclass(frozen=True)
class SubmittedRun:
    """A run on a cluster.

    Attributes:
        endpoint: The Kubeflow Pipelines API.
        run_id: The run's id.
        name: The run's name.
        url: Where a person can watch it.
    """

    endpoint: str
    run_id: str
    name: str
    url: str


def submit_training(loaded: LoadedRunFile, endpoint: str | None = None) -> SubmittedRun:
    """Compile the training pipeline and start a run of it in the run file's experiment.

    Args:
        loaded: The run file.
        endpoint: URL of the Kubeflow Pipelines API; `cluster.endpoint` where it is not given.

    Raises:
        ConfigError: There is no end point, or something that only this machine can read is in the arguments.
        ServiceUnavailable: The end point does not answer, or refuses the run.
    """
    cluster = loaded.run.cluster
    endpoint = endpoint or cluster.endpoint
    if not endpoint:
        raise ConfigError("no cluster is named.", hint="give --endpoint URL, or set cluster.endpoint in the run file.")
    arguments = cluster_arguments(loaded)
    with _client(endpoint) as client, tempfile.TemporaryDirectory() as folder:
        package = compile_pipeline(loaded.run, Path(folder) / "pipeline.yaml")
        started = client.create_run_from_pipeline_package(
            str(package),
            arguments=dict(arguments),
            run_name=f"{loaded.run.name}-{arguments['recipe'][:8]}",
            experiment_name=loaded.run.tracking.experiment or loaded.run.name,
            pipeline_root=cluster.pipeline_root,
            enable_caching=None,
        )
        run = started.run_info
        return SubmittedRun(
            endpoint, run.run_id, run.display_name, f"{endpoint.rstrip('/')}/#/runs/details/{run.run_id}"
        )


def cluster_arguments(loaded: LoadedRunFile) -> Mapping[str, Any]:
    """Return the arguments of a training run on a cluster.

    Raises:
        ConfigError: The data or the models lie in a folder of this machine, which a cluster cannot read.
    """
    data = loaded.run.data
    named = [("source", source) for source in data.source] + ([("labels", data.labels)] if data.labels else [])
    for key, path in named:
        if "://" not in path:
            raise ConfigError(
                f"data.{key} names '{path}' on this machine, which a cluster cannot read.",
                hint=f"upload it and set data.{key} to its gs:// address, for example in a `production` profile.",
            )
    models_dir = loaded.run.deploy.models_dir
    if models_dir is None or not models_dir.startswith(("/", "gs://")):
        raise ConfigError(
            f"deploy.models_dir is {models_dir or 'not set'}, which means nothing on a cluster.",
            hint="set it to a gs:// address with deploy.target tensorflow-serving or kserve, or to the absolute path "
            "of a volume that the steps and the model server share.",
        )
    arguments = dict(training_arguments(loaded, loaded.run.cluster.tracking_uri or "").values)
    return {**arguments, "models_dir": models_dir}


def wait_for(run: SubmittedRun, timeout_s: float) -> str:
    """Wait until a run has ended and return its final state.

    Raises:
        StepFailed: It did not succeed.
        ServiceUnavailable: It did not end within `timeout_s` seconds, or the end point went away.
    """
    with _client(run.endpoint) as client:
        try:
            ended = client.wait_for_run_completion(run.run_id, timeout=timeout_s)
        except TimeoutError as error:
            raise ServiceUnavailable(
                f"run {run.run_id} did not end within {timeout_s:g} s.", hint=f"it goes on; watch it at {run.url}."
            ) from error
    if str(ended.state) != "SUCCEEDED":
        raise StepFailed(f"run {run.run_id} ended {ended.state}.", hint=f"see {run.url}.")
    return str(ended.state)


@contextlib.contextmanager
def _client(endpoint: str) -> Iterator[Client]:
    import kfp_server_api
    import urllib3
    from kfp import Client

    check_endpoint(endpoint)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield Client(host=endpoint)
    except kfp_server_api.ApiException as error:
        raise ServiceUnavailable(
            f"Kubeflow Pipelines at {endpoint} refused: HTTP {error.status} {error.reason}. {error.body or ''}".strip(),
            hint="HTTP 400 means a wrong or missing parameter, 401 and 403 a missing permission.",
        ) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _away(endpoint, error) from error


def check_endpoint(endpoint: str, timeout_s: float = 5) -> None:
    """Ask Kubeflow Pipelines for its health, since its own client asks five times over half a minute.

    Raises:
        ServiceUnavailable: It does not answer within `timeout_s` seconds.
    """
    try:
        with urllib.request.urlopen(f"{endpoint.rstrip('/')}/apis/v2beta1/healthz", timeout=timeout_s):
            return
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return  # it answers, and asks for credentials that Kubeflow's client has
        raise _away(endpoint, error) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _away(endpoint, getattr(error, "reason", error)) from error


def _away(endpoint: str, reason: object) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"Kubeflow Pipelines at {endpoint} does not answer: {reason}.",
        hint="check --endpoint; `kubectl -n kubeflow port-forward svc/ml-pipeline-ui 8080:80` opens one locally.",
    )
