"""`estafet releases` and `estafet rollback` on a cluster, from a machine that knows nothing of the releases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.releases import releases
from cli.rollback import rollback
from estafet.errors import ConfigError
from serving.targets.journal import Journal, Stage, begin
from serving.targets.opening import open_target

RUN_FILE = """
name: toy
task: tabular_regression
workspace: work
data: {{source: data.csv, label: y}}
deploy:
  target: tensorflow-serving
  models_dir: {models_dir}
  servers: {{namespace: models, volume_claim: models}}
"""


@pytest.fixture
def run_file(tmp_path, models_dir) -> str:
    path = tmp_path / "elsewhere" / "toy.yaml"
    path.parent.mkdir()
    path.write_text(RUN_FILE.format(models_dir=models_dir))
    return str(path)


def call(command, *arguments: str):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def listed(run_file: str) -> dict[int, str]:
    return {each["number"]: each["state"] for each in json.loads(call(releases, run_file, "--json").stdout)}


def test_they_read_what_the_cluster_remembers(run_file, run, playing, light_release):
    assert "no version of 'toy' was released yet" in call(releases, run_file).stdout
    run(light_release("a"))
    run(light_release("b"))

    said = call(rollback, run_file, "--reason", "rude").stdout

    assert said == "version 1 of 'toy' is served; taken back: 2\n"
    assert listed(run_file) == {2: "rolled back", 1: "serving"}
    assert call(releases, run_file).stdout.endswith(", estafet rollback: rude\n")
    assert [pod.server.served for pod in playing.of_track("stable")] == [1, 1]


def test_a_release_that_was_killed_is_mended_first(run_file, run, light_release, settings, models_dir):
    run(light_release("a"))
    run(light_release("b"))
    target = open_target(settings, models_dir, "toy")
    about = {"number": 2, "previous": 1, "fingerprint": target.papers(2).fingerprint}
    Journal(target.memory).enter(begin("estafet run", stage=Stage.CANARY, **about))

    done = call(releases, run_file)

    assert done.stderr == "the rollback from version 2, which was killed, has been finished\n"
    assert listed(run_file) == {2: "rolled back", 1: "serving"}


def test_of_a_model_that_was_never_released_nothing_is_made(run_file, kubeconfig, api):
    with pytest.raises(ConfigError, match="ever released"):
        call(rollback, run_file)

    assert api.objects == {}
    assert not Path(run_file).with_name("work").exists()
