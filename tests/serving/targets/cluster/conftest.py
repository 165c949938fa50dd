"""A cluster in this process, in which light servers play TensorFlow Serving, and tiny releases for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from components.deploy.step import Settings
from estafet.runfile.release import Servers
from serving.targets.cluster import lease, waiting
from serving.targets.cluster.api import Cluster

from ....components.deploy.conftest import add_papers, fake_registry, light_release, untested  # noqa: F401
from .api_server import NAMESPACE, Api, ApiServer
from .light_server import LightServer
from .playing import Playing

INFRA = Path(__file__).parents[4] / "infra" / "kubernetes" / "release"


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    """Nothing here takes longer than a moment."""
    monkeypatch.setattr(waiting, "LOOK_S", 0.02)
    monkeypatch.setattr(lease, "DURATION_S", 1)
    monkeypatch.setattr(lease, "RENEW_S", 0.2)
    monkeypatch.setattr("components.deploy.canary.LOOK_S", 0.02)
    monkeypatch.setattr("serving.targets.cluster.api.RETRY_S", 0.3)
    monkeypatch.setattr("serving.targets.cluster.api.WAIT_S", 0.02)


@pytest.fixture
def role() -> list[dict]:
    """The rules of the Role that the repository ships."""
    return yaml.safe_load((INFRA / "role.yaml").read_text())["rules"]


@pytest.fixture
def api(role) -> Iterator[Api]:
    """The state of an API that allows releases nothing but what the Role says."""
    api = Api(rules=role)
    server = ApiServer(api)
    api.url = server.url
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield api
    server.shutdown()
    server.server_close()


@pytest.fixture
def kubeconfig(api, tmp_path, monkeypatch) -> Path:
    """A kubeconfig by which commands find it, as the pipeline's account."""
    path = tmp_path / "kubeconfig"
    about = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": api.url}}],
        "users": [{"name": "u", "user": {"token": "release"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(about))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return path


def speaking_as(url: str, who: str) -> Cluster:
    """Return the API as somebody sees it."""
    settings = client.Configuration(host=url, api_key={"authorization": f"Bearer {who}"})
    settings.retries = False
    return Cluster(client.ApiClient(settings), NAMESPACE)


class LightPod:
    """A pod of TensorFlow Serving, as the Deployment's arguments and files say."""

    def __init__(self, pod: dict, ip: str):
        container = pod["spec"]["containers"][0]
        self.arguments = dict(re.fullmatch(r"--(\w+)=(.*)", each).groups() for each in container["args"])
        self.server = LightServer(ip, int(self.arguments["rest_api_port"]), "toy")

    def mount(self, files: dict[str, str]) -> None:
        assert self.arguments["monitoring_config_file"] in files
        self.server.configure(files[self.arguments["model_config_file"]], {})

    def is_listening(self) -> bool:
        return bool(self.server.loaded)

    def close(self) -> None:
        self.server.close()


@pytest.fixture
def playing(api) -> Iterator[Playing]:
    """The cluster at work."""
    with Playing(speaking_as(api.url, "admin"), LightPod) as playing:
        yield playing


@pytest.fixture
def models_dir(tmp_path) -> str:
    """Where the volume is mounted, here and in the pods."""
    return str(tmp_path / "models")


@pytest.fixture
def settings(models_dir) -> Settings:
    """Settings for TensorFlow Serving on a volume."""
    servers = Servers(namespace=NAMESPACE, volume_claim="models", rollout_timeout_s=10)
    return Settings(name="toy", target="tensorflow-serving", models_dir=models_dir, servers=servers, keep_versions=5)


@pytest.fixture
def run(settings, models_dir, playing, kubeconfig, untested) -> Callable:  # noqa: F811
    """Return a function that releases a version."""
    from components.deploy.step import deploy

    def run(folder: Path, over: Settings | None = None, **named):
        return deploy(over or settings, folder, models_dir, **named)

    return run
