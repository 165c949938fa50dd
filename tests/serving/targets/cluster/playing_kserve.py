"""What KServe and Knative do with an InferenceService, by way of the API: revisions, their pods, who gets requests.

The rules are those of KServe's documentation and of its reconciler: a changed model makes a revision; the newest that
is ready gets `canaryTrafficPercent`, and the last one that got all requests the rest; without such a one, or without a
share, the newest that is ready gets all.
"""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

from serving.targets.cluster.api import Cluster

from .light_server import LightServer
from .playing import Playing, set_status

RUNTIME_ARGUMENTS = {"model_name": "toy", "port": "9000", "rest_api_port": "8080", "model_base_path": "/mnt/models"}


class LightPredictor:
    """The server in a pod: KServe's runtime for TensorFlow, on the files of a storageUri."""

    claims: dict[str, str]

    def __init__(self, pod: dict, ip: str):
        container = pod["spec"]["containers"][0]
        given = dict(re.fullmatch(r"--(\w+)=(.*)", each).groups() for each in container["args"])
        self.arguments = {**RUNTIME_ARGUMENTS, **given}
        self.uri = pod["metadata"]["annotations"]["uri"]
        self.server = LightServer(ip, int(self.arguments["rest_api_port"]), "toy")

    def mount(self, files: dict[str, str]) -> None:
        assert self.arguments["monitoring_config_file"] in files
        claim, _, path = self.uri.removeprefix("pvc://").partition("/")
        base = Path(self.claims[claim], path)
        versions = {int(each.name) for each in base.iterdir() if each.name.isdigit()} if base.is_dir() else set()
        if versions:
            self.server.take(base, {max(versions)}, {})

    def is_listening(self) -> bool:
        return bool(self.server.loaded)

    def close(self) -> None:
        self.server.close()


class PlayingKServe(Playing):
    """KServe at work on one InferenceService.

    Attributes:
        mode: Its deployment mode.
        shares: Each set of shares that was given, by version, in order.
    """

    mode = "Serverless"

    def __init__(self, cluster: Cluster):
        super().__init__(cluster, LightPredictor)
        self.shares: list[dict[int, int]] = []
        self._revisions: list[tuple[str, str, dict]] = []
        self._lock = threading.Lock()

    def step(self) -> None:
        service = self.cluster.get("InferenceService", "toy")
        if service is None:
            self._revisions.clear()
            for pod in self.cluster.list("Pod", {}):
                self._end(pod["metadata"]["name"])
            return
        predictor = service["spec"]["predictor"]
        template = json.dumps({**predictor, "canaryTrafficPercent": None}, sort_keys=True)
        if not self._revisions or self._revisions[-1][1] != template:
            self._revisions.append((f"toy-predictor-{len(self._revisions) + 1:05d}", template, predictor))
            self._make_revision(*self._revisions[-1])
        for pod in self.cluster.list("Pod", {}):
            self._run(pod)
        if self.mode == "Serverless":
            self._share(service, predictor.get("canaryTrafficPercent"))
        else:
            self._replace()

    def _make_revision(self, name: str, _: str, predictor: dict) -> None:
        model = predictor["model"]
        labels = {"serving.kserve.io/inferenceservice": "toy"}
        if self.mode == "Serverless":
            labels["serving.knative.dev/revision"] = name
        container = {key: model[key] for key in ("image", "args", "volumeMounts")}
        spec = {"containers": [{"name": "kserve-container", **container}], "volumes": predictor["volumes"]}
        for number in range(predictor["minReplicas"]):
            self.make_pod(f"{name}-{number}", labels, {"uri": model["storageUri"], "revision": name}, spec)

    def _ready(self) -> list[str]:
        pods = self.cluster.list("Pod", {})
        is_ready = {}
        for pod in pods:
            ready = any(
                c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", ())
            )
            revision = pod["metadata"]["annotations"]["revision"]
            is_ready[revision] = is_ready.get(revision, True) and ready
        return [name for name, *_ in self._revisions if is_ready.get(name)]

    def _share(self, service: dict, percent: int | None) -> None:
        before = service.get("status", {}).get("components", {}).get("predictor", {})
        rolled_out, previous = before.get("latestRolledoutRevision", ""), before.get("previousRolledoutRevision", "")
        created, ready = self._revisions[-1][0], (self._ready() or [""])[-1]
        traffic = []
        if ready and percent is not None and rolled_out:
            traffic = [{"latestRevision": True, "revisionName": ready, "percent": percent}]
            if percent < 100:
                traffic.append({"latestRevision": False, "revisionName": rolled_out, "percent": 100 - percent})
        elif ready:
            traffic = [{"latestRevision": True, "revisionName": ready, "percent": 100}]
        if traffic and traffic[0]["percent"] == 100 and rolled_out != ready:
            rolled_out, previous = ready, rolled_out
        is_ready = "True" if ready == created else "False"
        why = {} if ready == created else {"reason": "RevisionMissing", "message": f"revision {created} is not ready"}
        set_status(self.cluster, "InferenceService", "toy", {
            "deploymentMode": self.mode, "observedGeneration": 77,
            "conditions": [{"type": "Ready", "status": is_ready}, {"type": "PredictorReady", "status": is_ready} | why],
            "components": {"predictor": {
                "latestCreatedRevision": created, "latestReadyRevision": ready, "latestRolledoutRevision": rolled_out,
                "previousRolledoutRevision": previous, "traffic": traffic,
            }},
        })  # fmt: skip
        shares: dict[int, int] = {}
        for each in traffic:
            version = self.version_of(each["revisionName"])
            shares[version] = shares.get(version, 0) + each["percent"]
        if shares and (not self.shares or self.shares[-1] != shares):
            self.shares.append(shares)

    def _replace(self) -> None:
        """Without Knative: Kubernetes replaces the pods of the one before."""
        newest, ready = self._revisions[-1][0], self._ready()
        if newest in ready:
            for pod in self.cluster.list("Pod", {}):
                if pod["metadata"]["annotations"]["revision"] != newest:
                    self._end(pod["metadata"]["name"])
        status = "True" if ready else "False"
        about = {"deploymentMode": self.mode, "conditions": [{"type": "Ready", "status": status}]}
        set_status(self.cluster, "InferenceService", "toy", {**about, "components": {"predictor": {}}})

    def version_of(self, revision: str) -> int:
        """Return the version that a revision serves."""
        uri = next(predictor["model"]["storageUri"] for name, _, predictor in self._revisions if name == revision)
        return int(uri.rpartition("/v")[2])

    def pods_of(self, version: int) -> list[LightPredictor]:
        """Return the servers of a version."""
        return [each for each in self.servers.values() if each.uri.endswith(f"/v{version}")]
