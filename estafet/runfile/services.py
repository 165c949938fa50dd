"""The `tracking`, `notify` and `cluster` sections: the services around a run."""

from __future__ import annotations

from pydantic import Field

from estafet.runfile.section import Section


class Tracking(Section):
    """Where MLflow keeps what is known of each run."""

    uri: str | None = None
    """MLflow tracking URI; the environment's `MLFLOW_TRACKING_URI`, or SQLite in the workspace, where not given."""
    experiment: str | None = None
    """MLflow experiment; the run file's `name` where it is not given."""


class Notify(Section):
    """Whom to tell."""

    webhook: str | None = Field(None, pattern=r"^https?://")
    """URL that receives a JSON document by POST when a run ends and when an alert opens."""


class Cluster(Section):
    """The Kubeflow Pipelines end point that `estafet submit` uses."""

    endpoint: str | None = Field(None, pattern=r"^https?://")
    """URL of the Kubeflow Pipelines API."""
    image: str = "estafet/python-step:0.1.0"
    """Container image of the steps; "python" must be in its name. Never use `:latest`, which is pulled every time."""
    pipeline_root: str | None = Field(None, pattern=r"^(gs|s3|minio)://")
    """Bucket and folder for the artifacts."""
    timeout_hours: float = Field(24, gt=0)
    """Hours after which the cluster ends a step that is still running (its active deadline)."""
    tracking_uri: str | None = Field(None, pattern=r"^https?://")
    """MLflow tracking server as the cluster's pods reach it."""
    storage_secret: str | None = Field(None, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[-._A-Za-z0-9]+)?$")
    """Kubernetes Secret with the password of `tune.storage`, as `NAME` or `NAME/KEY`; the key is `password` where none
    is given. The pods that tune get it as `PGPASSWORD`, so it stands in no parameter."""
