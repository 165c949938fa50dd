"""Commands that are killed at every change that they make to a disk or the registry, and what the next one mends."""

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
from components.deploy.step import Settings, deploy
from estafet.errors import GateRefused
from estafet.release import Release
from estafet.tracking import MlflowTracker
from serving.targets import canary, checksums
from serving.targets.history import History
from serving.targets.journal import Journal, locked
from serving.targets.local import LocalTarget

URI = "sqlite://"
TRACKER = MlflowTracker(URI, "e", "deploy")
CHANGES = (
    (os, "rename"),
    (os, "replace"),
    (Path, "unlink"),
    (shutil, "rmtree"),
    ("registry", "set_alias"),
    ("registry", "set_tags"),
    ("registry", "tag_run"),
    ("registry", "remove_tags"),
)


class Killer:
    """Ends the process with SIGKILL just before its change number `at`; counts the changes."""

    def __init__(self, at: int | None):
        self.at, self.num_changes = at, 0

    def wrap(self, change: Callable) -> Callable:
        def changed(*arguments, **named):
            if self.num_changes == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.num_changes += 1
            return change(*arguments, **named)

        return changed


def run_killed(command: Callable[[], object], at: int) -> bool:
    """Run a command in a process of its own, and kill it before its change number `at`.

    Returns:
        Whether it was killed; it ended before otherwise.
    """
    pid = os.fork()
    if pid == 0:
        from serving import registry

        killer = Killer(at)
        for owner, name in CHANGES:
            found = registry if owner == "registry" else owner
            setattr(found, name, killer.wrap(getattr(found, name)))
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


def served_by_a_server(target: LocalTarget) -> int:
    """Return the version that answers requests without a version: the newest, or in a canary the one beside it."""
    newest = target.newest()[0]
    marker = canary.read_marker(target.release_folder)
    in_canary = marker is not None and marker.canary == newest and marker.stable in target.versions()
    return marker.stable if in_canary else newest


@pytest.fixture
def settings() -> Settings:
    return Settings(name="toy", keep_versions=5)


@pytest.fixture
def three(tmp_path, light_release, settings, untested, fake_registry) -> LocalTarget:
    """Versions 1 and 2 published, 3 rolled back, 2 the champion; and a release to come with number 4."""
    for number in ("1", "2", "3"):
        deploy(settings, light_release(f"v{number}", registered_version=number), tmp_path / "models", tracker=TRACKER)
    roll_back(LocalTarget(tmp_path / "models", "toy"), reason="bad", uri=URI)
    return LocalTarget(tmp_path / "models", "toy")


def commands(tmp_path, light_release, settings) -> dict[str, tuple[Callable[[], object], set[int]]]:
    """Return commands by name, and the versions that may be served after each was killed and mended."""
    folder, models_dir = light_release("new", registered_version="4"), tmp_path / "models"
    sharing = settings.model_copy(update={"canary": settings.canary.model_copy(update={"share": 0.5})})

    def tried(is_good: bool) -> Callable[[], object]:
        def run() -> object:
            trial.watch = lambda *_, **__: Verdict(is_good, "seen")
            return deploy(sharing, folder, models_dir, tracker=TRACKER)

        return run

    return {
        "release": (lambda: deploy(settings, folder, models_dir, tracker=TRACKER), {2, 4}),
        "good canary": (tried(True), {2, 4}),
        "bad canary": (tried(False), {2}),
        "rollback": (lambda: roll_back(LocalTarget(models_dir, "toy"), uri=URI), {1, 2}),
        "rollback to 3": (lambda: roll_back(LocalTarget(models_dir, "toy"), to=3, uri=URI), {2, 3}),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["release", "good canary", "bad canary", "rollback", "rollback to 3"])
def test_whenever_a_command_is_killed_one_whole_version_is_served_and_the_next_command_makes_all_agree(
    name, tmp_path, light_release, settings, three, fake_registry
):
    command, allowed = commands(tmp_path, light_release, settings)[name]
    kept = shutil.copytree(tmp_path / "models", tmp_path / "kept")
    registry_kept = fake_registry._path.read_text()
    at, was_killed, served = 0, True, []
    while was_killed:
        shutil.rmtree(tmp_path / "models")
        shutil.copytree(kept, tmp_path / "models")
        fake_registry._path.write_text(registry_kept)
        was_killed = run_killed(command, at)
        before = served_by_a_server(three)
        checksums.check(three.versions()[before])

        with locked(three) as journal:
            recover(three, journal, URI)

        number, folder = three.newest()
        checksums.check(folder)
        assert {before, number} <= allowed
        assert fake_registry.champion == Release.load(folder).registered_version == str(number)
        assert History(three).champion().number == number
        assert Journal(three.memory).read() is None
        assert canary.read_marker(three.release_folder) is None
        assert {*three.versions(), *three.withdrawn()} >= {1, 2, 3}
        served.append(number)
        at += 1
    assert at >= 10
    assert set(served) == allowed
    assert served == sorted(served, key=lambda number: number == served[-1]), "it went to and fro"
