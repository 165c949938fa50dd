"""Every forecaster, and a network that normalises by batch, answers from a SavedModel as it did in Keras."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.export import signatures
from estafet.records.manifest import WindowSpec
from estafet.release import Contract
from estafet.runfile.architectures import BY_TASK
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel
from estafet.schema import Label, NumericFeature, Schema
from estafet.training import models
from estafet.training.models import ModelSpec

pytestmark = pytest.mark.slow
LOOKBACK, HORIZON = 12, 3
NUMBERS = tuple(NumericFeature(name=n, mean=5, std=2, min=0, max=9, missing_share=0) for n in "yz")
SERIES = Schema(numeric=NUMBERS, label=Label(name="y"))
IMAGES = Schema(label=Label(name="l", classes=("a", "b", "c")))


def _with_other_weights(model):
    """Return the model with weights moved at random: some start at zero, which would hide what comes before them."""
    random = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype == "float32":  # and no state of a random generator
            variable.assign_add(0.1 * random.random(variable.shape, np.float32))
    return model


@pytest.mark.parametrize("name", BY_TASK[Task.FORECASTING])
def test_a_forecaster_answers_batches_of_any_size_with_values_missing(name, tmp_path):
    spec = ModelSpec(Task.FORECASTING, SERIES, lookback=LOOKBACK, horizon=HORIZON)
    model = _with_other_weights(models.build(spec, name))
    values_NLC = np.random.default_rng(1).normal(5, 2, (5, LOOKBACK, 2)).astype(np.float32)
    values_NLC[0, 3] = values_NLC[1, -1, 0] = np.nan
    contract = Contract(
        task=spec.task, data_schema=SERIES, window=WindowSpec(lookback=LOOKBACK, horizon=HORIZON, stride=1, season=1)
    )

    signatures.write_saved_model(model, contract, tmp_path / "saved")
    contract.save(tmp_path / "saved")

    served, expected = SavedModel(tmp_path / "saved"), model({"values": values_NLC}, training=False).numpy()
    for count in (1, 3, 5):
        answers = served.predict({"values": values_NLC[:count]})["forecast"]
        np.testing.assert_allclose(answers, expected[:count], rtol=1e-4, atol=1e-4)


def test_a_residual_network_normalises_by_what_it_has_learnt_and_not_by_the_request(tmp_path):
    spec = ModelSpec(Task.IMAGE_CLASSIFICATION, IMAGES, image_shape=(8, 8, 1))
    model = _with_other_weights(models.build(spec, "resnet", {"blocks": 1}))
    images_NHWC = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8)
    contract = Contract(task=spec.task, data_schema=IMAGES, image_shape=spec.image_shape)

    signatures.write_saved_model(model, contract, tmp_path / "saved")
    contract.save(tmp_path / "saved")

    files = np.array([tf.io.encode_png(image).numpy() for image in images_NHWC], dtype=object)
    served, expected = SavedModel(tmp_path / "saved"), model({"image": images_NHWC}, training=False).numpy()
    for count in (1, 4):
        answers = served.predict({"image_bytes": files[:count]})["probabilities"]
        np.testing.assert_allclose(answers, expected[:count], atol=1e-5)
