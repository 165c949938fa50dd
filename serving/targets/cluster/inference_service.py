"""KServe's resource for a model, and what its status says.

Source:
    https://kserve.github.io/website/docs/model-serving/predictive-inference/rollout-strategies/canary and the Go types
    of serving.kserve.io/v1beta1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from estafet.runfile.release import Servers as Settings
from serving.targets.cluster.api import Resource
from serving.targets.cluster.labels import STABLE, VERSION, of_model, of_track
from serving.targets.cluster.manifests import CONFIG_DIR, MONITORING, MONITORING_FILE, USER

REST_PORT = 8080
"""On which KServe's runtime for TensorFlow lets the server listen."""
CONTAINER = "kserve-container"
MODES_WITHOUT_CANARY = frozenset(("RawDeployment", "Standard"))
FAILED = frozenset(("BlockedByFailedLoad", "InvalidSpec"))


def monitoring_config(name: str) -> Resource:
    """Return the ConfigMap that turns the server's metrics on, by which a canary is judged."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{name}-config", "labels": of_track(name, STABLE)},
        "data": {MONITORING_FILE: MONITORING},
    }


def inference_service(name: str, number: int, storage_uri: str, percent: int | None, settings: Settings) -> Resource:
    """Return the InferenceService that serves a version.

    Args:
        name: The model's name.
        number: The version.
        storage_uri: Folder in which the version stands under its number.
        percent: Share of the requests that it gets, the rest going to the revision that last got all; None leaves it
            out, as where KServe knows no canary.
        settings: The section `deploy.servers`.
    """
    resources = {
        "requests": {"cpu": settings.cpu, "memory": settings.memory},
        "limits": {"memory": settings.memory},
    }
    model: dict[str, Any] = {
        "modelFormat": {"name": "tensorflow"},
        "image": settings.image,
        "storageUri": storage_uri,
        "args": [f"--monitoring_config_file={CONFIG_DIR}/{MONITORING_FILE}"],
        "resources": resources,
        "volumeMounts": [{"name": "config", "mountPath": CONFIG_DIR, "readOnly": True}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if settings.runtime:
        model["runtime"] = settings.runtime
    predictor: dict[str, Any] = {
        "minReplicas": settings.replicas,
        "volumes": [{"name": "config", "configMap": {"name": f"{name}-config"}}],
        "model": model,
    }
    if percent is not None:
        predictor["canaryTrafficPercent"] = percent
    if settings.service_account:
        predictor["serviceAccountName"] = settings.service_account
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "labels": of_model(name), "annotations": {VERSION: str(number)}},
        "spec": {"predictor": predictor},
    }


@dataclass(frozen=True)
class Status:
    """What an InferenceService says of itself.

    Its `observedGeneration` is not among that: KServe copies it from what lies below, which counts by itself. Whether a
    status is of the newest manifest shows in its revisions and in what the pods serve.

    Attributes:
        is_ready: Whether it is ready as a whole.
        mode: KServe's deployment mode; empty before it is known.
        created: The newest revision.
        ready: The newest one that is ready.
        rolled_out: The newest one that got all requests.
        traffic: Percent of the requests by revision.
        said: Why it is not ready, as far as KServe says.
        has_failed: Whether KServe has given the newest manifest up.
        version: The version in the manifest.
        percent: The share in the manifest.
        generation: Number of the manifest.
    """

    is_ready: bool
    mode: str
    created: str
    ready: str
    rolled_out: str
    traffic: dict[str, int]
    said: str
    has_failed: bool
    version: int | None
    percent: int | None
    generation: int

    @property
    def has_canary(self) -> bool:
        """Whether requests can be shared between revisions."""
        return self.mode not in MODES_WITHOUT_CANARY

    @classmethod
    def of(cls, found: Resource) -> Status:
        """Read it."""
        metadata, status = found["metadata"], found.get("status", {})
        predictor = status.get("components", {}).get("predictor", {})
        traffic: dict[str, int] = {}
        for target in predictor.get("traffic", ()):
            revision = target.get("revisionName", "")
            traffic[revision] = traffic.get(revision, 0) + target.get("percent", 0)
        version = metadata.get("annotations", {}).get(VERSION, "")
        model = status.get("modelStatus", {})
        return cls(
            is_ready=_condition(status, "Ready").get("status") == "True",
            mode=status.get("deploymentMode", ""),
            created=predictor.get("latestCreatedRevision", ""),
            ready=predictor.get("latestReadyRevision", ""),
            rolled_out=predictor.get("latestRolledoutRevision", ""),
            traffic=traffic,
            said=_said(status, model),
            has_failed=model.get("transitionStatus") in FAILED,
            version=int(version) if version.isdigit() else None,
            percent=found["spec"].get("predictor", {}).get("canaryTrafficPercent"),
            generation=metadata.get("generation", 0),
        )


def _condition(status: Resource, kind: str) -> Resource:
    return next((each for each in status.get("conditions", ()) if each.get("type") == kind), {})


def _said(status: Resource, model: Resource) -> str:
    """Return the most telling of the reasons that KServe gives."""
    failure = model.get("lastFailureInfo") or {}
    if model.get("transitionStatus") in FAILED and failure:
        return _words(failure)
    for kind in ("PredictorConfigurationReady", "PredictorReady", "PredictorRouteReady", "IngressReady", "Ready"):
        condition = _condition(status, kind)
        if condition.get("status") == "False" and (condition.get("message") or condition.get("reason")):
            return _words(condition)
    return ""


def _words(told: Resource) -> str:
    message = " ".join(str(told.get("message") or "").split())[:300].rstrip(".")
    return ": ".join(part for part in (str(told.get("reason") or ""), message) if part)
