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


def without_versions(text: str) -> str:
    """Leave out what changes with the library and not with us."""
    return re.sub(r"sdkVersion: kfp-[\d.]+", "sdkVersion: kfp-X", text)


@pytest.mark.parametrize("pipeline", ["training", "monitoring"])
def test_the_compiled_pipeline_is_the_golden_file(pipeline, tmp_path):
    """After a change on purpose: `estafet compile RUN.yaml -o tests/golden/NAME.yaml --pipeline NAME`, and look."""
    compiled = compile_pipeline(RUN, tmp_path / "p.yaml", pipeline=pipeline)

    assert without_versions(compiled.read_text()) == without_versions((GOLDEN / f"{pipeline}.yaml").read_text())


@pytest.fixture(params=["training", "monitoring"])
def documents(request, tmp_path):
    """The two documents of a compiled pipeline: its specification and the platform's."""
    path = compile_pipeline(RUN, tmp_path / "p.yaml", pipeline=request.param)
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


def test_kubeflow_reads_back_what_was_compiled(tmp_path):
    path = compile_pipeline(RUN, tmp_path / "p.yaml")

    loaded = components.load_component_from_file(str(path))

    assert loaded.pipeline_spec.pipeline_info.name == "estafet-training"


def test_without_tuning_the_graph_has_no_tune(tmp_path):
    run = RunFile(name="digits", task="image_classification", data={"source": "data"}, tune={"enabled": False})

    text = compile_pipeline(run, tmp_path / "p.yaml").read_text()

    assert "exec-train" in text
    assert "exec-tune" not in text


def test_a_compiled_pipeline_must_be_a_yaml_file(tmp_path):
    with pytest.raises(ConfigError, match=r"a \.yaml file"):
        compile_pipeline(RUN, tmp_path / "pipeline.json")

    assert list(tmp_path.iterdir()) == []
