"""`deploy`: which target goes with which place, and how a wrong pair is told."""

from __future__ import annotations

import pytest

from estafet.errors import ConfigError
from estafet.runfile import load
from estafet.runfile.steps import settings_for

CLUSTER = "deploy: {target: tensorflow-serving, models_dir: gs://bucket/models}\n"


def deploy(write, text: str, **over: object):
    return load(write("train:\n", f"{text}train:\n"), overrides=[f"{key}={value}" for key, value in over.items()])


def test_a_bucket_or_a_volume_goes_with_a_cluster(write):
    bucket = deploy(write, CLUSTER)
    volume = deploy(write, "deploy: {target: kserve, models_dir: /mnt/models, servers: {volume_claim: models}}\n")

    assert bucket.models_address == "gs://bucket/models"
    assert volume.models_address == "/mnt/models"
    assert settings_for("deploy", bucket.run)["servers"]["image"].startswith("tensorflow/serving:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{models_dir: gs://b/m}", r"run\.yaml:6: deploy: the target local serves a folder of this machine"),
        ("{target: kserve}", r"the target kserve needs models_dir: a gs:// address, or the absolute path .* not given"),
        ("{target: kserve, models_dir: models}", r"needs models_dir: .*\(it is models\)"),
        ("{target: kserve, models_dir: s3://b/m}", r"of buckets only gs:// is written to"),
        ("{target: kserve, models_dir: /mnt/m}", r"models_dir is '/mnt/m', and servers\.volume_claim is not given"),
        ("{target: kserve, models_dir: gs://b/m, servers: {volume_claim: c}}", r"volume_claim is for a path"),
        ("{target: kserve, models_dir: gs://b/m, canary: {share: 0.005}}", r"whole percents, and canary\.share is"),
        ("{target: tensorflow_serving, models_dir: gs://b/m}", r"must be 'local', 'tensorflow-serving' or 'kserve'"),
    ],
)  # fmt: skip
def test_a_target_that_does_not_go_with_its_place_is_refused(write, text, message):
    with pytest.raises(ConfigError, match=message):
        deploy(write, f"deploy: {text}\n")


@pytest.mark.parametrize("image", ["tensorflow/serving", "registry:5000/serving"])
def test_an_image_without_a_tag_is_refused(write, image):
    with pytest.raises(ConfigError, match=r"deploy\.servers\.image"):
        deploy(write, CLUSTER, **{"deploy.servers.image": image})


@pytest.mark.parametrize("name", ["a" * 41, "ends-"])
def test_a_name_that_no_host_can_have_is_refused_on_a_cluster_only(write, name):
    with pytest.raises(ConfigError, match=r"name '.*' (has 41|ends in).*, and a cluster makes host names of it"):
        deploy(write, CLUSTER, name=name)
    assert load(write(), overrides=[f"name={name}"]).run.name == name


def test_a_command_that_needs_a_folder_says_so_of_a_bucket(write):
    with pytest.raises(ConfigError, match="'gs://bucket/models', and this command needs them in a folder") as refused:
        _ = deploy(write, CLUSTER).models_dir

    assert "deploy.target=local" in refused.value.hint
