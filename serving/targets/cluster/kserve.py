"""KServe: each version is a revision of one InferenceService, and KServe shares the requests between two of them.

A revision is made in the dark: it gets no requests until it is ready and was examined. Then it gets all, or a canary's
share. Going back is the same way with the earlier version, whose files KServe loads anew; the last revision that got
all requests answers until then. Without Knative (KServe's modes RawDeployment and Standard) there is but one revision
and no share: Kubernetes replaces pods one by one.
"""

from __future__ import annotations

from collections.abc import Callable

from estafet.errors import ConfigError
from estafet.runfile.release import Servers as Settings
from estafet.telemetry import Progress
from serving.targets.cluster.api import Cluster
from serving.targets.cluster.asking import Asking
from serving.targets.cluster.inference_service import REST_PORT, Status, inference_service, monitoring_config
from serving.targets.cluster.pods import Pod, Trouble, find_pods, troubles
from serving.targets.cluster.servers import Examine
from serving.targets.cluster.shelves import Shelf
from serving.targets.cluster.waiting import State, wait_for

GROUP = "/apis/serving.kserve.io/v1beta1"
SERVICE_LABEL, REVISION_LABEL = "serving.kserve.io/inferenceservice", "serving.knative.dev/revision"
KIND = "InferenceService"


class KServe:
    """The InferenceService of one model."""

    rest_port = REST_PORT

    def __init__(self, cluster: Cluster, name: str, settings: Settings, shelf: Shelf, progress: Progress):
        """Serve the versions of `shelf`."""
        self._cluster, self._name, self._settings = cluster, name, settings
        self._shelf, self._progress = shelf, progress
        self._asking = Asking(cluster, name, REST_PORT)

    def check(self) -> None:
        """See whether KServe is there."""
        if not self._cluster.has(GROUP):
            raise ConfigError(
                f"KServe is not installed in the cluster at {self._cluster.host}: it has no serving.kserve.io/v1beta1.",
                hint="have an administrator install KServe, or set deploy.target: tensorflow-serving, which needs "
                "nothing but Kubernetes.",
            )

    def check_share(self, share: float) -> None:
        """See whether KServe shares requests here, and whether it is not too small a share."""
        found = self._status()
        if found is not None and not found.has_canary:
            raise ConfigError(
                f"KServe serves '{self._name}' in its mode {found.mode}, which cannot give a canary a share.",
                hint="set deploy.canary.share: 0, use deploy.target: tensorflow-serving, or have KServe use Knative.",
            )

    def serve(self, number: int | None, examine: Examine) -> None:
        """Let a version answer all requests."""
        if number is None:
            self._cluster.delete(KIND, self._name)
            return self._cluster.delete("ConfigMap", f"{self._name}-config")
        before = self._status()
        if before is None or not before.rolled_out or not before.has_canary:
            self._apply(number, None if before is None or not before.has_canary else 100)
            self._wait_until_loaded(number, examine)
        else:
            self._bring(number, before, examine)
            self._apply(number, 100)
            self._wait(number, lambda now: now.rolled_out == now.created and now.traffic.get(now.created) == 100)

    def try_out(self, number: int, share: float, examine: Examine) -> None:
        """Let a version answer whole percents of the requests."""
        self._bring(number, self._status(), examine)
        percent = max(1, round(100 * share))
        self._apply(number, percent)
        self._wait(number, lambda now: now.traffic.get(now.created) == percent)

    def canary_pods(self) -> tuple[list[Pod], list[Pod]]:
        """Return the pods of the revision that last got all requests, and those of the newest."""
        found = self._status()
        return self._pods_of(found.rolled_out), self._pods_of(found.created)

    def _bring(self, number: int, before: Status, examine: Examine) -> None:
        """Make a revision of a version that is ready and gets no requests, unless the newest one is of it."""
        if before.version == number:
            is_same = self._apply(number, before.percent) == before.generation
            return self._wait_until_loaded(number, examine, stale="" if is_same else before.created)
        if before.percent not in (None, 0, 100):
            # What is tried out loses its share first: it would keep it until the new revision is ready.
            self._apply(before.version, 0)
            self._wait(before.version, lambda now: not now.traffic.get(now.created))
        self._apply(number, 0)
        self._wait_until_loaded(number, examine, stale=before.created)

    def _apply(self, number: int, percent: int | None) -> int:
        """Write the manifest, and return the generation that it is then."""
        self._cluster.apply(monitoring_config(self._name))
        uri = self._shelf.storage_uri(number)
        applied = self._cluster.apply(inference_service(self._name, number, uri, percent, self._settings))
        return applied["metadata"].get("generation", 0)

    def _wait_until_loaded(self, number: int, examine: Examine, *, stale: str = "") -> None:
        """Wait until the newest revision is ready and its pods serve a version, then examine them."""

        def is_loaded(now: Status) -> bool:
            pods = self._pods_of(now.created)
            is_ready = now.ready == now.created if now.created else now.is_ready
            is_whole = len(pods) >= self._settings.replicas and all(pod.is_ready for pod in pods)
            return is_ready and is_whole and not any(self._asking.lacks(pod, number) for pod in pods)

        self._wait(number, is_loaded, stale=stale)
        examine(self._pods_of(self._status().created))

    def _wait(self, number: int, is_done: Callable[[Status], bool], *, stale: str = "") -> None:
        """Wait for what the status says; `stale` is the revision that was the newest before."""

        def look() -> State:
            now = self._status()
            if now is None or (stale and now.created == stale):
                return State(False, "KServe has made no revision of it yet", self._complaints(now, stale))
            if is_done(now):
                return State(True)
            shares = ", ".join(f"{name} {percent} %" for name, percent in sorted(now.traffic.items()))
            words = f"revision {now.created or 'none yet'}; requests go to {shares or 'none'}"
            return State(False, words, self._complaints(now, stale))

        name, namespace = self._name, self._cluster.namespace
        wait_for(
            f"version {number} of '{name}'",
            look,
            timeout_s=self._settings.rollout_timeout_s,
            hint=f"`kubectl -n {namespace} describe inferenceservice {name}` says more; the version that was served "
            "before still is.",
            progress=self._progress,
        )

    def _complaints(self, now: Status | None, stale: str) -> list[Trouble]:
        """Return what keeps the newest revision; what is said while it is not made yet may be of the one before."""
        if now is None:
            return []
        is_its = bool(now.created) and now.created != stale
        found = troubles(self._pods_of(now.created)) if is_its else []
        if now.said:
            found.append(Trouble(f"KServe says {now.said}", now.has_failed and is_its))
        return sorted(found, key=lambda trouble: not trouble.is_hopeless)

    def _status(self) -> Status | None:
        found = self._cluster.get(KIND, self._name)
        return Status.of(found) if found is not None else None

    def _pods_of(self, revision: str) -> list[Pod]:
        """Return the pods of a revision, or of the whole service where there are none."""
        labels = {SERVICE_LABEL: self._name}
        if revision:
            labels[REVISION_LABEL] = revision
        return find_pods(self._cluster, labels)
