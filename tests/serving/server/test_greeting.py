"""The example that a server prints."""

from __future__ import annotations

import json
import shlex

import pytest

from estafet.release import Smoke
from serving.server.greeting import TINY_PNG, curl_example, empty_instance
from serving.server.models import ServedModel
from serving.server.models.places import LocalPlace
from serving.server.signature import Signature, TensorSpec


def spec(dtype: str, *shape: int | None) -> TensorSpec:
    return TensorSpec("t:0", dtype, (None, *shape))


SIGNATURE = Signature({"size": spec("float"), "color": spec("string")}, {"y": spec("float")})


class Loaded:
    """A model that has nothing but a signature."""

    def __init__(self, folder):
        self.signatures, self.signature_def = {"serving_default": SIGNATURE}, {}

    def close(self):
        """Nothing to free."""


@pytest.fixture
def model(tmp_path) -> ServedModel:
    (tmp_path / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "1" / "saved_model.pb").touch()
    served = ServedModel("m", LocalPlace(tmp_path / "m"), Loaded)
    while not served.settled:
        served.step()
    return served


def body(command: str) -> object:
    words = shlex.split(command)
    assert words[:3] == ["curl", "-s", "http://h:1/v1/models/m:predict"]
    return json.loads(words[words.index("-d") + 1])


def test_an_instance_without_data_has_every_input():
    signature = Signature({"values": spec("float", 2, 1), "n": spec("int64"), "image_bytes": spec("string")}, {})

    assert empty_instance(signature) == {"values": [[0.0], [0.0]], "n": 0, "image_bytes": {"b64": TINY_PNG}}


def test_the_example_follows_the_signature(model):
    assert body(curl_example(model, "http://h:1")) == {"instances": [{"size": 0.0, "color": ""}]}


def test_a_held_out_example_is_preferred_and_safe_in_a_shell(model):
    instance = {"size": 1.5, "color": "it's $HOME"}
    Smoke(instances=(instance,), output="y", expected=(1.0,)).save(model.place.folder / "1")

    assert body(curl_example(model, "http://h:1")) == {"instances": [instance]}
