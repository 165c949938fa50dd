"""Releases to a cluster that are killed before each change that they make, and what the next command mends."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from components.deploy import canary as trial
from components.deploy.canary import Verdict
from components.deploy.recovery import recover
from components.deploy.rollback import roll_back
from components.deploy.step import deploy
from estafet.errors import GateRefused
from estafet.tracking import MlflowTracker
from serving import registry
from serving.targets import checksums
from serving.targets.cluster.api import Cluster
from serving.targets.cluster.known import Known
from serving.targets.journal import Journal, locked
from serving.targets.opening import open_target

from .playing import eventually

URI = "sqlite://"
TRACKER = MlflowTracker(URI, "e", "deploy")
CHANGES = ((Path, "rename"), (shutil, "rmtree"), (registry, "set_alias"), (registry, "set_tags"))
LONGEST_S = 30


class Killer:
    """Ends the process with SIGKILL just before its change number `at`: to a disk, the registry or the cluster."""

    def __init__(self, at: int):
        self.at, self.num_changes = at, 0
        for owner, name in CHANGES:
            setattr(owner, name, self._wrapped(getattr(owner, name)))
        ask = Cluster._ask

        def asking(cluster: Cluster, method: str, path: str, *arguments, **named):
            if method != "GET" and "/leases" not in path and "/proxy" not in path:
                self._count()
            return ask(cluster, method, path, *arguments, **named)

        Cluster._ask = asking

    def _wrapped(self, change: Callable) -> Callable:
        def changed(*arguments, **named):
            self._count()
            return change(*arguments, **named)

        return changed

    def _count(self) -> None:
        if self.num_changes == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.num_changes += 1


def run_killed(command: Callable[[], object], at: int) -> bool:
    """Run a command in a process of its own and kill it before its change number `at`; return whether that came."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(LONGEST_S)
        Killer(at)
        try:
            command()
        except GateRefused:
            pass
        except BaseException:
            os._exit(3)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return os.WIFSIGNALED(status)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["release", "good canary", "bad canary", "rollback"])
def test_whenever_a_release_is_killed_one_version_is_served_and_the_next_command_makes_all_agree(
    name, playing, settings, models_dir, light_release, fake_registry, untested, kubeconfig, api
):
    def release(note: int, over=settings):
        folder = light_release(f"v{note}", registered_version=str(note))
        return lambda: deploy(over, folder, models_dir, tracker=TRACKER)

    def tried(note: int, is_good: bool):
        sharing = settings.model_copy(update={"canary": settings.canary.model_copy(update={"share": 0.5})})
        running = release(note, sharing)

        def run() -> None:
            trial.watch = lambda *_, **__: Verdict(is_good, "seen")
            running()

        return run

    target = open_target(settings, models_dir, "toy")
    at, note, was_killed, served = 0, 1, True, set()
    release(note)()
    while was_killed:
        note += 1
        if name == "rollback":
            release(note)()
        before = target.newest()[0]
        command = {
            "release": lambda note=note: release(note)(),
            "good canary": lambda note=note: tried(note, True)(),
            "bad canary": lambda note=note: tried(note, False)(),
            "rollback": lambda: roll_back(open_target(settings, models_dir, "toy"), uri=URI),
        }[name]
        was_killed = run_killed(command, at)
        assert all(pod.server.loaded for pod in playing.of_track("stable"))
        api.objects.pop(("leases", "toy-releases"), None)  # it expires

        with locked(target) as journal:
            recover(target, journal, URI)

        number, folder = target.newest()
        served.add("before" if number == before else "after")
        checksums.check(folder)
        assert [pod.server.labels for pod in playing.of_track("stable")] == [{"stable": number}] * 2
        assert all(pod.server.loaded == {number} for pod in playing.of_track("stable"))
        assert fake_registry.champion == target.papers(number).registered_version
        assert Journal(target.memory).read() is None
        assert target.marker() is None
        known = Known.of(target.memory)
        there = {int(path.name) for path in Path(models_dir, "toy").iterdir()}
        versions = {*known.published, *known.withdrawn}
        assert versions <= there <= {*versions, *known.debris}, "files that nobody removes"
        eventually(lambda: not [each for _, each in api.objects if "canary" in each])
        at += 1
    assert at >= 8
    assert served == ({"before"} if name == "bad canary" else {"before", "after"})
    assert not [gap for pod in playing.servers.values() for gap in pod.server.gaps]
