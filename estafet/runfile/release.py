"""The `export`, `deploy` and `serve` sections: the SavedModel, where it goes, and how it is served."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from estafet.runfile.architectures import Misfit
from estafet.runfile.section import Section


class Export(Section):
    """The SavedModel, what is stored with it, and the other formats that a model is exported in."""

    verify_examples: int = Field(32, ge=1)
    """Number of held-out examples on which the SavedModel must agree with the Keras model before it is let out."""
    lite: tuple[Literal["float", "dynamic", "int8"], ...] = ()
    """Kinds of LiteRT (TensorFlow Lite) models, for phones and small devices. `dynamic` has weights of 8 bits; `int8`
    computes in 8 bits too, in ranges that training examples show."""
    tfjs: bool = False
    """Whether a model for TensorFlow.js is exported, for browsers."""
    max_difference: float = Field(0.1, gt=0)
    """How far the predictions of `dynamic` and `int8` may be from the Keras model's: of probabilities, or in standard
    deviations of the predictions. A model that is further away is not kept."""
    strict: bool = False
    """Whether a format that cannot be had fails the run. Otherwise the reason is in the report, and the SavedModel goes
    on to be deployed."""

    @field_validator("lite", mode="before")
    @classmethod
    def _one_is_a_list_too(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given


class Canary(Section):
    """A trial of a new version with a share of the requests, before it gets all of them."""

    share: float = Field(0.0, ge=0, lt=1)
    """Share of the requests without a version that the new version answers for a while; 0 leaves the canary out. It
    needs running servers, and somebody who asks them."""
    minutes: float = Field(5.0, gt=0)
    """How long."""
    min_requests: int = Field(100, ge=0)
    """Requests that the new version must have answered by then; with fewer it is rolled back, as unproven."""
    max_error_rate: float = Field(0.01, ge=0, le=1)
    """Share of its requests that may fail, beyond the share that fails on the served version."""
    max_latency_ratio: float = Field(1.5, gt=0)
    """How much longer its median request may take than the served version's."""


class Servers(Section):
    """The model servers of a cluster, for the targets `tensorflow-serving` and `kserve`."""

    context: str | None = None
    """Context of your kubeconfig; the current one where it is not given. In a pod it is that pod's own cluster."""
    namespace: str = Field("default", pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
    """Namespace in which models are served."""
    image: str = Field("tensorflow/serving:2.20.0", pattern=r"^\S+(:[\w.-]+|@sha256:[0-9a-f]{64})$")
    """Image of the model server, with its tag or digest; on KServe too, whose own default is years old."""
    replicas: int = Field(2, ge=1)
    """Number of pods that serve the model; on KServe the least."""
    cpu: str = Field("1", pattern=r"^\d+(\.\d+)?m?$")
    """Processors of each pod, as `2` or `500m`."""
    memory: str = Field("2Gi", pattern=r"^\d+(\.\d+)?([kMGT]i?)?$")
    """Memory of each pod: requested, and its limit. Two versions are in it while one takes the other's place."""
    service_account: str | None = Field(None, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    """Service account of the pods, which may read the bucket; the namespace's default where it is not given."""
    volume_claim: str | None = Field(None, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    """PersistentVolumeClaim that is mounted at `deploy.models_dir`, where that is a path and no bucket."""
    rollout_timeout_s: float = Field(600, gt=0)
    """Seconds that the servers have to take a version; then they are taken back to the one before."""
    config_poll_s: int = Field(5, ge=1)
    """Seconds between two looks of TensorFlow Serving at its configuration. The cluster itself takes up to a minute
    or two to bring a changed one to the pods."""
    runtime: str | None = Field(None, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    """KServe's serving runtime; the one that KServe chooses for TensorFlow models where it is not given."""


LOCAL, TENSORFLOW_SERVING, KSERVE = "local", "tensorflow-serving", "kserve"
LONGEST_NAME = 40
"""Of a model that a cluster serves, in characters: what is made of it, with the namespace, must fit into 63."""


class Deploy(Section):
    """Where a released model goes."""

    target: Literal["local", "tensorflow-serving", "kserve"] = LOCAL
    """`local`: a folder that a model server watches. `tensorflow-serving`: TensorFlow Serving on a Kubernetes cluster.
    `kserve`: an InferenceService of KServe."""
    models_dir: str | None = None
    """Folder with one sub-folder for each model and one numbered sub-folder for each version; `models` in the
    workspace where it is not given. On a cluster a `gs://` address, or the path at which `servers.volume_claim` is
    mounted, here and in the pods."""
    keep_versions: int = Field(5, ge=2)
    """Number of versions that stay on disk; older ones are removed after a release."""
    smoke_timeout_s: float = Field(120, gt=0)
    """Seconds that a candidate has to load and answer its smoke test."""
    canary: Canary = Canary()
    servers: Servers = Servers()

    @model_validator(mode="after")
    def _goes_where_its_target_can_read(self) -> Deploy:
        where = self.models_dir or ""
        if self.target == LOCAL:
            if "://" in where:
                raise ValueError(
                    f"the target local serves a folder of this machine, and models_dir is '{where}'; give a folder, or "
                    "set target to tensorflow-serving or kserve"
                )
            return self
        if "://" in where and not where.startswith("gs://"):
            raise ValueError(f"models_dir is '{where}', and of buckets only gs:// is written to")
        if not where.startswith(("gs://", "/")):
            raise ValueError(
                f"the target {self.target} needs models_dir: a gs:// address, or the absolute path at which "
                f"servers.volume_claim is mounted (it is {where or 'not given'})"
            )
        if where.startswith("/") != (self.servers.volume_claim is not None):
            said = "is not given" if where.startswith("/") else "is for a path"
            raise ValueError(f"models_dir is '{where}', and servers.volume_claim {said}")
        if self.target == KSERVE and 0 < self.canary.share < 0.01:
            raise ValueError(f"KServe gives a canary whole percents, and canary.share is {self.canary.share:g}")
        return self


def misfit_of_name(deploy: Deploy, name: str) -> tuple[tuple[str, ...], Misfit] | None:
    """Say why a cluster cannot serve a model under its name, or return None where it can."""
    if deploy.target == LOCAL or (len(name) <= LONGEST_NAME and not name.endswith("-")):
        return None
    why = "ends in a hyphen" if name.endswith("-") else f"has {len(name)} characters"
    message = f"name '{name}' {why}, and a cluster makes host names of it"
    return ("name",), Misfit(message, f"take one of at most {LONGEST_NAME} characters that ends in a letter or digit.")


class Serve(Section):
    """How `estafet serve` answers."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8501, ge=0, le=65535)
    """REST port; 0 takes a free one."""
    log_sample_rate: float = Field(1.0, ge=0, le=1)
    """Share of the requests that are written to the request log."""
    log_flush_s: float = Field(5.0, gt=0)
    """Seconds after which logged requests are on disk."""
    poll_s: float = Field(1.0, gt=0)
    """Seconds between two looks for new versions."""
