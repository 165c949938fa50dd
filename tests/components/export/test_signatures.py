"""A release answers raw features, by the names that the data have."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from components.export import signatures
from estafet.records.reading import raw_examples
from estafet.release import Contract, Release
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("task", list(Task))
def test_the_answers_have_the_names_and_shapes_of_the_contract(task, relay_of, release_of):
    served = SavedModel(release_of(task))

    answers = served.predict(raw_examples(relay_of(task).dataset, "test", 5))

    expected = {spec.name: (5, *spec.shape) for spec in served.contract.outputs()}
    assert {name: values.shape for name, values in answers.items()} == expected


@pytest.mark.parametrize("task", list(Task))
def test_the_signature_on_disk_has_the_names_of_the_contract(task, release_of):
    """What a server reads is the protobuf, not the Python object."""
    saved = saved_model_pb2.SavedModel.FromString((release_of(task) / "saved_model.pb").read_bytes())
    signature = saved.meta_graphs[0].signature_def["serving_default"]
    contract = Contract.load(release_of(task))

    assert set(signature.inputs) == {spec.name for spec in contract.inputs()}
    assert set(signature.outputs) == {spec.name for spec in contract.outputs()}


def test_a_session_of_tensorflow_1_feeds_columns_by_their_real_names(relay_of, release_of):
    """This is how TensorFlow Serving runs a model."""
    folder = release_of(Task.TABULAR_CLASSIFICATION)
    raw = raw_examples(relay_of(Task.TABULAR_CLASSIFICATION).dataset, "test", 3)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        signature = graph.signature_def["serving_default"]
        feed = {signature.inputs[name].name: raw[name] for name in signature.inputs}
        found = session.run(signature.outputs["probabilities"].name, feed)

    assert found == pytest.approx(SavedModel(folder).predict(raw)["probabilities"], abs=1e-6)


def test_each_column_reaches_its_own_place(relay_of, release_of):
    """The class follows from the radius, so that a small one must be `no` and a large one `yes`."""
    raw = {
        "mean radius": np.array([1.0, 30.0]),
        "größe (cm)": np.array([np.nan, 0.0]),
        "colour": np.array(["", "never seen"], dtype=object),
    }

    answers = SavedModel(release_of(Task.TABULAR_CLASSIFICATION)).predict(raw)

    assert answers["class"].tolist() == ["no", "yes"]
    assert answers["confidence"] == pytest.approx(answers["probabilities"].max(axis=1))


def test_images_of_other_sizes_kinds_and_colours_are_answered(release_of):
    buffers = []
    for mode, kind, size in (("L", "PNG", 8), ("RGB", "JPEG", 16), ("RGBA", "PNG", 32)):
        pixels = np.full((size, size), 30, np.uint8)
        pixels[:, : size // 2] = 180
        buffers.append(io.BytesIO())
        Image.fromarray(pixels).convert(mode).save(buffers[-1], kind)

    answers = SavedModel(release_of(Task.IMAGE_CLASSIFICATION)).predict(
        {"image_bytes": np.array([buffer.getvalue() for buffer in buffers], dtype=object)}
    )

    assert answers["class"].tolist() == ["left"] * 3


def test_bytes_that_are_no_image_are_an_invalid_argument(release_of):
    served = SavedModel(release_of(Task.IMAGE_CLASSIFICATION))

    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        served.predict({"image_bytes": np.array([b"no image"], dtype=object)})


def test_augmentation_does_not_run_when_served(tmp_path, relay_of, release_of):
    """The same image twice, in two calls, gets the same answer from a model that turns it about in training."""
    import keras

    contract = Contract.load(release_of(Task.IMAGE_CLASSIFICATION))
    image = keras.Input(contract.image_shape, name="image", dtype="uint8")
    turned = keras.layers.RandomRotation(0.5)(keras.layers.Rescaling(1 / 255)(image))
    classes = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(turned))
    model = keras.Model({"image": image}, classes)
    raw = raw_examples(relay_of(Task.IMAGE_CLASSIFICATION).dataset, "test", 4)

    signatures.write_saved_model(model, contract, tmp_path)
    contract.save(tmp_path)
    served = SavedModel(tmp_path)

    first, second = (served.predict(raw)["probabilities"] for _ in range(2))
    assert (first == second).all()


def test_each_weight_is_saved_once(release_of):
    folder = release_of(Task.IMAGE_CLASSIFICATION)
    shapes = [shape for _, shape in tf.train.list_variables(str(folder / "variables" / "variables"))]

    assert sum(int(np.prod(shape)) for shape in shapes if shape) == Release.load(folder).num_parameters


def test_a_table_in_a_users_own_layer_is_exported(tmp_path, relay_of, release_of):
    import keras

    class Known(keras.layers.Layer):
        """Whether a word is in a table."""

        def __init__(self):
            super().__init__()
            words = tf.lookup.KeyValueTensorInitializer(["red"], [1.0])
            self.table = tf.lookup.StaticHashTable(words, 0.0)

        def call(self, words):
            return self.table.lookup(words)

    contract = Contract.load(release_of(Task.TABULAR_CLASSIFICATION))
    inputs = {"numeric": keras.Input((2,), name="numeric"), "categorical": keras.Input((1,), dtype="string")}
    known = Known()(inputs["categorical"])
    model = keras.Model(inputs, keras.layers.Concatenate()([known, 1 - known]))

    signatures.write_saved_model(model, contract, tmp_path)
    contract.save(tmp_path)
    raw = {"mean radius": np.zeros(2), "größe (cm)": np.zeros(2), "colour": np.array(["red", "blue"], dtype=object)}

    assert SavedModel(tmp_path).predict(raw)["probabilities"].tolist() == [[1, 0], [0, 1]]
