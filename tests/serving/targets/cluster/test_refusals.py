"""What a cluster refuses, in words that say what to type next."""

from __future__ import annotations

import pytest

from components.deploy.step import deploy
from estafet.errors import ConfigError, ServiceUnavailable, StepFailed
from serving.targets.cluster.refusals import Refused, as_ours
from serving.targets.opening import open_target


def released(settings, models_dir, light_release):
    return deploy(settings, light_release("a"), models_dir)


@pytest.mark.parametrize(
    ("resource", "verb"),
    [("deployments", "patch"), ("leases", "create"), ("pods/proxy", "get"), ("configmaps", "update"), ("pods", "list")],
)
def test_a_missing_permission_is_named_with_the_command_that_grants_it(
    resource, verb, settings, models_dir, light_release, untested, playing, kubeconfig, api
):
    api.rules = [
        {**rule, "verbs": [v for v in rule["verbs"] if v != verb] if resource in rule["resources"] else rule["verbs"]}
        for rule in api.rules
    ]

    with pytest.raises(ConfigError, match=rf"cannot {verb} resource \"{resource}\"") as refused:
        released(settings, models_dir, light_release)

    assert "kubectl apply -n models -k infra/kubernetes/release" in refused.value.hint
    assert f"kubectl auth can-i {verb} {resource} -n models" in refused.value.hint


def test_the_role_allows_nothing_that_no_release_asks_for(
    settings, models_dir, light_release, untested, playing, kubeconfig, api, role
):
    """KServe's rule is left out: what it needs is seen by its own releases, under the same Role."""
    for note in "abc":
        deploy(settings.model_copy(update={"keep_versions": 2}), light_release(note), models_dir)
    asked = {(each.group, each.resource, each.verb) for each in api.asked}

    granted = {
        (group, resource, verb)
        for rule in role
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if group != "serving.kserve.io"
    }
    assert asked <= granted
    assert granted - asked <= {("", "services", "get"), ("", "services", "create"), ("", "services", "update"),
                               ("apps", "deployments", "create"), ("", "configmaps", "delete")}  # fmt: skip


def test_a_namespace_that_is_not_there_is_told(settings, models_dir, light_release, untested, kubeconfig):
    servers = settings.servers.model_copy(update={"namespace": "nowhere"})

    with pytest.raises(ConfigError, match="there is no namespace 'nowhere' in the cluster") as refused:
        released(settings.model_copy(update={"servers": servers}), models_dir, light_release)

    assert "kubectl create namespace nowhere" in refused.value.hint


def test_a_token_that_nobody_knows_is_told(settings, models_dir, light_release, kubeconfig):
    kubeconfig.write_text(kubeconfig.read_text().replace("token: release", "token: old"))

    with pytest.raises(ConfigError, match="does not know who asks"):
        released(settings, models_dir, light_release)


def test_a_cluster_that_is_away_is_named(settings, models_dir, light_release, kubeconfig, api):
    kubeconfig.write_text(kubeconfig.read_text().replace(api.url, "http://127.0.0.1:9"))

    with pytest.raises(ServiceUnavailable, match=r"the cluster at http://127\.0\.0\.1:9 does not answer"):
        released(settings, models_dir, light_release)


def test_without_a_cluster_it_says_how_to_choose_one(settings, models_dir, kubeconfig):
    with pytest.raises(ConfigError, match=r"no cluster can be used") as missing:
        servers = settings.servers.model_copy(update={"context": "moon"})
        open_target(settings.model_copy(update={"servers": servers}), models_dir, "toy")
    assert "kubectl config get-contexts" in missing.value.hint

    kubeconfig.unlink()
    with pytest.raises(ConfigError, match=r"no cluster can be used"):
        open_target(settings, models_dir, "toy")


@pytest.mark.parametrize(
    ("status", "message", "kind", "words"),
    [
        (403, 'services "m" is forbidden: exceeded quota: q', StepFailed, "a quota of the namespace 'n' is used up"),
        (422, "Deployment is invalid: spec.replicas", ConfigError, "refuses to patch deployments"),
        (500, "etcdserver: request timed out", ServiceUnavailable, "HTTP 500 to PATCH"),
    ],
)
def test_other_refusals_have_their_kind(status, message, kind, words):
    refused = Refused(status, message, "x", "PATCH", "/apis/apps/v1/namespaces/n/deployments/m")

    error = as_ours(refused, "n")

    assert type(error) is kind
    assert words in error.message
    assert message in error.message
