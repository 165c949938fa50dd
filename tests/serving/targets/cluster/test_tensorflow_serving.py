"""Releases to TensorFlow Serving's Deployment: what the pods serve, and what if they do not take a version."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from components.deploy import canary
from components.deploy.listing import listed
from components.deploy.rollback import roll_back
from estafet.errors import GateRefused, StepFailed
from serving.targets.opening import open_target

from .playing import eventually


@pytest.fixture
def target(settings, models_dir, kubeconfig):
    return open_target(settings, models_dir, "toy")


@pytest.fixture
def sharing(settings):
    """Settings with a canary."""
    trial = settings.canary.model_copy(update={"share": 0.3, "minutes": 0.02, "min_requests": 20})
    return settings.model_copy(update={"canary": trial})


def states(target) -> dict[int, str]:
    return {each.number: each.state for each in listed(target)}


def served(playing, track: str = "stable") -> list[int]:
    return [pod.server.served for pod in playing.of_track(track)]


def gaps(playing) -> list[str]:
    return [gap for pod in playing.servers.values() for gap in pod.server.gaps]


def test_the_first_release_makes_the_servers_and_the_next_ones_change_what_they_serve(
    run, playing, target, light_release, models_dir
):
    first = run(light_release("a"))
    pods = set(playing.servers)
    second = run(light_release("b"))

    assert (first.version, second.version, second.folder) == (1, 2, f"{models_dir}/toy/2")
    assert served(playing) == [2, 2]
    assert [pod.server.labels for pod in playing.of_track("stable")] == [{"stable": 2}] * 2
    assert set(playing.servers) == pods, "pods were started anew"
    assert gaps(playing) == []
    assert states(target) == {2: "serving", 1: "previous"}


def test_the_servers_are_told_of_versions_by_number_and_of_their_labels(run, playing, light_release, models_dir, api):
    run(light_release("a"))

    config = api.objects["configmaps", "toy-config"]["data"]["models.config"]
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    model = text_format.Parse(config, ModelServerConfig()).model_config_list.config[0]
    assert (model.name, model.base_path, model.model_platform) == ("toy", f"{models_dir}/toy", "tensorflow")
    assert list(model.model_version_policy.specific.versions) == [1]
    assert dict(model.version_labels) == {"stable": 1}


def test_a_rollback_moves_the_label_back_and_to_brings_it_forward_again(run, playing, target, light_release):
    for note in "abc":
        run(light_release(note))

    back = roll_back(target)
    after = served(playing), states(target)
    forward = roll_back(target, to=3)

    assert (back.number, back.withdrawn, forward.number) == (2, (3,), 3)
    assert after == ([2, 2], {3: "rolled back", 2: "serving", 1: "previous"})
    assert served(playing) == [3, 3]
    assert states(target) == {3: "serving", 2: "previous", 1: "previous"}
    assert gaps(playing) == []


def test_a_version_that_the_pods_cannot_load_is_undone_with_their_words(
    run, playing, target, light_release, models_dir
):
    run(light_release("a"))
    broken = light_release("b")
    (broken / "saved_model.pb").write_bytes(b"broken")

    with pytest.raises(
        StepFailed, match=r"version 2 of 'toy' is not served: pod toy-\d cannot load version 2: no graph"
    ):
        run(broken)

    assert served(playing) == [1, 1]
    assert states(target) == {1: "serving"}
    assert [path.name for path in Path(models_dir, "toy").iterdir()] == ["1"]
    assert run(light_release("c")).version == 3, "servers remember of a number that they did not load"


def test_a_version_that_answers_otherwise_in_the_cluster_is_undone(run, playing, target, light_release):
    run(light_release("a"))
    other = light_release("b")
    recorded = json.loads((other / "estafet" / "smoke.json").read_text())
    (other / "estafet" / "smoke.json").write_text(json.dumps({**recorded, "expected": [3.0, 4.0]}))

    with pytest.raises(StepFailed, match=r"instance 1 it answers prediction = -4\.0, where 4\.0 was expected"):
        run(other)

    assert (served(playing), states(target)) == ([1, 1], {1: "serving"})


def test_changed_settings_reach_the_pods_with_a_release_that_is_served_already(
    run, playing, settings, light_release, api
):
    release = light_release("a")
    run(release)
    wider = settings.model_copy(
        update={"servers": settings.servers.model_copy(update={"replicas": 3, "memory": "4Gi"})}
    )

    again = run(release, wider)

    assert (again.version, again.published) == (1, False)
    assert served(playing) == [1, 1, 1]
    pod = api.objects["deployments", "toy"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {"memory": "4Gi"}


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ({"waiting": {"tensorflow/serving:2.20.0": ("ImagePullBackOff", "Back-off pulling image")}},
         r"pod toy-\d: ImagePullBackOff: Back-off pulling image"),
        ({"quota": 'pods "x" is forbidden: exceeded quota: small'}, r"FailedCreate: .*exceeded quota.*describe quota"),
        ({"no_node": "0/3 nodes are available: 3 Insufficient memory."},
         r"within 0\.5 s: pod toy-\d finds no node: Unschedulable: 0/3 nodes are available: 3 Insufficient memory"),
    ],
)  # fmt: skip
def test_pods_that_do_not_start_end_the_release_with_the_clusters_reason(
    trouble, message, run, playing, settings, target, light_release, api
):
    for key, value in trouble.items():
        setattr(playing, key, value)
    servers = settings.servers.model_copy(update={"rollout_timeout_s": 0.5})

    with pytest.raises(StepFailed, match=message):
        run(light_release("a"), settings.model_copy(update={"servers": servers}))

    assert states(target) == {}
    assert ("deployments", "toy") not in api.objects, "nothing is left of it"


def test_an_image_that_is_not_there_is_taken_back_too(run, playing, settings, target, light_release, api):
    run(light_release("a"))
    playing.waiting["tensorflow/serving:9"] = "ErrImageNeverPull", "no such image"
    other = settings.model_copy(
        update={"servers": settings.servers.model_copy(update={"image": "tensorflow/serving:9"})}
    )

    with pytest.raises(StepFailed, match="ErrImageNeverPull: no such image"):
        run(light_release("b"), other)

    assert (served(playing), states(target)) == ([1, 1], {1: "serving"})
    pod = api.objects["deployments", "toy"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "tensorflow/serving:2.20.0"
    with pytest.raises(StepFailed, match="ErrImageNeverPull"):
        run(light_release("a2"), other)


def watching(playing, *, failing: bool = False, latency_us: float = 1000.0, num: int = 15):
    """Return a sleep that lets clients ask all pods meanwhile."""

    def sleep(seconds: float) -> None:
        for track in ("stable", "canary"):
            for pod in playing.of_track(track):
                pod.server.failing = failing and track == "canary"
                pod.server.latency_us = latency_us if track == "canary" else 1000.0
                pod.server.ask(num)
        time.sleep(seconds)

    return sleep


def test_a_canary_has_pods_of_its_own_and_is_promoted_when_it_did_well(
    run, playing, sharing, target, light_release, monkeypatch, api
):
    run(light_release("a"))
    seen = []

    def sleep(seconds: float, asks=watching(playing)) -> None:
        seen.append((served(playing), served(playing, "canary"), playing.of_track("canary")[0].server.labels))
        asks(seconds)

    monkeypatch.setitem(canary.watch.__kwdefaults__, "sleep", sleep)
    done = run(light_release("b"), sharing)

    assert seen[0] == ([1, 1], [2], {"stable": 1, "canary": 2})
    assert "of the served version's 0.0%" in done.canary
    assert served(playing) == [2, 2]
    eventually(lambda: served(playing, "canary") == [])
    assert states(target) == {2: "serving", 1: "previous"}
    eventually(lambda: not [name for _, name in api.objects if "canary" in name])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"failing": True}, "100.0% of its"),
        ({"latency_us": 9000.0}, "its median request took"),
        ({"num": 0}, "it got 0"),
    ],
)
def test_a_canary_that_does_badly_is_taken_back(
    bad, reason, run, playing, sharing, target, light_release, monkeypatch, api
):
    run(light_release("a"))
    monkeypatch.setitem(canary.watch.__kwdefaults__, "sleep", watching(playing, **bad))

    with pytest.raises(GateRefused, match=reason):
        run(light_release("b"), sharing)

    assert served(playing) == [1, 1]
    assert states(target) == {2: "rolled back", 1: "serving"}
    eventually(lambda: not [name for _, name in api.objects if "canary" in name])


def test_old_versions_leave_the_folder(run, playing, settings, target, light_release, models_dir):
    few = settings.model_copy(update={"keep_versions": 2})
    for note in "abc":
        run(light_release(note), few)

    assert sorted(path.name for path in Path(models_dir, "toy").iterdir()) == ["2", "3"]
    assert states(target) == {3: "serving", 2: "previous", 1: "removed"}
