"""The warm-up that a release writes, as TensorFlow's own messages and the model server read it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from components.deploy.warmup import WARMUP_FILE, write_warm_up
from estafet.release import Contract, Smoke
from estafet.runfile.tasks import Task
from estafet.schema import Label, NumericFeature, Schema

CONTRACT = Contract(
    task=Task.TABULAR_REGRESSION,
    data_schema=Schema(
        numeric=(NumericFeature(name="x", mean=0, std=1, min=-2, max=2, missing_share=0),), label=Label(name="y")
    ),
)


@pytest.fixture
def version(tmp_path) -> Path:
    folder = tmp_path / "1"
    CONTRACT.save(folder)
    Smoke(instances=({"x": 1.5}, {"x": -2.0}), output="prediction", expected=(3.0, -4.0)).save(folder)
    return folder


def logs(folder: Path) -> list:
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    records = tf.data.TFRecordDataset(str(folder / WARMUP_FILE))
    return [PredictionLog.FromString(record.numpy()) for record in records]


def test_each_example_is_a_request_and_all_together_are_one_more(version):
    import tensorflow as tf

    assert write_warm_up(version, "toy") == 3

    requests = [log.predict_log.request for log in logs(version)]
    assert {(r.model_spec.name, r.model_spec.signature_name) for r in requests} == {("toy", "serving_default")}
    arrays = [tf.make_ndarray(r.inputs["x"]) for r in requests]
    assert [(a.dtype, a.tolist()) for a in arrays] == [
        (np.float32, [1.5]),
        (np.float32, [-2.0]),
        (np.float32, [1.5, -2.0]),
    ]


def test_words_and_files_are_strings(version, monkeypatch):
    import tensorflow as tf

    from estafet.release import TensorSpec

    specs = (TensorSpec(name="word", dtype="string"), TensorSpec(name="times", dtype="int64", shape=(2,)))
    monkeypatch.setattr(Contract, "inputs", lambda _: specs)
    instances = ({"word": "größe", "times": [1, 2]}, {"word": {"b64": "AP8="}, "times": [3, 4]})
    Smoke(instances=instances, output="y", expected=(0, 0)).save(version)

    write_warm_up(version, "toy")

    inputs = logs(version)[2].predict_log.request.inputs
    assert tf.make_ndarray(inputs["word"]).tolist() == ["größe".encode(), b"\x00\xff"]
    assert tf.make_ndarray(inputs["times"]).tolist() == [[1, 2], [3, 4]]


def test_a_warm_up_that_is_there_stays(version):
    (version / "assets.extra").mkdir()
    (version / WARMUP_FILE).write_bytes(b"mine")

    assert write_warm_up(version, "toy") == 0
    assert (version / WARMUP_FILE).read_bytes() == b"mine"


def test_a_release_without_a_contract_has_none(version):
    shutil.rmtree(version / "estafet")

    assert write_warm_up(version, "toy") == 0


def test_the_server_replays_it(version, saved_model):
    from serving.server.engine.savedmodel import SavedModel
    from serving.server.engine.warmup import warm_up

    shutil.copytree(saved_model, version, dirs_exist_ok=True)
    write_warm_up(version, "toy")
    model = SavedModel(version)
    try:
        assert warm_up(model, version) == 3
    finally:
        model.close()
