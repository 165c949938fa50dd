"""The image classifiers beside the default: residual networks, and the applications of Keras."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from estafet.training import models

SMALL = {"resnet": {"blocks": 1}}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_it_tells_stripes_apart_and_answers_the_same_once_saved_and_read(name, stripes, image_spec, tmp_path):
    images_NHWC, kinds_N = stripes
    keras.utils.set_random_seed(0)
    model = models.build(image_spec(8, 8, 1), name, {"filters": 8, **SMALL.get(name, {})})
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")

    model.fit({"image": images_NHWC[:320]}, kinds_N[:320], batch_size=32, epochs=4, verbose=0)

    held_out = {"image": tf.constant(images_NHWC[320:])}
    probabilities_NC = model(held_out, training=False).numpy()
    assert (probabilities_NC.argmax(axis=1) == kinds_N[320:]).mean() > 0.9
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(again(held_out, training=False), probabilities_NC)


@pytest.mark.slow
def test_an_application_learns_grey_images_and_answers_the_same_once_saved_and_read(stripes, image_spec, tmp_path):
    """The loss of three even chances is ln 3 = 1.1."""
    images_NHWC, kinds_N = np.repeat(np.repeat(stripes[0][:24], 4, axis=1), 4, axis=2), stripes[1][:24]
    keras.utils.set_random_seed(0)
    model = models.build(image_spec(32, 32, 1), "MobileNet", {"dropout": 0.0})
    # Eagerly, as tracing takes longer than so few steps do.
    model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy", run_eagerly=True)

    losses = model.fit({"image": images_NHWC}, kinds_N, batch_size=24, epochs=5, verbose=0).history["loss"]

    assert losses[-1] < 0.5 < 1 < losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    asked = {"image": tf.constant(images_NHWC)}
    np.testing.assert_array_equal(again(asked, training=False), model(asked, training=False))


@pytest.mark.parametrize("name", ["resnet", "MobileNetV3Small"])
def test_statistics_of_batches_are_those_of_all_replicas_and_follow_fast(name, image_spec):
    nested = [layer for layer in models.build(image_spec(32, 32, 3), name)._flatten_layers()]
    normalising = [layer for layer in nested if isinstance(layer, keras.layers.BatchNormalization)]

    assert normalising
    assert {(layer.synchronized, layer.momentum) for layer in normalising} == {(True, 0.9)}


@pytest.mark.parametrize(
    ("shape", "convolutions"),
    [((3, 3, 1), 1 + 4), ((8, 8, 1), 1 + 9), ((28, 28, 1), 1 + 19), ((96, 128, 3), 1 + 24), ((256, 256, 3), 1 + 24)],
)
def test_a_residual_network_is_as_deep_as_the_image_is_large(shape, convolutions, image_spec):
    """A first convolution, then stages of two blocks with two convolutions each, and one in each later shortcut.

    3 pixels are one stage; 8 → 4 are two; 28 → 14 → 7 → 4 four; 128, halved at once, → 64 → 32 → 16 → 8 → 4 five;
    256, halved twice at once, likewise.
    """
    model = models.build(image_spec(*shape), "resnet")

    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers) == convolutions
    assert model({"image": tf.zeros((2, *shape), tf.uint8)}, training=False).shape == (2, 3)


@pytest.mark.slow
def test_two_replicas_learn_what_one_device_learns_though_they_normalise_by_batch():
    """The last batch of 22 goes to both as 11 and 11; each half normalised alone would differ in the first digits."""
    code = """
        import keras, numpy as np, tensorflow as tf
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
        from estafet.runfile.tasks import Task
        from estafet.schema import Label, Schema
        from estafet.training import models
        from estafet.training.models import ModelSpec
        random = np.random.default_rng(0)
        spec = ModelSpec(Task.IMAGE_CLASSIFICATION, Schema(label=Label(name="l", classes=("a", "b"))), (8, 8, 1))
        images, kinds = random.integers(0, 256, (54, 8, 8, 1)).astype("uint8"), random.integers(0, 2, 54)
        weights = []
        for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
            keras.utils.set_random_seed(0)
            with strategy.scope():
                model = models.build(spec, "resnet", {"blocks": 1, "filters": 4, "dropout": 0.0})
                model.compile("sgd", "sparse_categorical_crossentropy")
            model.fit(tf.data.Dataset.from_tensor_slices(({"image": images}, kinds)).batch(32), epochs=2, verbose=0)
            weights.append(np.concatenate([array.ravel() for array in model.get_weights()]))
        print(np.abs(weights[0] - weights[1]).max())
    """

    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr[-3000:]
    assert float(ran.stdout) < 1e-5
