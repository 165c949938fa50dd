"""Deploying: what is published, under which number, and what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components.deploy.step import Settings, deploy, summary
from estafet.errors import DataError, ServiceUnavailable, StepFailed
from estafet.tracking import MlflowTracker, NullTracker
from serving.targets.history import History
from serving.targets.local import LocalTarget


class Recorder(NullTracker):
    """Keeps what is logged."""

    def __init__(self):
        self.parameters, self.metrics = {}, {}

    def log_parameters(self, parameters):
        self.parameters.update(parameters)

    def log_metrics(self, metrics, step=None):
        self.metrics.update(metrics)


def visible(models_dir: Path) -> list[str]:
    return sorted(path.name for path in (models_dir / "toy").iterdir() if path.name != ".release")


@pytest.mark.slow
def test_a_version_is_published_after_a_real_server_answered(tmp_path, release, settings):
    said, tracker = [], Recorder()

    deployed = deploy(
        settings, release(), tmp_path / "models", progress=lambda message, *_: said.append(message), tracker=tracker
    )

    assert (deployed.version, deployed.published) == (1, True)
    assert visible(tmp_path / "models") == ["1"]
    assert (tmp_path / "models" / "toy" / "1" / "saved_model.pb").exists()
    assert tracker.parameters["served_version"] == 1
    assert tracker.metrics["smoke_latency_s"] == deployed.smoke_latency_s > 0
    assert said == [
        "copying the candidate",
        "starting a model server on the candidate",
        "asking it for 2 predictions",
        "publishing",
    ]
    assert summary(deployed).startswith("version 1 · smoke test passed in ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"expected": (3.1, -4.0)}, r"instance 0 it answers prediction = 3\.0, where 3\.1 was expected"),
        ({"broken": True}, r"version 1 of 'toy' cannot be served: Cannot parse file"),
    ],
)
def test_a_failed_smoke_test_publishes_nothing_and_has_the_servers_words(tmp_path, release, settings, how, message):
    with pytest.raises(StepFailed, match=message):
        deploy(settings, release(**how), tmp_path / "models")

    assert visible(tmp_path / "models") == []


def test_the_same_model_is_not_published_twice(tmp_path, release, settings, untested):
    folder = release()
    deploy(settings, folder, tmp_path / "models")

    again = deploy(settings, folder, tmp_path / "models")

    assert (again.version, again.published) == (1, False)
    assert summary(again) == "already served as version 1"
    assert untested == ["toy"]


def test_nothing_to_do_needs_no_server_and_no_heavy_package(tmp_path, release, settings, untested):
    folder = release()
    deploy(settings, folder, tmp_path / "models", tracker=NullTracker())
    program = (
        "import sys\n"
        "from components.deploy.step import Settings, deploy\n"
        "from estafet.tracking import MlflowTracker\n"
        "done = deploy(Settings(name='toy'), sys.argv[1], sys.argv[2], tracker=MlflowTracker('sqlite://', 'e', 'd'))\n"
        "assert not done.published\n"
        "heavy = {'tensorflow', 'mlflow', 'pyarrow', 'pandas', 'uvicorn', 'kfp'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    done = subprocess.run([sys.executable, "-c", program, str(folder), str(tmp_path / "models")], check=False)

    assert done.returncode == 0


def test_going_back_to_an_older_model_publishes_it_anew(tmp_path, release, settings, untested):
    first, second = release("first"), release("second")

    versions = [deploy(settings, folder, tmp_path / "models").version for folder in (first, second, first)]

    assert versions == [1, 2, 3]


def test_the_number_is_the_registrys_where_it_is_above_all_others(tmp_path, release, settings, untested):
    folders = [("a", "7"), ("b", "3"), ("c", "")]

    versions = [
        deploy(settings, release(note), tmp_path / "models", registered_version=number).version
        for note, number in folders
    ]

    assert versions == [7, 8, 9]


def test_old_versions_are_removed(tmp_path, release, settings, untested):
    for note in ("a", "b", "c"):
        last = deploy(settings, release(note), tmp_path / "models")

    assert last.removed == (1,)
    assert visible(tmp_path / "models") == ["2", "3"]


def test_a_killed_release_leaves_nothing_that_is_served_and_can_be_repeated(tmp_path, release, settings, untested):
    program = (
        "import os, signal, sys\n"
        "from components.deploy import smoke\n"
        "from components.deploy.step import Settings, deploy\n"
        "smoke.smoke_test = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "deploy(Settings(name='toy'), sys.argv[1], sys.argv[2])\n"
    )
    folder, models_dir = release(), tmp_path / "models"

    killed = subprocess.run([sys.executable, "-c", program, str(folder), str(models_dir)], check=False)
    left = visible(models_dir)
    deployed = deploy(settings, folder, models_dir)

    assert killed.returncode == -9
    assert [name.startswith(".tmp-") for name in left] == [True]
    assert deployed.version == 1
    assert visible(models_dir) == ["1"]


def test_a_release_of_another_model_is_refused(tmp_path, release, untested):
    with pytest.raises(DataError, match="is of the model 'toy', not 'other'"):
        deploy(Settings(name="other"), release(), tmp_path / "models")


def test_a_folder_that_is_no_release_is_refused(tmp_path, saved_model, settings):
    with pytest.raises(DataError, match=r"release\.json"):
        deploy(settings, saved_model, tmp_path / "models")


@pytest.fixture
def registry(monkeypatch) -> list[tuple]:
    """Replace the registry: the list has every change; it fails while `away` is in it."""
    changes: list[tuple] = []

    def change(kind):
        def record(*arguments):
            if ("away",) in changes:
                raise ServiceUnavailable("the registry is away")
            changes.append((kind, *arguments))

        return record

    monkeypatch.setattr("serving.registry.set_alias", change("alias"))
    monkeypatch.setattr("serving.registry.set_tags", change("tags"))
    monkeypatch.setattr(MlflowTracker, "log_parameters", lambda *_: None)
    monkeypatch.setattr(MlflowTracker, "log_metrics", lambda *_: None)
    return changes


def test_a_published_version_becomes_the_champion_once(tmp_path, release, settings, untested, registry):
    folder, tracker = release(registered_version="4"), MlflowTracker("sqlite://", "e", "deploy")

    for _ in range(2):
        deploy(settings, folder, tmp_path / "models", tracker=tracker)

    assert registry == [
        ("alias", "sqlite://", "toy", "champion", "4"),
        ("tags", "sqlite://", "toy", "4", {"served_version": 4}),
    ]


def test_an_alias_that_could_not_be_moved_is_moved_by_the_next_run(tmp_path, release, settings, untested, registry):
    folder, tracker = release(registered_version="4"), MlflowTracker("sqlite://", "e", "deploy")
    registry.append(("away",))
    with pytest.raises(ServiceUnavailable):
        deploy(settings, folder, tmp_path / "models", tracker=tracker)
    registry.remove(("away",))

    again = deploy(settings, folder, tmp_path / "models", tracker=tracker)

    assert not again.published
    assert ("alias", "sqlite://", "toy", "champion", "4") in registry
    assert History(LocalTarget(tmp_path / "models", "toy")).champion().number == 4
