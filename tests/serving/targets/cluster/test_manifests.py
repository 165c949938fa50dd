"""What the pods are made of, and what the repository ships for who may release."""

from __future__ import annotations

import pytest
import yaml

from estafet.runfile.release import Servers
from serving.server.flags import DEFAULTS, options_of, read
from serving.targets.cluster.api import PATHS
from serving.targets.cluster.inference_service import Status, inference_service, monitoring_config
from serving.targets.cluster.manifests import Serving, config_map, deployment, num_canary_pods, service
from serving.targets.cluster.pods import Pod
from serving.targets.cluster.shelves import open_shelf

from .api_server import Failure, check_fields
from .conftest import INFRA

SERVERS = Servers(service_account="reader", volume_claim="models")


def made() -> list[dict]:
    serving = Serving((1, 2), {"stable": 1})
    return [
        config_map("m", "stable", serving, "gs://b/m"),
        service("m", None),
        service("m", "canary"),
        deployment("m", "stable", 3, SERVERS, "/mnt/models"),
        monitoring_config("m"),
    ]


@pytest.mark.parametrize("manifest", made(), ids=lambda each: each["kind"])
def test_the_official_models_know_every_field(manifest):
    check_fields(PATHS[manifest["kind"]].rpartition("/")[2], manifest)


def test_a_field_that_they_do_not_know_is_found():
    manifest = deployment("m", "stable", 3, SERVERS, "/mnt/models")
    manifest["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}

    with pytest.raises(Failure, match=r"readyProbe"):
        check_fields("deployments", manifest)


def test_the_pods_run_as_nobody_and_may_do_nothing():
    pod = deployment("m", "stable", 3, SERVERS, "/mnt/models")["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["serviceAccountName"] == "reader"
    container = pod["containers"][0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert all(mount["readOnly"] for mount in container["volumeMounts"] if mount["name"] != "tmp")
    assert {"name": "models", "mountPath": "/mnt/models", "readOnly": True} in container["volumeMounts"]


def test_the_arguments_are_flags_of_the_server(tmp_path):
    arguments = deployment("m", "stable", 1, SERVERS, "/m")["spec"]["template"]["spec"]["containers"][0]["args"]

    flags = read(arguments)

    assert flags.unknown == ()
    assert flags.given <= DEFAULTS.keys() - {"host", "bind_address"}
    options = options_of(flags)
    assert (options.port, options.grpc_port, options.labels_may_wait) == (8501, 8500, True)
    assert options.config_poll_s == SERVERS.config_poll_s


def test_a_slow_load_is_no_reason_to_start_a_pod_anew():
    slow = SERVERS.model_copy(update={"rollout_timeout_s": 1200.0})
    container = deployment("m", "stable", 1, slow, "/m")["spec"]["template"]["spec"]["containers"][0]

    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 1200
    assert container["livenessProbe"]["tcpSocket"] == startup["tcpSocket"] == {"port": "http"}


@pytest.mark.parametrize(
    ("share", "num_pods", "num_canary"), [(0.1, 9, 1), (0.1, 2, 1), (0.5, 4, 4), (0.25, 9, 3), (0.9, 1, 9)]
)
def test_a_share_is_that_of_the_pods(share, num_pods, num_canary):
    assert num_canary_pods(share, num_pods) == num_canary


def test_quotes_in_a_path_stay_in_it():
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    text = Serving((3,), {"stable": 3}).text("m", '/mnt/"odd"/m')

    assert text_format.Parse(text, ModelServerConfig()).model_config_list.config[0].base_path == '/mnt/"odd"/m'


@pytest.mark.parametrize(
    ("models_dir", "nests", "address", "uri"),
    [
        ("gs://b/models", False, "gs://b/models/m/3", "gs://b/models/m"),
        ("gs://b/models/", True, "gs://b/models/m/v3/3", "gs://b/models/m/v3"),
        ("/mnt/models", True, "/mnt/models/m/v3/3", "pvc://claim/m/v3"),
    ],
)
def test_a_version_has_the_place_that_its_servers_read(models_dir, nests, address, uri):
    shelf = open_shelf(models_dir, "m", nests=nests, claim="claim")

    assert (shelf.address(3), shelf.storage_uri(3)) == (address, uri)


def test_kserve_is_told_the_image_the_runtime_and_the_share():
    servers = Servers(runtime="kserve-tensorflow-serving", image="registry/serving:1", replicas=1)

    predictor = inference_service("m", 3, "gs://b/m/v3", 10, servers)["spec"]["predictor"]

    assert predictor["canaryTrafficPercent"] == 10
    assert predictor["model"]["runtime"] == "kserve-tensorflow-serving"
    assert predictor["model"]["image"] == "registry/serving:1"
    assert "canaryTrafficPercent" not in inference_service("m", 3, "gs://b", None, servers)["spec"]["predictor"]


def test_kserves_own_words_are_the_most_telling_ones():
    found = {
        "metadata": {"name": "m", "generation": 4, "annotations": {"estafet/version": "3"}},
        "spec": {"predictor": {"canaryTrafficPercent": 0}},
        "status": {
            "conditions": [
                {"type": "Ready", "status": "False", "reason": "PredictorNotReady"},
                {"type": "PredictorReady", "status": "False", "reason": "RevisionFailed", "message": "no image"},
            ],
            "modelStatus": {
                "transitionStatus": "BlockedByFailedLoad",
                "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "storage: 403"},
            },
        },
    }

    blocked = Status.of(found)
    found["status"]["modelStatus"]["transitionStatus"] = "InProgress"

    assert (blocked.said, blocked.has_failed) == ("ModelLoadFailed: storage: 403", True)
    assert (Status.of(found).said, Status.of(found).has_failed) == ("RevisionFailed: no image", False)


@pytest.mark.parametrize(
    ("state", "words", "is_hopeless"),
    [
        ({"waiting": {"reason": "ContainerCreating"}}, None, None),
        ({"waiting": {"reason": "ErrImagePull", "message": "x"}}, "pod p: ErrImagePull: x", False),
        ({"waiting": {"reason": "ImagePullBackOff"}}, "pod p: ImagePullBackOff", True),
        ({"terminated": {"reason": "OOMKilled", "exitCode": 137}}, "c ended with OOMKilled (status 137)", False),
    ],
)  # fmt: skip
def test_why_a_pod_is_not_ready_is_read_from_its_status(state, words, is_hopeless):
    status = {"containerStatuses": [{"name": "c", "state": state, "restartCount": 2}]}

    pod = Pod.of({"metadata": {"name": "p"}, "status": status})

    assert pod.num_restarts == 2
    assert (pod.trouble and words in pod.trouble.words) == (None if words is None else True)
    assert (pod.trouble and pod.trouble.is_hopeless) == is_hopeless


def test_the_manifests_name_one_another():
    role, binding, kustomization = (
        yaml.safe_load((INFRA / name).read_text()) for name in ("role.yaml", "role-binding.yaml", "kustomization.yaml")
    )

    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": role["metadata"]["name"],
    }
    assert kustomization["resources"] == ["role.yaml", "role-binding.yaml"]
    assert {path.name for path in INFRA.iterdir()} == {*kustomization["resources"], "kustomization.yaml"}
    for rule in role["rules"]:
        assert not {"*"} & {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert "secrets" not in rule["resources"]
