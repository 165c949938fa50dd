"""The compiled pipelines, against golden files and against what a Kubeflow back end insists on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from kfp import components

from estafet.errors import ConfigError
from estafet.runfile import RunFile
from pipelines.compile import compile_pipeline

GOLDEN = Path(__file__).parent.parent / "golden"
ROOT = str(Path(__file__).parents[2])
RUN = RunFile(name="digits", task="image_classification", data={"source": "data"})
PARALLEL = RunFile(
    name="digits",
    task="image_classification",
    data={"source": "data"},
    tune={"workers": 3, "storage": "postgresql://estafet@db/tune"},
    cluster={"storage_secret": "tune-storage"},
)


def without_versions(text: str) -> str:
    """Leave out what changes with the library and not with us."""
    return re.sub(r"sdkVersion: kfp-[\d.]+", "sdkVersion: kfp-X", text)


@pytest.mark.parametrize("pipeline", ["training", "monitoring"])
def test_the_compiled_pipeline_is_the_golden_file(pipeline, tmp_path):
    """After a change on purpose: `estafet compile RUN.yaml -o tests/golden/NAME.yaml --pipeline NAME`, and look."""
    compiled = compile_pipeline(RUN, tmp_path / "p.yaml", pipeline=pipeline)

    assert without_versions(compiled.read_text()) == without_versions((GOLDEN / f"{pipeline}.yaml").read_text())


def test_the_pipeline_in_which_pods_tune_is_the_golden_file(tmp_path):
    """After a change on purpose: write it anew as above, of a run file with the settings of `PARALLEL`."""
    compiled = compile_pipeline(PARALLEL, tmp_path / "p.yaml")

    assert without_versions(compiled.read_text()) == without_versions((GOLDEN / "training-parallel.yaml").read_text())


@pytest.fixture(params=[(RUN, "training"), (RUN, "monitoring"), (PARALLEL, "training")])
def documents(request, tmp_path):
    """The two documents of a compiled pipeline: its specification and the platform's."""
    run, pipeline = request.param
    path = compile_pipeline(run, tmp_path / "p.yaml", pipeline=pipeline)
    return list(yaml.safe_load_all(path.read_text()))


def test_every_step_has_an_active_deadline(documents):
    spec, platform = documents
    deadlines = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    assert set(deadlines) == set(spec["deploymentSpec"]["executors"])
    assert {step["activeDeadlineSeconds"] for step in deadlines.values()} == {"86400"}


def test_every_step_runs_in_our_image_which_is_pinned(documents):
    images = {step["container"]["image"] for step in documents[0]["deploymentSpec"]["executors"].values()}

    assert images == {"estafet/python-step:0.1.0"}


def test_every_parameter_is_typed_and_no_path_of_this_machine_is_baked_in(documents):
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]

    assert all(parameter["parameterType"] in ("STRING", "STRUCT", "LIST") for parameter in parameters.values())
    assert all("defaultValue" not in parameter for parameter in parameters.values())
    assert ROOT not in yaml.safe_dump_all(documents)


def test_nothing_is_installed_when_a_step_starts(documents):
    assert "pip install" not in yaml.safe_dump_all(documents)


@pytest.mark.parametrize("run", [RUN, PARALLEL])
def test_kubeflow_reads_back_what_was_compiled(run, tmp_path):
    path = compile_pipeline(run, tmp_path / "p.yaml")

    loaded = components.load_component_from_file(str(path))

    assert loaded.pipeline_spec.pipeline_info.name == "estafet-training"


def test_without_tuning_the_graph_has_no_tune(tmp_path):
    run = RunFile(name="digits", task="image_classification", data={"source": "data"}, tune={"enabled": False})

    text = compile_pipeline(run, tmp_path / "p.yaml").read_text()

    assert "exec-train" in text
    assert "exec-tune" not in text


def test_pods_tune_over_parameters_before_the_step_that_proves(tmp_path):
    spec, platform = yaml.safe_load_all(compile_pipeline(PARALLEL, tmp_path / "p.yaml").read_text())
    (loop,) = spec["components"]["comp-tune-workers"]["dag"]["tasks"].values()
    relay = spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    told = {
        name: [(secret["secretName"], secret["keyToEnv"][0]["secretKey"], secret["keyToEnv"][0]["envVar"])]
        for name, step in executors.items()
        for secret in step.get("secretAsEnv", [])
    }

    assert loop["parameterIterator"]["items"]["raw"] == "[0, 1, 2]"
    assert loop["iteratorPolicy"]["parallelismLimit"] == 3
    assert "tune-workers" in relay["tune"]["dependentTasks"]
    assert told == {step: [("tune-storage", "password", "PGPASSWORD")] for step in ("exec-tune", "exec-tune-worker")}


@pytest.mark.parametrize(
    "tune",
    [
        {"workers": 1, "storage": "postgresql://estafet@db/tune"},
        {"workers": 3, "storage": "sqlite:///study.db"},
        {"workers": 3},
        {"workers": 3, "storage": "postgresql://estafet@db/tune", "enabled": False},
    ],
)
def test_pods_tune_only_where_several_can_meet_on_a_server(tune, tmp_path):
    run = RunFile(name="digits", task="image_classification", data={"source": "data"}, tune=tune)

    assert "tune-worker" not in compile_pipeline(run, tmp_path / "p.yaml").read_text()


def test_the_step_that_releases_gets_the_volume_of_the_served_models(tmp_path):
    deploy = {"target": "kserve", "models_dir": "/mnt/models", "servers": {"volume_claim": "models"}}
    run = RunFile(name="digits", task="image_classification", data={"source": "data"}, deploy=deploy)

    _, platform = yaml.safe_load_all(compile_pipeline(run, tmp_path / "p.yaml").read_text())

    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    mounts = {name: each["pvcMount"] for name, each in executors.items() if "pvcMount" in each}
    assert list(mounts) == ["exec-deploy"]
    assert [(each["constant"], each["mountPath"]) for each in mounts["exec-deploy"]] == [("models", "/mnt/models")]


def test_a_compiled_pipeline_must_be_a_yaml_file(tmp_path):
    with pytest.raises(ConfigError, match=r"a \.yaml file"):
        compile_pipeline(RUN, tmp_path / "pipeline.json")

    assert list(tmp_path.iterdir()) == []
