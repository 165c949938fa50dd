"""Every architecture of tables learns what no constant knows, and starts from knowing nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estafet.runfile.architectures import BY_TASK
from estafet.runfile.tasks import Task
from estafet.training import models

NAMES = BY_TASK[Task.TABULAR_CLASSIFICATION]


def _rows(num_rows: int = 600) -> tuple[dict, np.ndarray, np.ndarray]:
    """Return rows with some numbers and words missing; whether a sum is above 0, and whether two signs differ."""
    random = np.random.default_rng(0)
    numeric_NF = random.normal(0, 1, (num_rows, 2)).astype(np.float32)
    words_N = random.choice(["red", "green", ""], num_rows)
    summed_N = numeric_NF[:, 0] + 1.5 * (words_N == "red") - 0.5 > 0
    differ_N = (numeric_NF[:, 0] > 0) != (numeric_NF[:, 1] > 0)
    numeric_NF[random.random(num_rows) < 0.03, 1] = np.nan
    return {"numeric": numeric_NF, "categorical": words_N[:, None]}, summed_N.astype(int), differ_N.astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_learns_what_no_constant_knows_and_answers_the_same_once_saved_and_read(name, table_spec, tmp_path):
    """Both classes are about as frequent; that two signs differ is no linear matter."""
    inputs, summed_N, differ_N = _rows()
    label_N = summed_N if name == "linear" else differ_N
    keras.utils.set_random_seed(0)
    model = models.build(table_spec(), name)
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", steps_per_execution=10)

    model.fit(tf.data.Dataset.from_tensor_slices((inputs, label_N)).take(400).batch(16), epochs=10, verbose=0)

    asked = {column: tf.constant(values) for column, values in inputs.items()}
    answers_NC = model(asked, training=False).numpy()
    assert (answers_NC.argmax(axis=1) == label_N)[400:].mean() > 0.9
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(again(asked, training=False), answers_NC)


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_at_the_mean_of_the_label_or_without_preferring_a_class(name, table_spec):
    inputs = {"numeric": tf.constant([[5.0, np.nan]]), "categorical": tf.constant([["never seen"]])}

    predicted = models.build(table_spec(Task.TABULAR_REGRESSION), name)(inputs, training=False).numpy()
    probabilities = models.build(table_spec(), name)(inputs, training=False).numpy()

    np.testing.assert_allclose(predicted, [[152]])
    np.testing.assert_allclose(probabilities, [[0.5, 0.5]])


def test_the_hidden_layers_of_a_perceptron_become_narrower(table_spec):
    model = models.build(table_spec(), "mlp", {"units": 12, "layers": 3})

    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [12, 6, 3, 2]
