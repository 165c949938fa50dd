"""What a cluster does by itself, by way of its API: makes pods of Deployments, and runs a server in each."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from serving.targets.cluster.api import Cluster

ADDRESSES = itertools.count(1)


class Server(Protocol):
    """What runs in a pod."""

    def mount(self, files: dict[str, str]) -> None:
        """Put files of ConfigMaps into it, by their paths."""

    def is_listening(self) -> bool:
        """Whether its readiness probe succeeds."""

    def close(self) -> None:
        """End it."""


@dataclass
class Playing:
    """Runs while it is a context.

    Attributes:
        cluster: The API, as an administrator.
        start: Starts a pod's server on an address.
        waiting: Reason and message for which containers of an image wait, by image.
        quota: Message with which no pods are made.
        no_node: Message for which pods find no node.
    """

    cluster: Cluster
    start: Callable[[dict, str], Server]
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    quota: str = ""
    no_node: str = ""
    servers: dict[str, Server] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def __enter__(self) -> Playing:
        self._ended = threading.Event()
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for server in self.servers.values():
            server.close()

    def of_track(self, track: str) -> list[Server]:
        """Return the servers of a track."""
        pods = self.cluster.list("Pod", {"estafet/track": track})
        return [self.servers[pod["metadata"]["name"]] for pod in pods if pod["metadata"]["name"] in self.servers]

    def _play(self) -> None:
        while not self._ended.wait(0.01):
            try:
                self.step()
            except Exception as error:  # what a test did meanwhile; it is seen at its end where it stays
                self.errors.append(repr(error))

    def step(self) -> None:
        """Do one round of everything."""
        deployments = self.cluster.list("Deployment", {})
        for each in deployments:
            self._roll_out(each)
        wanted = {each["metadata"]["name"] for each in deployments}
        for pod in self.cluster.list("Pod", {}):
            owner = pod["metadata"].get("annotations", {}).get("owner")
            if owner is not None and owner not in wanted:
                self._end(pod["metadata"]["name"])
            else:
                self._run(pod)

    def _roll_out(self, deployment: dict) -> None:
        name, spec = deployment["metadata"]["name"], deployment["spec"]
        template = json.dumps(spec["template"], sort_keys=True)
        pods = [p for p in self.cluster.list("Pod", spec["selector"]["matchLabels"])]
        new = [p for p in pods if p["metadata"]["annotations"].get("template") == template]
        conditions = []
        if self.quota and len(new) < spec["replicas"]:
            conditions = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": self.quota}]
        else:
            for _ in range(spec["replicas"] - len(new)):
                self._make_pod(name, spec, template)
        for pod in [p for p in pods if p not in new]:
            if sum(_is_ready(p) for p in new) >= spec["replicas"]:
                self._end(pod["metadata"]["name"])
        for pod in new[spec["replicas"] :]:
            self._end(pod["metadata"]["name"])
        set_status(self.cluster, "Deployment", name, {
            "observedGeneration": deployment["metadata"]["generation"], "replicas": len(pods),
            "updatedReplicas": len(new), "availableReplicas": sum(_is_ready(p) for p in pods), "conditions": conditions,
        })  # fmt: skip

    def _make_pod(self, owner: str, spec: dict, template: str) -> None:
        about = spec["template"]["metadata"]
        annotations = {**about.get("annotations", {}), "owner": owner, "template": template}
        self.make_pod(f"{owner}-{next(self._numbers)}", about["labels"], annotations, spec["template"]["spec"])

    def make_pod(self, name: str, labels: dict, annotations: dict, spec: dict) -> None:
        """Make a pod."""
        about = {"name": name, "labels": labels, "annotations": annotations}
        self.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec})

    def _run(self, pod: dict) -> None:
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]
        if self.no_node:
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": self.no_node}
            return set_status(self.cluster, "Pod", name, {"phase": "Pending", "conditions": [condition]})
        if container["image"] in self.waiting:
            reason, message = self.waiting[container["image"]]
            state = {"name": container["name"], "state": {"waiting": {"reason": reason, "message": message}}}
            return set_status(self.cluster, "Pod", name, {"phase": "Pending", "containerStatuses": [state]})
        files = self._files(pod)
        if name not in self.servers:
            if files is None:
                return None
            ip = new_address()
            self.servers[name] = self.start(pod, ip)
            set_status(self.cluster, "Pod", name, {"phase": "Running", "podIP": ip})
        self.servers[name].mount(files or {})
        ready = "True" if self.servers[name].is_listening() else "False"
        return set_status(self.cluster, "Pod", name, {"conditions": [{"type": "Ready", "status": ready}]})

    def _files(self, pod: dict) -> dict[str, str] | None:
        """Return the files of a pod's ConfigMaps, or None where one is missing."""
        places = {each["name"]: each["mountPath"] for each in pod["spec"]["containers"][0].get("volumeMounts", ())}
        files = {}
        for volume in pod["spec"].get("volumes", ()):
            if "configMap" in volume:
                found = self.cluster.get("ConfigMap", volume["configMap"]["name"])
                if found is None:
                    return None
                files |= {f"{places[volume['name']]}/{key}": text for key, text in found.get("data", {}).items()}
        return files

    def _end(self, name: str) -> None:
        self.cluster.delete("Pod", name)
        if name in self.servers:
            self.servers.pop(name).close()


def new_address() -> str:
    """Return an address of this machine that no other pod has."""
    number = next(ADDRESSES)
    return f"127.{os.getpid() % 250 + 2}.{number // 250}.{number % 250 + 2}"


def set_status(cluster: Cluster, kind: str, name: str, status: dict) -> None:
    """Write a resource's status, over what it was."""
    found = cluster.get(kind, name)
    if found is None or all(found.get("status", {}).get(key) == value for key, value in status.items()):
        return
    with contextlib.suppress(Exception):  # it is gone
        cluster._ask(
            "PATCH", f"{cluster._path(kind, name)}/status", body={"status": status},
            content_type="application/merge-patch+json", retries=False,
        )  # fmt: skip


def _is_ready(pod: dict) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def eventually(is_so: Callable[[], bool], timeout_s: float = 10) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
