"""The versions of one model on a cluster: what releases ask of it, whichever its servers are.

What is remembered is in the ConfigMap `<model>-releases`, the lock is the Lease of that name, the files are on a shelf.
A version counts as published only when the servers have it: whatever is killed before leaves debris, and the servers
are led back to the newest published version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from estafet.errors import StepFailed
from estafet.release import Release, Smoke
from estafet.runfile.release import Servers as Settings
from estafet.telemetry import Progress
from serving.targets.canary import MARKER_FILE, Marker, Report, new_marker
from serving.targets.cluster.api import Cluster
from serving.targets.cluster.asking import Asking
from serving.targets.cluster.known import VERSIONS_FILE, Known
from serving.targets.cluster.lease import LeaseLock
from serving.targets.cluster.memory import ConfigMapMemory
from serving.targets.cluster.pods import Pod
from serving.targets.cluster.servers import Servers
from serving.targets.cluster.shelves import Shelf
from serving.targets.cluster.staging import Candidate
from serving.targets.cluster.watched import Watched

SERVERS_FILE = "servers.json"


class ClusterTarget:
    """The versions of one model.

    Attributes:
        name: The model's name.
        memory: What releases remember.
        folder: Where its versions are.
    """

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        shelf: Shelf,
        settings: Settings,
        servers_of: Callable[[Settings], Servers],
        progress: Progress,
    ):
        """Look at the model `name`; `servers_of` makes its servers by the section `deploy.servers`."""
        self.name, self.folder = name, shelf.base
        self._settings, self._servers_of = settings, servers_of
        servers = servers_of(settings)
        self.memory = ConfigMapMemory(cluster, f"{name}-releases")
        self._cluster, self._shelf, self._servers, self._progress = cluster, shelf, servers, progress
        self._asking = Asking(cluster, name, servers.rest_port)
        self._watched: tuple[str, Watched] | None = None

    def exists(self) -> bool:
        """Whether anything was ever released."""
        return self.memory.read(VERSIONS_FILE) is not None

    def lock(self) -> LeaseLock:
        """Return the lock of this model's releases, not taken.

        Raises:
            ConfigError: The cluster has not what the servers need.
        """
        self._servers.check()
        return LeaseLock(self._cluster, f"{self.name}-releases", self.memory)

    def versions(self) -> Mapping[int, str]:
        """Return the published versions, newest first."""
        return self._addresses(Known.of(self.memory).published)

    def withdrawn(self) -> Mapping[int, str]:
        """Return the versions that were taken back and are kept, newest first."""
        return self._addresses(Known.of(self.memory).withdrawn)

    def newest(self) -> tuple[int, str] | None:
        """Return the newest published version, or None where there is none."""
        return next(iter(self.versions().items()), None)

    def papers(self, number: int) -> Release | None:
        """Return what a version says of itself, or None where there is no such version."""
        known = Known.of(self.memory)
        return known.published.get(number) or known.withdrawn.get(number)

    def stage(self, servable: str | Path) -> Candidate:
        """Copy a version to a temporary folder of this machine."""
        self.remove_leftovers()
        return Candidate(servable, self.name, self._publish)

    def next_number(self, wanted: str = "") -> int:
        """Return the number for a new version; none that ever stood in the folder or the list is taken."""
        known = Known.of(self.memory)
        newest = max({known.highest, *self._shelf.numbers()})
        return int(wanted) if wanted.isdigit() and int(wanted) > newest else newest + 1

    def withdraw(self, number: int) -> None:
        """Take a version back; the servers follow with `settle`."""
        known = Known.of(self.memory)
        if number in known.published:
            known.withdrawing(number).save(self.memory)

    def restore(self, number: int) -> None:
        """Publish a version that was withdrawn once more; the servers follow with `settle`."""
        known = Known.of(self.memory)
        if number in known.withdrawn:
            known.publishing(number, known.withdrawn[number]).save(self.memory)

    def prune(self, num_kept: int) -> list[int]:
        """Remove all but the newest versions; first from the list, so that no one goes back to half of one."""
        known = Known.of(self.memory)
        old = [
            number for each in (known.published, known.withdrawn) for number in sorted(each, reverse=True)[num_kept:]
        ]
        if old:
            known.littering(*old).save(self.memory)
            self.remove_leftovers()
        return old

    def remove_leftovers(self) -> None:
        """Remove files that are no version."""
        known = Known.of(self.memory)
        if not known.debris:
            return
        for number in known.debris:
            self._shelf.remove(number)
        known.model_copy(update={"debris": ()}).save(self.memory)

    def begin_canary(self, *, stable: int, tried: int, share: float) -> Marker:
        """Note that a version, which is about to be published, gets a share of the requests."""
        self._servers.check_share(share)
        marker = new_marker(stable=stable, canary=tried, share=share)
        self.memory.write(MARKER_FILE, marker.model_dump(mode="json"))
        return marker

    def marker(self) -> Marker | None:
        """Return the canary, or None where there is none."""
        found = self.memory.read(MARKER_FILE)
        return None if found is None else Marker.model_validate(found)

    def reports(self, marker: Marker) -> list[Report]:
        """Return how both versions did since the first call."""
        if self._watched is None or self._watched[0] != marker.id:
            self._watched = marker.id, Watched(self._asking, self.name, marker)
        return self._watched[1].look(*self._servers.canary_pods())

    def settle(self, *, is_back: bool = False) -> None:
        """Lead the servers to the newest published version, and end a canary.

        Settings that do not do, such as an image that is not there, must not stand in the way back: what is tried are
        the last ones that did, before the present ones where it goes back and after them where it goes on.
        """
        proven = self._proven()
        others = [proven] if proven not in (None, self._settings) else []
        failure = None
        for settings in [*others, self._settings] if is_back else [self._settings, *others]:
            try:
                self._servers_of(settings).serve(Known.of(self.memory).newest(), lambda pods: None)
            except StepFailed as error:
                failure = failure or error
                continue
            self._prove(settings)
            break
        else:
            raise failure
        self.memory.remove(MARKER_FILE)
        if failure is not None and not is_back:
            raise failure

    def _proven(self) -> Settings | None:
        """Return the settings with which the servers were last in order, or None before the first time."""
        try:
            found = self.memory.read(SERVERS_FILE)
            return None if found is None else Settings.model_validate(found)
        except ValueError:  # another version of Estafet wrote it
            return None

    def _prove(self, settings: Settings) -> None:
        if settings != self._proven():
            self.memory.write(SERVERS_FILE, settings.model_dump(mode="json"))

    def _publish(self, version_dir: Path, wanted: int | None) -> int:
        number = self.next_number("" if wanted is None else str(wanted))
        Known.of(self.memory).littering(number).save(self.memory)
        self._progress(f"copying version {number} to {self._shelf.address(number)}")
        self._shelf.put(version_dir, number)
        marker, smoke = self.marker(), Smoke.load(version_dir)

        def examine(pods: list[Pod]) -> None:
            self._progress(f"asking {len(pods)} pods the recorded requests")
            for pod in pods:
                self._asking.examine(pod, number, smoke)

        if marker is not None and marker.canary == number:
            self._servers.try_out(number, marker.share, examine)
        else:
            self._servers.serve(number, examine)
            self._prove(self._settings)
        Known.of(self.memory).publishing(number, Release.load(version_dir)).save(self.memory)
        return number

    def _addresses(self, versions: Mapping[int, Release]) -> dict[int, str]:
        return {number: self._shelf.address(number) for number in sorted(versions, reverse=True)}
