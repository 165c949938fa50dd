"""Pods: whether they are ready, and what keeps them from it, in the cluster's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from serving.targets.cluster.api import Cluster, Resource
from serving.targets.cluster.labels import TEMPLATE

HOPELESS = frozenset(
    ("ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError",
     "RunContainerError", "CrashLoopBackOff")
)  # fmt: skip
"""Reasons for which a container waits that do not pass by themselves."""
MAX_WORDS = 300


@dataclass(frozen=True)
class Trouble:
    """What keeps a pod from being ready.

    Attributes:
        words: It, with the reason that the cluster gives.
        is_hopeless: Whether waiting does not help.
    """

    words: str
    is_hopeless: bool


@dataclass(frozen=True)
class Pod:
    """One pod.

    Attributes:
        name: Its name.
        uid: Tells it from another one of the same name.
        is_ready: Whether it gets requests.
        num_restarts: How often its containers were started anew.
        trouble: What keeps it from being ready, if the cluster says something.
        template: The digest of what it is made of, where a release of ours said so.
    """

    name: str
    uid: str
    is_ready: bool
    num_restarts: int = 0
    trouble: Trouble | None = None
    template: str = ""

    @classmethod
    def of(cls, found: Resource) -> Pod:
        """Read a pod as the API gives it."""
        status, metadata = found.get("status", {}), found["metadata"]
        containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        return cls(
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            is_ready=_condition(status, "Ready").get("status") == "True",
            num_restarts=sum(each.get("restartCount", 0) for each in containers),
            trouble=_trouble(metadata["name"], status, containers),
            template=metadata.get("annotations", {}).get(TEMPLATE, ""),
        )


def find_pods(cluster: Cluster, labels: Mapping[str, str]) -> list[Pod]:
    """Return the pods with these labels that are not on their way out, by name."""
    found = cluster.list("Pod", labels)
    living = [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]
    over = ("Succeeded", "Failed")
    return sorted(
        (Pod.of(pod) for pod in living if pod.get("status", {}).get("phase") not in over), key=lambda pod: pod.name
    )


def troubles(pods: Iterable[Pod]) -> list[Trouble]:
    """Return what keeps pods from being ready, what does not pass first."""
    found = [pod.trouble for pod in pods if pod.trouble is not None]
    return sorted(found, key=lambda trouble: not trouble.is_hopeless)


def _trouble(name: str, status: Mapping[str, Any], containers: list[Mapping[str, Any]]) -> Trouble | None:
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return Trouble(f"pod {name} finds no node: {_said(scheduled)}", False)
    for each in containers:
        waiting = each.get("state", {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        ended = each.get("lastState", {}).get("terminated") or each.get("state", {}).get("terminated") or {}
        if reason in HOPELESS:
            why = f", after it ended with {_end(ended)}" if ended else ""
            return Trouble(f"pod {name}: {_said(waiting)}{why}", True)
        if ended and ended.get("exitCode"):
            return Trouble(f"pod {name}: its container {each.get('name', '')} ended with {_end(ended)}", False)
        if reason and reason not in ("ContainerCreating", "PodInitializing"):
            return Trouble(f"pod {name}: {_said(waiting)}", False)
    return None


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions", ()) if each.get("type") == kind), {})


def _said(told: Mapping[str, Any]) -> str:
    reason, message = told.get("reason", ""), " ".join(str(told.get("message") or "").split()).rstrip(".")
    return ": ".join(part for part in (reason, message[:MAX_WORDS]) if part)


def _end(ended: Mapping[str, Any]) -> str:
    message = " ".join(str(ended.get("message") or "").split())
    words = f"{ended.get('reason', 'Error')} (status {ended.get('exitCode', '?')})"
    return f"{words}: {message[-MAX_WORDS:]}" if message else words
