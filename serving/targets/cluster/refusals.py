"""What a cluster's refusals mean, and to whom."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from estafet.errors import ConfigError, EstafetError, ServiceUnavailable, StepFailed

if TYPE_CHECKING:
    from kubernetes.client import ApiException

MANIFESTS = "infra/kubernetes/release"
MAX_WORDS = 500
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_RESOURCE = re.compile(r"/namespaces/[^/]+/([a-z]+)")
_FORBIDDEN = re.compile(r'cannot (\w+) resource "([^"]+)"')


@dataclass
class Refused(Exception):
    """An answer of the API that is none.

    Attributes:
        status: The HTTP status.
        message: What the server says.
        reason: Kubernetes' name for it, such as `NotFound`; empty where the answer is not Kubernetes' own.
        method: How it was asked.
        path: What it was asked.
    """

    status: int
    message: str
    reason: str
    method: str
    path: str

    @classmethod
    def of(cls, error: ApiException, method: str, path: str) -> Refused:
        """Read what the client raised."""
        body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body or ""
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if isinstance(told, dict) and told.get("kind") == "Status":
            message, reason = str(told.get("message") or ""), str(told.get("reason") or "Unknown")
        else:
            message, reason = body, ""
        return cls(error.status, (message or str(error.reason))[:MAX_WORDS], reason, method, path)

    @property
    def is_kubernetes(self) -> bool:
        """Whether Kubernetes says it, and not what it asked for us."""
        return bool(self.reason)

    @property
    def wanted(self) -> str:
        """What was to be done with what, as `kubectl auth can-i` takes it."""
        if told := _FORBIDDEN.search(self.message):
            return f"{told[1]} {told[2]}"
        found = _RESOURCE.search(self.path)
        return f"{_VERBS.get(self.method, 'read')} {found[1] if found else self.path}"


def as_ours(refused: Refused, namespace: str) -> EstafetError:
    """Return what a refusal means for who releases a model."""
    said = refused.message.rstrip(".")
    if refused.status == 401:
        return ConfigError(
            f"the cluster does not know who asks: {said}.",
            hint="sign in anew, for example with `gcloud container clusters get-credentials CLUSTER`.",
        )
    if refused.status == 403 and "exceeded quota" in said:
        return StepFailed(f"a quota of the namespace '{namespace}' is used up: {said}.", hint=quota_hint(namespace))
    if refused.status == 403:
        can_i = f"kubectl auth can-i {refused.wanted} -n {namespace}"
        return ConfigError(
            f"the cluster does not allow it: {said}.",
            hint=f"have an administrator type `kubectl apply -n {namespace} -k {MANIFESTS}`, which grants what a "
            f"release needs; `{can_i}` says whether it helped.",
        )
    if refused.status == 404 and "namespaces" in said:
        return ConfigError(
            f"there is no namespace '{namespace}' in the cluster.",
            hint=f"type `kubectl create namespace {namespace}`, or correct deploy.servers.namespace.",
        )
    if refused.status in (400, 404, 405, 409, 413, 415, 422):
        return ConfigError(
            f"the cluster refuses to {refused.wanted}: {said}.",
            hint="the keys of deploy.servers make this resource (docs/deploying.md); look at the one that it names.",
        )
    return ServiceUnavailable(
        f"the cluster answered HTTP {refused.status} to {refused.method} {refused.path}: {said}.",
        hint="look at the cluster, then run the same command again.",
    )


def quota_hint(namespace: str) -> str:
    """Return what to do where a quota is used up."""
    return (
        f"`kubectl describe quota -n {namespace}` says what is used; lower deploy.servers.replicas, cpu or memory, or "
        "have the quota raised."
    )
