"""Submitting to a Kubeflow back end."""

from __future__ import annotations

import pytest

from estafet.errors import ConfigError, ServiceUnavailable, StepFailed
from estafet.runfile import load
from pipelines.cluster import submit_training, wait_for


@pytest.fixture
def run_file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("name: tiny\ntask: tabular_regression\ndata: {source: data.csv, label: y}\n")
    return path


@pytest.fixture
def cluster_run(run_file, monkeypatch):
    """A run file whose data are in a bucket; listing the bucket is storage's business, tested there."""
    listed = []
    monkeypatch.setattr("estafet.provenance._remote_files", lambda source: listed)
    return load(run_file, overrides=["data.source=gs://bucket/data.csv", "deploy.models_dir=/mnt/models"])


def test_a_submitted_run_carries_every_parameter_and_ends_in_the_experiment_of_its_name(cluster_run, kubeflow):
    submitted = submit_training(cluster_run, kubeflow.url)

    run = kubeflow.runs[0]
    assert kubeflow.experiments[0]["display_name"] == "tiny"
    assert run["runtime_config"]["parameters"]["ingest_settings"]["source"] == ["gs://bucket/data.csv"]
    assert run["runtime_config"]["parameters"]["models_dir"] == "/mnt/models"
    assert submitted.run_id == "r0"
    assert wait_for(submitted, timeout_s=20) == "SUCCEEDED"


def test_models_may_go_to_a_bucket_that_the_clusters_servers_read(run_file, kubeflow, monkeypatch):
    monkeypatch.setattr("estafet.provenance._remote_files", lambda source: [])
    over = ["data.source=gs://bucket/data.csv", "deploy.models_dir=gs://bucket/models", "deploy.target=kserve"]

    submit_training(load(run_file, overrides=over), kubeflow.url)

    given = kubeflow.runs[0]["runtime_config"]["parameters"]
    assert (given["models_dir"], given["champion"]) == ("gs://bucket/models", "")
    assert given["deploy_settings"]["target"] == "kserve"


def test_waiting_for_a_run_that_fails_ends_with_its_state(cluster_run, kubeflow):
    kubeflow.final_state = "FAILED"

    with pytest.raises(StepFailed, match="ended FAILED"):
        wait_for(submit_training(cluster_run, kubeflow.url), timeout_s=20)


def test_data_on_this_machine_are_refused_before_anything_is_sent(run_file, kubeflow):
    with pytest.raises(ConfigError, match=r"'data\.csv' on this machine"):
        submit_training(load(run_file), kubeflow.url)

    assert kubeflow.runs == []


def test_labels_on_this_machine_are_refused_too(run_file, kubeflow):
    overrides = ["data.source=gs://bucket/images", "data.labels=labels.csv"]

    with pytest.raises(ConfigError, match=r"data\.labels names 'labels\.csv' on this machine"):
        submit_training(load(run_file, overrides=overrides), kubeflow.url)

    assert kubeflow.runs == []


def test_a_back_end_that_is_away_is_named(cluster_run):
    with pytest.raises(ServiceUnavailable, match=r"http://127\.0\.0\.1:9 does not answer"):
        submit_training(cluster_run, "http://127.0.0.1:9")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:port", "http://127.0.0.1/a b"])
def test_an_end_point_that_is_no_url_is_said(cluster_run, endpoint):
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        submit_training(cluster_run, endpoint)


def test_without_an_end_point_the_hint_says_how_to_give_one(cluster_run):
    with pytest.raises(ConfigError) as caught:
        submit_training(cluster_run)

    assert "--endpoint" in caught.value.hint
