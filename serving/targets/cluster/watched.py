"""How the pods of the served version and those of a canary did since the canary began, by their own metrics."""

from __future__ import annotations

from collections.abc import Iterable

from serving.targets.canary import Counts, Marker, Report, total
from serving.targets.cluster.asking import Asking
from serving.targets.cluster.metrics import Sample
from serving.targets.cluster.pods import Pod, troubles


class Watched:
    """Adds up what pods count, also when one is started anew."""

    def __init__(self, asking: Asking, model: str, marker: Marker):
        """Begin with the first look: what was counted before it does not count."""
        self._asking, self._model, self._marker = asking, model, marker
        self._last: dict[str, Sample] = {}
        self._counts: dict[str, Counts] = {}
        self._restarts: dict[str, int] = {}

    def look(self, stable: list[Pod], tried: list[Pod]) -> list[Report]:
        """Return what is seen; empty where the pods of the canary give no metrics.

        Args:
            stable: The pods of the served version.
            tried: Those of the one that is tried out.
        """
        problem = self._problem(tried)
        seen = [pod for pod in (*stable, *tried) if self._add(pod)]
        if not problem and not any(pod in tried for pod in seen):
            return []
        report = Report(id=self._marker.id, is_ready=not problem, problem=problem)
        report.stable, report.canary = self._total(stable), self._total(tried)
        return [report]

    def _add(self, pod: Pod) -> bool:
        text = self._asking.metrics(pod)
        if text is None:
            return False
        now = Sample.read(text, self._model)
        before = self._last.get(pod.uid)
        if before is not None:
            self._counts[pod.uid] = total([self._counts.get(pod.uid, Counts()), now.since(before).counts()])
        self._last[pod.uid] = now
        return True

    def _problem(self, tried: Iterable[Pod]) -> str:
        tried = list(tried)
        for pod in tried:
            if pod.num_restarts > self._restarts.setdefault(pod.uid, pod.num_restarts):
                return pod.trouble.words if pod.trouble else f"pod {pod.name} was started anew"
        found = [trouble for trouble in troubles(tried) if trouble.is_hopeless]
        return found[0].words if found else ""

    def _total(self, pods: Iterable[Pod]) -> Counts:
        return total(self._counts.get(pod.uid, Counts()) for pod in pods)
