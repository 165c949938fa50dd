"""Releases and rollbacks under load, on a real server: no request fails, and each answer is that of one version."""

from __future__ import annotations

import json
import threading
import urllib.request
from pathlib import Path

import pytest

from components.deploy.listing import listed
from components.deploy.rollback import roll_back
from components.deploy.step import deploy
from estafet.errors import GateRefused
from estafet.runfile.release import Canary
from serving.server.process import ServerProcess
from serving.targets.local import LocalTarget

from .conftest import add_papers

FACTORS = {1: 2.0, 2: 3.0}


@pytest.fixture(scope="module")
def multiply(tmp_path_factory):
    """Return a function that saves a model: y = factor · x, under an input of this name."""
    import tensorflow as tf

    def save(factor: float, name: str = "x") -> Path:
        class Multiply(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, name)])
            def serve(self, x):
                return {"y": factor * x}

        folder, module = tmp_path_factory.mktemp("multiply") / "model", Multiply()
        tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
        return add_papers(folder, f"{factor}{name}", (3.0, -4.0), "")

    return save


class Load:
    """Asks for y at x = 1 from several threads until it is stopped.

    Attributes:
        answers: The values that came, in the order in which they did.
        failures: What came instead.
    """

    def __init__(self, url: str, num_threads: int = 4):
        self._url = f"{url}/v1/models/toy:predict"
        self._stop = threading.Event()
        self.answers: list[float] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(num_threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(0.005):
            try:
                with urllib.request.urlopen(self._url, b'{"instances": [{"x": 1}]}', timeout=30) as answer:
                    self.answers.append(json.loads(answer.read())["predictions"][0])
            except OSError as error:
                self.failures.append(str(error))

    def wait_for(self, value: float, times: int = 50) -> None:
        """Wait until so many answers in a row are this value."""
        while self.answers[-times:] != [value] * times:
            assert not self._stop.wait(0.05)


@pytest.mark.slow
def test_a_canary_a_rollback_and_a_bad_canary_under_load(tmp_path, multiply, settings, untested):
    models_dir = tmp_path / "models"
    tried = Canary(share=0.3, minutes=0.02, min_requests=20, max_latency_ratio=20)
    with_canary = settings.model_copy(update={"canary": tried, "keep_versions": 5})
    deploy(with_canary, multiply(2.0), models_dir)
    with ServerProcess(models_dir, "toy", tmp_path, "--poll-s", "0.1") as server:
        with Load(server.wait_until_listening(60)) as load:
            load.wait_for(2.0)
            second = deploy(with_canary, multiply(3.0), models_dir)
            load.wait_for(3.0)
            until_canary_ended = load.answers[: len(load.answers) - 50]
            roll_back(LocalTarget(models_dir, "toy"))
            load.wait_for(2.0)
            assert (second.version, load.failures) == (2, [])
            assert set(load.answers) == {2.0, 3.0}
            assert until_canary_ended.count(3.0) > 20
            with pytest.raises(GateRefused, match=r"version 3 was rolled back in its canary: .* requests failed"):
                deploy(with_canary, multiply(4.0, "other"), models_dir)
            load.wait_for(2.0)

    assert load.failures, "the canary takes another input, so its share of the requests had to fail"
    assert len(load.failures) < 0.6 * len(load.answers)
    assert [each.state for each in listed(LocalTarget(models_dir, "toy"))] == ["rolled back", "rolled back", "serving"]
