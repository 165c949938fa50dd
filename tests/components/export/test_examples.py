"""The signatures on serialised examples answer as the one on raw inputs does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from estafet.records.reading import raw_examples
from estafet.release import Contract
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel

pytestmark = pytest.mark.slow
COUNT = 5


def serialised(contract: Contract, raw: dict[str, np.ndarray]) -> list[bytes]:
    """Write examples as a client would: each raw input under its own name."""
    examples = []
    for row in range(COUNT):
        features = {}
        for spec in contract.inputs():
            value = raw[spec.name][row]
            if spec.dtype == "string":
                words = [value if isinstance(value, bytes) else str(value).encode()]
                features[spec.name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=words))
            elif spec.dtype == "int64":
                features[spec.name] = tf.train.Feature(int64_list=tf.train.Int64List(value=np.ravel(value)))
            else:
                features[spec.name] = tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(value)))
        examples.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return examples


@pytest.mark.parametrize("task", list(Task))
def test_examples_are_answered_as_raw_inputs_are(task, relay_of, release_of):
    served = SavedModel(release_of(task))
    raw = raw_examples(relay_of(task).dataset, "test", COUNT)
    signature = tf.saved_model.load(str(release_of(task))).signatures["serving_examples"]

    found = signature(examples=tf.constant(serialised(served.contract, raw)))

    for name, expected in served.predict(raw).items():
        values = found[name].numpy()
        if values.dtype == object:
            assert [value.decode() for value in values] == expected.tolist()
        else:
            np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_a_column_that_an_example_lacks_is_missing(release_of):
    folder = release_of(Task.TABULAR_CLASSIFICATION)
    signature = tf.saved_model.load(str(folder)).signatures["serving_examples"]
    radius = tf.train.Feature(float_list=tf.train.FloatList(value=[30.0]))
    example = tf.train.Example(features=tf.train.Features(feature={"mean radius": radius}))
    missing = {
        "mean radius": np.array([30.0]),
        "größe (cm)": np.array([np.nan]),
        "colour": np.array([""], dtype=object),
    }

    found = signature(examples=tf.constant([example.SerializeToString()]))

    expected = SavedModel(folder).predict(missing)["probabilities"]
    np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-5)


def test_classify_gives_each_class_beside_its_score(relay_of, release_of):
    folder, task = release_of(Task.TABULAR_CLASSIFICATION), Task.TABULAR_CLASSIFICATION
    served, raw = SavedModel(folder), raw_examples(relay_of(task).dataset, "test", COUNT)

    found = tf.saved_model.load(str(folder)).signatures["classify"](
        inputs=tf.constant(serialised(served.contract, raw))
    )

    assert [[word.decode() for word in row] for row in found["classes"].numpy()] == [["no", "yes"]] * COUNT
    np.testing.assert_allclose(found["scores"], served.predict(raw)["probabilities"], rtol=1e-5)


@pytest.mark.parametrize(
    ("task", "signature", "method"),
    [
        (Task.TABULAR_CLASSIFICATION, "classify", "tensorflow/serving/classify"),
        (Task.IMAGE_CLASSIFICATION, "classify", "tensorflow/serving/classify"),
        (Task.TABULAR_REGRESSION, "regress", "tensorflow/serving/regress"),
        (Task.TABULAR_REGRESSION, "serving_examples", "tensorflow/serving/predict"),
    ],
)
def test_a_server_reads_the_method_of_each_signature(task, signature, method, release_of):
    saved = saved_model_pb2.SavedModel.FromString((release_of(task) / "saved_model.pb").read_bytes())

    assert saved.meta_graphs[0].signature_def[signature].method_name == method


def test_a_forecast_of_several_steps_has_no_regress(release_of):
    saved = saved_model_pb2.SavedModel.FromString((release_of(Task.FORECASTING) / "saved_model.pb").read_bytes())

    assert "regress" not in saved.meta_graphs[0].signature_def
