"""Releases to KServe: which revision gets which share of the requests, step by step."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from components.deploy import canary
from components.deploy.listing import listed
from components.deploy.rollback import roll_back
from components.deploy.step import deploy
from estafet.errors import ConfigError, GateRefused, StepFailed
from serving.targets.opening import open_target

from .conftest import speaking_as
from .playing_kserve import LightPredictor, PlayingKServe


@pytest.fixture
def kserve(api, models_dir, monkeypatch):
    """KServe at work."""
    monkeypatch.setattr(LightPredictor, "claims", {"models": models_dir}, raising=False)
    with PlayingKServe(speaking_as(api.url, "admin")) as playing:
        yield playing


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"target": "kserve"})


@pytest.fixture
def sharing(settings):
    """Settings with a canary."""
    trial = settings.canary.model_copy(update={"share": 0.1, "minutes": 0.02, "min_requests": 20})
    return settings.model_copy(update={"canary": trial})


@pytest.fixture
def run(settings, models_dir, kserve, kubeconfig, untested):
    def run(folder, over=None):
        return deploy(over or settings, folder, models_dir)

    return run


@pytest.fixture
def target(settings, models_dir, kubeconfig):
    return open_target(settings, models_dir, "toy")


def states(target) -> dict[int, str]:
    return {each.number: each.state for each in listed(target)}


def asked(kserve, version: int, *, failing: bool = False):
    """Return a sleep during which clients ask; the pods of one version may fail."""

    def sleep(seconds: float) -> None:
        for pod in list(kserve.servers.values()):
            pod.server.failing = failing and pod.uri.endswith(f"/v{version}")
            pod.server.ask(15)
        time.sleep(seconds)

    return sleep


def test_a_version_gets_all_requests_only_when_its_revision_is_ready(run, kserve, target, light_release, models_dir):
    run(light_release("a"))
    second = run(light_release("b"))

    assert kserve.shares == [{1: 100}, {2: 0, 1: 100}, {2: 100}]
    assert second.folder == f"{models_dir}/toy/v2/2"
    assert states(target) == {2: "serving", 1: "previous"}


def test_the_server_is_the_image_that_the_run_file_names_and_reads_the_claim(run, light_release, api):
    run(light_release("a"))

    predictor = api.objects["inferenceservices", "toy"]["spec"]["predictor"]
    assert predictor["model"]["image"] == "tensorflow/serving:2.20.0"
    assert predictor["model"]["storageUri"] == "pvc://models/toy/v1"
    assert predictor["minReplicas"] == 2
    assert predictor["model"]["securityContext"]["runAsNonRoot"] is True


def test_a_canary_gets_its_percents_and_then_all(run, kserve, sharing, target, light_release, monkeypatch):
    run(light_release("a"))
    monkeypatch.setitem(canary.watch.__kwdefaults__, "sleep", asked(kserve, 2))

    done = run(light_release("b"), sharing)

    assert kserve.shares == [{1: 100}, {2: 0, 1: 100}, {2: 10, 1: 90}, {2: 100}]
    assert "of the served version's 0.0%" in done.canary
    assert states(target) == {2: "serving", 1: "previous"}


def test_a_bad_canary_gets_nothing_more_at_once(run, kserve, sharing, target, light_release, monkeypatch):
    run(light_release("a"))
    monkeypatch.setitem(canary.watch.__kwdefaults__, "sleep", asked(kserve, 2, failing=True))

    with pytest.raises(GateRefused, match="requests failed"):
        run(light_release("b"), sharing)

    assert kserve.shares[:5] == [{1: 100}, {2: 0, 1: 100}, {2: 10, 1: 90}, {2: 0, 1: 100}, {1: 100}]
    assert kserve.shares[-1] == {1: 100}
    assert states(target) == {2: "rolled back", 1: "serving"}


def test_a_rollback_is_a_new_revision_of_the_earlier_version(run, kserve, target, light_release):
    run(light_release("a"))
    run(light_release("b"))

    roll_back(target)

    assert kserve.shares[2:] == [{2: 100}, {1: 0, 2: 100}, {1: 100}]
    assert states(target) == {2: "rolled back", 1: "serving"}


def test_a_revision_that_does_not_start_never_gets_a_request(run, kserve, settings, target, light_release, models_dir):
    run(light_release("a"))
    kserve.waiting["tensorflow/serving:9.9.9"] = "ImagePullBackOff", "Back-off pulling image"
    other = settings.servers.model_copy(update={"image": "tensorflow/serving:9.9.9"})
    release = light_release("b")

    with pytest.raises(StepFailed, match=r"pod toy-predictor-00002-\d: ImagePullBackOff: Back-off pulling image"):
        run(release, settings.model_copy(update={"servers": other}))
    kserve.waiting.clear()

    assert kserve.shares == [{1: 100}, {1: 100, 2: 0}][:1] or all(not each.get(2) for each in kserve.shares)
    assert [pod["model"]["image"] for _, _, pod in kserve._revisions] == [
        "tensorflow/serving:2.20.0", "tensorflow/serving:9.9.9", "tensorflow/serving:2.20.0"
    ]  # fmt: skip
    assert run(release).version == 3
    assert [path.name for path in sorted(Path(models_dir, "toy").iterdir())] == ["v1", "v3"]


def test_a_cluster_without_kserve_is_told_from_a_missing_resource(run, api, light_release):
    api.has_kserve = False

    with pytest.raises(ConfigError, match="KServe is not installed in the cluster") as refused:
        run(light_release("a"))

    assert "deploy.target: tensorflow-serving" in refused.value.hint


def test_without_knative_pods_are_replaced_and_a_canary_is_refused(
    run, kserve, sharing, target, light_release, monkeypatch
):
    kserve.mode = "RawDeployment"
    run(light_release("a"))
    run(light_release("b"))

    assert [pod.server.served for pod in kserve.servers.values()] == [2, 2]
    with pytest.raises(ConfigError, match="in its mode RawDeployment, which cannot give a canary a share"):
        run(light_release("c"), sharing)
    assert states(target) == {2: "serving", 1: "previous"}
