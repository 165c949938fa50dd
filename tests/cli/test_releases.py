"""`estafet releases` and `estafet rollback`: what they print, and what an unfinished release becomes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import unfinished
from cli.releases import releases
from cli.rollback import rollback
from components.deploy import step
from estafet.errors import ConfigError
from estafet.release import Release, Smoke, fingerprint, now
from estafet.runfile import load
from estafet.runfile.tasks import Task
from serving.targets.journal import Journal, Stage, begin, locked
from serving.targets.local import LocalTarget

RUN_FILE = """
name: toy
task: tabular_regression
workspace: work
data: {source: data.csv, label: y}
"""


@pytest.fixture
def run_file(tmp_path) -> str:
    path = tmp_path / "toy.yaml"
    path.write_text(RUN_FILE)
    return str(path)


@pytest.fixture
def target(run_file) -> LocalTarget:
    return LocalTarget(load(run_file).models_dir, "toy")


@pytest.fixture
def released(tmp_path, target, monkeypatch) -> list[int]:
    """Versions 1 and 2, released without MLflow."""
    monkeypatch.setattr("components.deploy.smoke.smoke_test", lambda *_, **__: 0.01)
    return [deploy(tmp_path, target, note).version for note in ("a", "b")]


def deploy(tmp_path: Path, target: LocalTarget, note: str) -> step.Deployed:
    folder = tmp_path / f"release-{note}"
    (folder / "estafet").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(note)
    Smoke(instances=({"x": 1.5},), output="prediction", expected=(3.0,)).save(folder)
    Release(
        name="toy",
        task=Task.TABULAR_REGRESSION,
        model_version="w",
        dataset_version="d",
        headline="rmse",
        metrics={"rmse": 1.23456},
        fingerprint=fingerprint(folder),
        created=now(),
    ).save(folder)
    return step.deploy(step.Settings(name="toy"), folder, target.folder.parent)


def call(command, *arguments: str):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def listed(run_file: str) -> dict[int, str]:
    return {each["number"]: each["state"] for each in json.loads(call(releases, run_file, "--json").stdout)}


def test_before_the_first_release_it_says_how_to_make_one(run_file, target):
    assert "estafet run" in call(releases, run_file).stdout
    assert not target.folder.exists()


def test_versions_are_listed_with_their_metric_and_state(run_file, released):
    lines = call(releases, run_file).stdout.splitlines()

    assert [line.split()[:2] for line in lines[1:]] == [["2", "serving"], ["1", "previous"]]
    assert all("rmse 1.235" in line for line in lines[1:])


def test_a_rollback_says_what_is_served_and_the_list_says_why(run_file, released):
    said = call(rollback, run_file, "--reason", "rude").stdout

    assert said == "version 1 of 'toy' is served; taken back: 2\n"
    found = json.loads(call(releases, run_file, "--json").stdout)[0]
    assert (found["state"], found["rolled_back"]["reason"]) == ("rolled back", "rude")
    assert found["rolled_back"]["by"].endswith(", estafet rollback")
    assert call(releases, run_file).stdout.endswith(", estafet rollback: rude\n")


def test_it_comes_back_with_to(run_file, released):
    call(rollback, run_file)

    assert call(rollback, run_file, "--to", "2").stdout == "version 2 of 'toy' is served\n"
    assert listed(run_file) == {2: "serving", 1: "previous"}


def test_what_cannot_be_gone_back_to_is_refused(run_file, released):
    with pytest.raises(ConfigError, match="no version 7"):
        call(rollback, run_file, "--to", "7")


def left_in_its_canary(target: LocalTarget) -> None:
    """Leave version 2 as a release that was killed in its canary would."""
    papers = Release.load(target.versions()[2]).fingerprint
    about = {"number": 2, "previous": 1, "fingerprint": papers}
    Journal(target.memory).enter(begin("estafet run", stage=Stage.CANARY, **about))


def test_a_release_that_was_killed_is_mended_first_and_said(run_file, released, target):
    left_in_its_canary(target)

    done = call(releases, run_file)

    assert done.stderr == "the rollback from version 2, which was killed, has been finished\n"
    assert listed(run_file) == {2: "rolled back", 1: "serving"}


def test_a_run_mends_it_before_it_begins(run_file, released, target, monkeypatch):
    from cli.run import run

    left_in_its_canary(target)
    monkeypatch.setattr("cli.relay.run_in_sight", lambda *_: None)

    call(run, run_file)

    assert listed(run_file) == {2: "rolled back", 1: "serving"}


def test_a_release_that_is_going_on_is_left_alone(run_file, released, target, capsys):
    left_in_its_canary(target)

    with locked(target):
        unfinished.mend(load(run_file))

    assert "another release of 'toy' is going on" in capsys.readouterr().err
    assert list(target.versions()) == [2, 1]
