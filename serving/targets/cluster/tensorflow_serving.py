"""TensorFlow Serving on a cluster: which versions it has loaded is its configuration, which it reads anew by itself.

A version goes over in two steps, since a label may only be moved to a version that is loaded: both versions are
loaded, and then the label `stable` moves and the old one goes. Nothing is loaded that the configuration does not name.
A canary is a Deployment of its own beside the served one, behind the same Service, so its share is that of its pods.
"""

from __future__ import annotations

from collections.abc import Callable

from estafet.runfile.release import Servers as Settings
from estafet.telemetry import Progress
from serving.targets.cluster.api import Cluster, Resource
from serving.targets.cluster.asking import Asking
from serving.targets.cluster.labels import CANARY, STABLE, TEMPLATE, VERSION, of_track
from serving.targets.cluster.manifests import (
    REST_PORT,
    Serving,
    config_map,
    deployment,
    num_canary_pods,
    service,
    track_name,
)
from serving.targets.cluster.pods import Pod, Trouble, find_pods, troubles
from serving.targets.cluster.refusals import quota_hint
from serving.targets.cluster.servers import Examine
from serving.targets.cluster.shelves import Shelf
from serving.targets.cluster.waiting import State, wait_for


class TensorFlowServing:
    """The servers of one model."""

    rest_port = REST_PORT

    def __init__(
        self, cluster: Cluster, name: str, settings: Settings, shelf: Shelf, models_dir: str, progress: Progress
    ):
        """Serve the versions of `shelf`, which is below `models_dir`."""
        self._cluster, self._name, self._settings = cluster, name, settings
        self._base_path, self._models_dir, self._progress = shelf.base, models_dir, progress
        self._asking = Asking(cluster, name, REST_PORT)

    def check(self) -> None:
        """See whether the cluster answers; what it needs besides, every cluster has."""
        self._cluster.get("Deployment", self._name)

    def check_share(self, share: float) -> None:
        """Any share will do, to a whole pod."""

    def serve(self, number: int | None, examine: Examine) -> None:
        """Let a version answer all requests."""
        if number is None:
            return self._remove_all()
        before = self._served()
        goes_over = before is not None and before != number
        if goes_over:
            self._configure(STABLE, Serving((before, number), {STABLE: before}))
            self._start(number, examine)
        self._configure(STABLE, Serving((number,), {STABLE: number}))
        if not goes_over:
            self._start(number, examine)
        self._wait(STABLE, self._settings.replicas, number, alone=True)
        self._end_canary()

    def _start(self, number: int, examine: Examine) -> None:
        """See to it that there are servers, and that all have loaded a version."""
        self._cluster.apply(service(self._name, None))
        self._deploy(STABLE, self._settings.replicas)
        examine(self._wait(STABLE, self._settings.replicas, number))

    def try_out(self, number: int, share: float, examine: Examine) -> None:
        """Let a version answer the requests of pods of its own, beside those of the served one."""
        served, beside = self._served(), self._settings.replicas
        num_pods = num_canary_pods(share, beside)
        real = num_pods / (num_pods + beside)
        self._progress(f"canary: {num_pods} of {num_pods + beside} pods, {real:.0%} for a share of {share:.0%}")
        self._configure(CANARY, Serving((served, number), {STABLE: served, CANARY: number}))
        self._cluster.apply(service(self._name, CANARY))
        self._deploy(CANARY, num_pods)
        examine(self._wait(CANARY, num_pods, number))

    def canary_pods(self) -> tuple[list[Pod], list[Pod]]:
        """Return the pods of both Deployments."""
        return self._pods(STABLE), self._pods(CANARY)

    def _served(self) -> int | None:
        """Return the version that the label `stable` was last moved to, or None before the first."""
        found = self._cluster.get("ConfigMap", f"{self._name}-config")
        version = (found or {}).get("metadata", {}).get("annotations", {}).get(VERSION)
        return int(version) if version else None

    def _configure(self, track: str, serving: Serving) -> None:
        self._cluster.apply(config_map(self._name, track, serving, self._base_path))

    def _deploy(self, track: str, num_pods: int) -> None:
        self._cluster.apply(deployment(self._name, track, num_pods, self._settings, self._models_dir))

    def _pods(self, track: str) -> list[Pod]:
        return find_pods(self._cluster, of_track(self._name, track))

    def _wait(self, track: str, num_pods: int, number: int, *, alone: bool = False) -> list[Pod]:
        """Wait until all pods of a track have loaded a version, with `alone` no other one, and return them."""
        ready: list[Pod] = []

        def look() -> State:
            ready[:] = self._pods(track)
            return self._state(track, num_pods, ready, lambda pod: self._lacks(pod, number, track, alone))

        namespace = self._cluster.namespace
        wait_for(
            f"version {number} of '{self._name}'",
            look,
            timeout_s=self._settings.rollout_timeout_s,
            hint=f"`kubectl -n {namespace} describe pods -l estafet/track={track}` says more; the version that was "
            "served before still is.",
            progress=self._progress,
        )
        return ready

    def _lacks(self, pod: Pod, number: int, track: str, alone: bool) -> Trouble | None:
        found = self._asking.lacks(pod, number, alone=alone)
        if found is None and alone and self._asking.labelled(pod, track) != number:
            return Trouble(f"the label '{track}' in pod {pod.name} is not at version {number} yet", False)
        return found

    def _state(self, track: str, num_pods: int, pods: list[Pod], lacks: Callable[[Pod], Trouble | None]) -> State:
        about = self._cluster.get("Deployment", track_name(self._name, track)) or {"metadata": {}}
        template = about.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations", {}).get(TEMPLATE)
        new = [pod for pod in pods if pod.template == template]
        num_ready = sum(pod.is_ready for pod in new)
        words = f"{num_ready} of {num_pods} pods are ready"
        refused = _refused(about, self._cluster.namespace)
        if refused is not None:
            return State(False, words, (refused,))
        if not _is_rolled_out(about, num_pods) or num_ready != num_pods or len(pods) != num_pods:
            return State(False, words, troubles(new))
        missing = [trouble for trouble in map(lacks, pods) if trouble is not None]
        missing.sort(key=lambda trouble: not trouble.is_hopeless)
        return State(not missing, missing[0].words if missing else words, missing)

    def _end_canary(self) -> None:
        name = track_name(self._name, CANARY)
        self._cluster.delete("Deployment", name)
        self._cluster.delete("Service", name)
        self._cluster.delete("ConfigMap", f"{name}-config")

    def _remove_all(self) -> None:
        self._end_canary()
        self._cluster.delete("Deployment", self._name)
        self._cluster.delete("Service", self._name)
        self._cluster.delete("ConfigMap", f"{self._name}-config")


def _is_rolled_out(about: Resource, num_pods: int) -> bool:
    """Whether the Deployment's controller has seen the newest manifest, and only pods of that are left."""
    status = about.get("status", {})
    counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")}
    return _is_seen(about) and counts == {num_pods}


def _is_seen(about: Resource) -> bool:
    return about.get("status", {}).get("observedGeneration", -1) >= about["metadata"].get("generation", 0)


def _refused(about: Resource, namespace: str) -> Trouble | None:
    """Return why no pods are made at all, such as for a quota."""
    for condition in about.get("status", {}).get("conditions", ()) if _is_seen(about) else ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            hint = f" ({quota_hint(namespace).rstrip('.')})" if "exceeded quota" in condition.get("message", "") else ""
            return Trouble(f"{condition.get('reason')}: {condition.get('message', '').rstrip('.')}{hint}", True)
    return None
