"""What the servers in pods say: the states of their versions, what a label stands for, and predictions."""

from __future__ import annotations

import json
from typing import Any

from estafet.errors import StepFailed
from estafet.release import Smoke
from serving.targets.cluster.api import Cluster
from serving.targets.cluster.pods import Pod, Trouble
from serving.targets.recorded import compare

AVAILABLE, END = "AVAILABLE", "END"


class Asking:
    """Asks the servers of one model over REST, through the cluster's API."""

    def __init__(self, cluster: Cluster, name: str, port: int):
        """Ask for the model `name` at a port of each pod."""
        self._cluster, self._name, self._port = cluster, name, port

    def lacks(self, pod: Pod, number: int, *, alone: bool = False) -> Trouble | None:
        """Return why a pod does not serve a version yet, or None where it does.

        Args:
            pod: The pod.
            number: The version.
            alone: Whether no other version may be served beside it.
        """
        status, text = self._cluster.ask_pod(pod.name, self._port, f"/v1/models/{self._name}")
        if status != 200:
            return Trouble(f"pod {pod.name} does not answer (HTTP {status})", False)
        found = {str(each.get("version")): each for each in _document(text).get("model_version_status", ())}
        version = found.pop(str(number), None)
        if version is None:
            return Trouble(f"pod {pod.name} has not seen version {number}", False)
        state, said = version.get("state"), version.get("status", {}).get("error_message", "")
        if state == END and said:
            return Trouble(f"pod {pod.name} cannot load version {number}: {' '.join(said.split())}", True)
        if state != AVAILABLE:
            return Trouble(f"pod {pod.name} is loading version {number} ({state})", False)
        others = [each for each, about in found.items() if about.get("state") == AVAILABLE]
        return Trouble(f"pod {pod.name} still serves version {others[0]}", False) if alone and others else None

    def labelled(self, pod: Pod, label: str) -> int | None:
        """Return the version that a label stands for in a pod, or None where it stands for none."""
        path = f"/v1/models/{self._name}/labels/{label}/metadata"
        status, text = self._cluster.ask_pod(pod.name, self._port, path)
        version = _document(text).get("model_spec", {}).get("version", "") if status == 200 else ""
        return int(version) if str(version).isdigit() else None

    def examine(self, pod: Pod, number: int, smoke: Smoke) -> None:
        """Send a pod the recorded requests of a version, and compare its answers.

        Raises:
            StepFailed: An answer is wrong, or none.
        """
        path = f"/v1/models/{self._name}/versions/{number}:predict"
        status, text = self._cluster.ask_pod(pod.name, self._port, path, {"instances": list(smoke.instances)})
        predictions = _document(text).get("predictions")
        if status != 200 or not isinstance(predictions, list):
            raise StepFailed(
                f"pod {pod.name} does not answer the recorded requests with version {number}: HTTP {status} "
                f"{' '.join(text.split())[:300]}",
                hint="the servers go back to the version before; compare deploy.servers.image with the TensorFlow "
                "that the model was made with.",
            )
        compare(smoke, predictions)

    def metrics(self, pod: Pod) -> str | None:
        """Return a pod's metrics, or None where it gives none."""
        status, text = self._cluster.ask_pod(pod.name, self._port, "/monitoring/prometheus/metrics")
        return text if status == 200 else None


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
