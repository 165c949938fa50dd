"""What TensorFlow Serving's pods are made of: Deployment, Services, and the configuration that they read.

Source:
    tensorflow_serving/config/model_server_config.proto and monitoring_config.proto.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from estafet.runfile.release import Servers as Settings
from serving.targets.cluster.api import Resource
from serving.targets.cluster.labels import STABLE, TEMPLATE, VERSION, of_model, of_track

GRPC_PORT, REST_PORT = 8500, 8501
CONFIG_DIR = "/etc/estafet"
CONFIG_FILE, MONITORING_FILE = "models.config", "monitoring.config"
MONITORING = 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'
SERVER = "/usr/bin/tensorflow_model_server"
USER = 65532
"""Nobody's: the image itself would run as root."""
PROBE_S = 5
DRAIN_S = 10
"""Seconds between a pod leaving its Services and its server ending, which does not wait for requests by itself."""
NUM_LOAD_RETRIES, LOAD_RETRY_US = 2, 5_000_000
"""The server's own five retries a minute apart would hide for five minutes that a version does not load."""


@dataclass(frozen=True)
class Serving:
    """What the pods of one track serve.

    Attributes:
        versions: Those that are loaded; requests that name none go to the largest.
        labels: Versions by label.
    """

    versions: tuple[int, ...]
    labels: Mapping[str, int]

    def text(self, name: str, base_path: str) -> str:
        """Return it as a `ModelServerConfig`, so that nothing is loaded but what is named."""
        versions = " ".join(f"versions: {version}" for version in sorted(self.versions))
        labels = "".join(
            f"    version_labels {{ key: {json.dumps(label)} value: {version} }}\n"
            for label, version in sorted(self.labels.items())
        )
        return (
            "model_config_list {\n  config {\n"
            f"    name: {json.dumps(name)}\n    base_path: {json.dumps(base_path)}\n"
            f'    model_platform: "tensorflow"\n    model_version_policy {{ specific {{ {versions} }} }}\n'
            f"{labels}  }}\n}}\n"
        )


def track_name(name: str, track: str) -> str:
    """Return the name of what belongs to a track; that of the served version has the model's own name."""
    return name if track == STABLE else f"{name}-{track}"


def config_map(name: str, track: str, serving: Serving, base_path: str) -> Resource:
    """Return the configuration of a track's servers, which they read anew by themselves."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{track_name(name, track)}-config",
            "labels": of_track(name, track),
            "annotations": {VERSION: str(serving.labels[track])},
        },
        "data": {CONFIG_FILE: serving.text(name, base_path), MONITORING_FILE: MONITORING},
    }


def service(name: str, track: str | None) -> Resource:
    """Return the Service of a model, to which all its pods belong, or (with a track) that of its canary alone."""
    labels = of_model(name) if track is None else of_track(name, track)
    ports = (("grpc", GRPC_PORT), ("http", REST_PORT))
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": track_name(name, track or STABLE), "labels": labels},
        "spec": {
            "selector": labels,
            "ports": [{"name": each, "port": port, "targetPort": each, "protocol": "TCP"} for each, port in ports],
        },
    }


def deployment(name: str, track: str, num_pods: int, settings: Settings, models_dir: str) -> Resource:
    """Return the pods of a track."""
    labels = of_track(name, track)
    annotations = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(REST_PORT),
        "prometheus.io/path": "/monitoring/prometheus/metrics",
    }
    volumes, mounts = _volumes(name, track, settings, models_dir)
    pod = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": DRAIN_S + 20,
        "containers": [{**_container(settings), "volumeMounts": mounts}],
        "volumes": volumes,
    }
    if settings.service_account:
        pod["serviceAccountName"] = settings.service_account
    annotations[TEMPLATE] = hashlib.sha256(json.dumps(pod, sort_keys=True).encode()).hexdigest()[:16]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": track_name(name, track), "labels": labels},
        "spec": {
            "replicas": num_pods,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "progressDeadlineSeconds": max(math.ceil(settings.rollout_timeout_s), 1),
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
        },
    }


def num_canary_pods(share: float, num_pods: int) -> int:
    """Return how many pods of a canary get about `share` of the requests beside `num_pods` of the served version."""
    return max(1, round(share / (1 - share) * num_pods))


def _container(settings: Settings) -> Resource:
    listens = {"tcpSocket": {"port": "http"}}  # the server opens its ports only when the first version is loaded
    return {
        "name": "tensorflow-serving",
        "image": settings.image,
        "command": [SERVER],
        "args": [
            f"--port={GRPC_PORT}",
            f"--rest_api_port={REST_PORT}",
            f"--model_config_file={CONFIG_DIR}/{CONFIG_FILE}",
            f"--model_config_file_poll_wait_seconds={settings.config_poll_s}",
            "--allow_version_labels_for_unavailable_models=true",
            f"--monitoring_config_file={CONFIG_DIR}/{MONITORING_FILE}",
            f"--max_num_load_retries={NUM_LOAD_RETRIES}",
            f"--load_retry_interval_micros={LOAD_RETRY_US}",
        ],
        "ports": [{"name": "grpc", "containerPort": GRPC_PORT}, {"name": "http", "containerPort": REST_PORT}],
        "resources": {
            "requests": {"cpu": settings.cpu, "memory": settings.memory},
            "limits": {"memory": settings.memory},
        },
        "startupProbe": {
            **listens,
            "periodSeconds": PROBE_S,
            "failureThreshold": max(math.ceil(settings.rollout_timeout_s / PROBE_S), 1),
        },
        "readinessProbe": {**listens, "periodSeconds": PROBE_S},
        "livenessProbe": {**listens, "periodSeconds": 2 * PROBE_S, "failureThreshold": 6},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN_S)]}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _volumes(name: str, track: str, settings: Settings, models_dir: str) -> tuple[list[Resource], list[Resource]]:
    volumes: list[Resource] = [
        {"name": "config", "configMap": {"name": f"{track_name(name, track)}-config"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    mounts: list[Resource] = [
        {"name": "config", "mountPath": CONFIG_DIR, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    if settings.volume_claim:
        volumes.append({"name": "models", "persistentVolumeClaim": {"claimName": settings.volume_claim}})
        mounts.append({"name": "models", "mountPath": models_dir, "readOnly": True})
    return volumes, mounts
