"""What releases remember, in a ConfigMap beside the servers: it outlives this machine and whoever released."""

from __future__ import annotations

import json

from estafet.errors import ServiceUnavailable
from serving.targets.cluster.api import Cluster, Resource
from serving.targets.cluster.labels import OWNED


class ConfigMapMemory:
    """JSON documents, each under a key of one ConfigMap.

    While the release lock is held, they are read once, and each write says which state it changes: a release that was
    taken for dead and replaced by another one can change nothing any more.
    """

    def __init__(self, cluster: Cluster, name: str):
        """Keep them in the ConfigMap `name`."""
        self._cluster, self._name = cluster, name
        self._held: Resource | None = None

    def hold(self) -> None:
        """Read all; from now on nobody else is expected to change anything."""
        self._held = self._load()

    def let_go(self) -> None:
        """Others may change it again."""
        self._held = None

    def read(self, name: str) -> object | None:
        """Return a document, or None where there is none.

        Raises:
            ValueError: It is no JSON.
        """
        text = (self._held or self._load()).get("data", {}).get(name)
        return None if text is None else json.loads(text)

    def write(self, name: str, value: object) -> None:
        """Write a document, whole or not at all.

        Raises:
            ServiceUnavailable: Another release has taken over.
        """
        self._change({name: json.dumps(value, ensure_ascii=False, allow_nan=False)})

    def remove(self, name: str) -> None:
        """Remove a document; nothing where there is none."""
        if (self._held or self._load()).get("data", {}).get(name) is not None:
            self._change({name: None})

    def where(self, name: str) -> str:
        """Return where a document is."""
        return f"{name} in the ConfigMap {self._cluster.namespace}/{self._name}"

    def _load(self) -> Resource:
        found = self._cluster.get("ConfigMap", self._name)
        return found or {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self._name, "namespace": self._cluster.namespace, "labels": dict(OWNED)},
        }

    def _change(self, changes: dict[str, str | None]) -> None:
        before = self._held or self._load()
        data = {**before.get("data", {}), **changes}
        wanted = {**before, "data": {key: text for key, text in data.items() if text is not None}}
        is_new = "resourceVersion" not in before["metadata"]
        written = self._cluster.create(wanted) if is_new else self._cluster.replace(wanted)
        if written is None:
            written = self._load()  # our own write, if its answer was lost and it was repeated
            if written.get("data", {}) != wanted["data"]:
                raise ServiceUnavailable(
                    f"another release took over: it changed the ConfigMap {self._cluster.namespace}/{self._name}.",
                    hint="`estafet releases` says what is served now; run the same command again.",
                )
        if self._held is not None:
            self._held = written
