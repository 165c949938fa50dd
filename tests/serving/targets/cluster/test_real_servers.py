"""Releases from a bucket to pods in which a real model server runs, started with the Deployment's very arguments."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from components.deploy.listing import listed
from components.deploy.rollback import roll_back
from components.deploy.step import deploy
from estafet.errors import GateRefused
from estafet.release import Smoke
from estafet.runfile.release import Canary
from serving.targets.cluster.manifests import CONFIG_DIR
from serving.targets.opening import open_target

from ....components.deploy.conftest import add_papers, release, saved_model  # noqa: F401
from ....estafet.storage.conftest import emulator  # noqa: F401
from .conftest import speaking_as
from .playing import Playing

ESTAFET = Path(sys.executable).with_name("estafet")


class RealPod:
    """A pod: our server, which takes TensorFlow Serving's flags; its ConfigMap is mounted beside the test."""

    root: Path

    def __init__(self, pod: dict, ip: str):
        self.ip, self._folder = ip, self.root / pod["metadata"]["name"]
        arguments = [each.replace(CONFIG_DIR, str(self._folder)) for each in pod["spec"]["containers"][0]["args"]]
        self._command = [str(ESTAFET), "serve", *arguments, f"--bind_address={ip}"]
        self._process: subprocess.Popen | None = None

    def mount(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            file = self._folder / Path(path).name
            if not file.exists() or file.read_text() != text:
                file.parent.mkdir(exist_ok=True)
                new = file.with_suffix(".new")
                new.write_text(text)
                new.rename(file)
        if self._process is None:
            with (self._folder / "log").open("wb") as log:
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def is_listening(self) -> bool:
        with socket.socket() as tried:
            tried.settimeout(1)
            return tried.connect_ex((self.ip, 8501)) == 0

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Clients:
    """Ask all pods, one after another, until they are told to stop."""

    def __init__(self, playing: Playing):
        self._playing, self._ended = playing, threading.Event()
        self.answers: list[float] = []
        self.failures: list[str] = []

    def __enter__(self) -> Clients:
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.005):
            for pod in [each for each in self._playing.servers.values() if each.is_listening()]:
                url = f"http://{pod.ip}:8501/v1/models/toy:predict"
                try:
                    with urllib.request.urlopen(url, b'{"instances": [{"x": 1.0}]}', timeout=20) as answer:
                        self.answers.append(json.loads(answer.read())["predictions"][0]["prediction"])
                except urllib.error.HTTPError as error:
                    self.failures.append(f"{error.code} {error.read()[:200]}")
                except OSError:
                    continue  # the pod is ending, and is no longer among its Service's


@pytest.fixture
def bucket(emulator, monkeypatch) -> str:  # noqa: F811
    """An empty folder of a bucket, as everybody here finds it."""
    urllib.request.urlopen(f"{emulator}/wipe?keep-buckets=true").read()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    return "gs://data/models"


@pytest.fixture
def of_z(tmp_path) -> Path:
    """A release of a model that takes another input than the others."""
    import tensorflow as tf

    class OfZ(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "z")])
        def serve(self, z):
            return {"prediction": 2 * z}

    folder, module = tmp_path / "of_z", OfZ()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    add_papers(folder, "z", (3.0,), "")
    Smoke(instances=({"z": 1.5},), output="prediction", expected=(3.0,)).save(folder)
    return folder


@pytest.mark.slow
def test_versions_go_from_a_bucket_to_servers_that_lose_no_request_and_a_bad_one_goes_back(
    bucket,
    settings,
    api,
    kubeconfig,
    untested,
    release,  # noqa: F811
    of_z,
    tmp_path,
    monkeypatch,
):
    monkeypatch.setattr(RealPod, "root", tmp_path, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    servers = {"replicas": 1, "volume_claim": None, "config_poll_s": 1, "rollout_timeout_s": 90}
    settings = settings.model_copy(
        update={"models_dir": bucket, "servers": settings.servers.model_copy(update=servers)}
    )
    sharing = settings.model_copy(update={"canary": Canary(share=0.5, minutes=0.1, min_requests=20)})
    target = open_target(settings, bucket, "toy")
    with Playing(speaking_as(api.url, "admin"), RealPod) as playing:
        deploy(settings, release("a"), bucket)
        with Clients(playing) as clients:
            second = deploy(settings, release("b"), bucket)
            roll_back(target)
            third = deploy(sharing, release("c"), bucket)
            with pytest.raises(GateRefused, match="requests failed"):
                deploy(sharing, of_z, bucket)

    assert (second.folder, third.version) == (f"{bucket}/toy/2", 3)
    assert {each.number: each.state for each in listed(target)} == {
        4: "rolled back", 3: "serving", 2: "rolled back", 1: "previous"
    }  # fmt: skip
    assert "of the served version's 0.0%" in third.canary
    assert set(clients.answers) == {2.0}
    assert len(clients.answers) > 200
    assert all("400" in failure for failure in clients.failures), "only the bad canary refuses"
