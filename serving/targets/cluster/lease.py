"""The lock of a model's releases on a cluster: a Lease, which is renewed while the release lives and expires after it.

Source:
    https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import socket
import threading
from datetime import UTC, datetime, timedelta

from estafet.errors import EstafetError
from serving.targets.cluster.api import Cluster, Resource
from serving.targets.cluster.labels import OWNED
from serving.targets.cluster.memory import ConfigMapMemory

DURATION_S = 30
"""Seconds after which a release that no longer renews its lease counts as dead."""
RENEW_S = 8


class LeaseLock:
    """The lock; a thread renews it while it is held."""

    def __init__(self, cluster: Cluster, name: str, memory: ConfigMapMemory):
        """Lock by the Lease `name`; `memory` is held while the lock is."""
        self._cluster, self._name, self._memory = cluster, name, memory
        self._id = f"{_user()}@{socket.gethostname()}, process {os.getpid()} ({secrets.token_hex(4)})"
        self._lease: Resource | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> bool:
        """Take it, or return False while another release holds and renews it."""
        found = self._cluster.get("Lease", self._name)
        if found is None:
            self._lease = self._cluster.create(self._of(None))
        elif _is_free(found):
            self._lease = self._cluster.replace(self._of(found))
        if self._lease is None:
            return False
        self._memory.hold()
        self._thread = threading.Thread(target=self._renew, name="estafet-lease", daemon=True)
        self._thread.start()
        return True

    def holder(self) -> str:
        """Return who has it."""
        found = self._cluster.get("Lease", self._name) or {}
        return found.get("spec", {}).get("holderIdentity") or "unknown"

    def close(self) -> None:
        """Give it back."""
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        self._memory.let_go()
        free = {**self._lease, "spec": {**self._lease["spec"], "holderIdentity": ""}}
        with contextlib.suppress(EstafetError):  # it expires by itself
            self._cluster.replace(free)

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_S):
            with contextlib.suppress(EstafetError):
                renewed = self._cluster.replace(self._of(self._lease))
                if renewed is None:
                    return  # another release took over; what this one writes next is refused
                self._lease = renewed

    def _of(self, before: Resource | None) -> Resource:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = (before or {}).get("spec", {})
        is_ours = spec.get("holderIdentity") == self._id
        metadata = {"name": self._name, "namespace": self._cluster.namespace, "labels": dict(OWNED)}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": before["metadata"] if before else metadata,
            "spec": {
                "holderIdentity": self._id,
                "leaseDurationSeconds": DURATION_S,
                "acquireTime": spec["acquireTime"] if is_ours else now,
                "renewTime": now,
            },
        }


def _is_free(lease: Resource) -> bool:
    spec = lease.get("spec", {})
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return True
    renewed = datetime.fromisoformat(spec["renewTime"])
    return datetime.now(UTC) > renewed + timedelta(seconds=spec.get("leaseDurationSeconds", DURATION_S))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in a container
        return str(os.getuid())
