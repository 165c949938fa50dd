"""What a student minimises, against the same formulas in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estafet.runfile.company import Distill
from estafet.runfile.tasks import Task
from estafet.schema import Label, NumericFeature, Schema
from estafet.training.company.distillation import divergence, objective
from estafet.training.models import ModelSpec

NUMBERS = tuple(NumericFeature(name=n, mean=0, std=1, min=-1, max=1, missing_share=0) for n in "ab")
CLASSES = ModelSpec(
    Task.TABULAR_CLASSIFICATION, Schema(numeric=NUMBERS, label=Label(name="l", classes=("x", "y", "z")))
)
PRICE = ModelSpec(Task.TABULAR_REGRESSION, Schema(numeric=NUMBERS, label=Label(name="p", mean=0, std=10)))
RANDOM = np.random.default_rng(0)
FEATURES = {"numeric": tf.constant(RANDOM.normal(size=(6, 2)), tf.float32)}
TEACHER_NC, STUDENT_NC = (RANDOM.dirichlet([1, 1, 1], 6).astype(np.float32) for _ in range(2))
LABELS_N = tf.constant([0, 1, 2, 0, 1, 2])


def saying(answers):
    """Return a model that gives these answers, whatever it is asked; while it is trained it would give others."""

    class Fixed(keras.Model):
        def call(self, inputs, training=None):
            return tf.constant(answers) * (0.5 if training else 1.0)

    return Fixed()


def minimised(spec, teacher, student, labels, **settings) -> float:
    return float(objective(saying(teacher), spec, Distill(**settings))(FEATURES, labels, tf.constant(student)))


def test_at_temperature_1_and_alpha_1_it_is_the_divergence_of_the_probabilities():
    expected = np.mean(np.sum(TEACHER_NC * np.log(TEACHER_NC / STUDENT_NC), axis=1))

    assert minimised(CLASSES, TEACHER_NC, STUDENT_NC, LABELS_N, temperature=1, alpha=1) == pytest.approx(
        expected, rel=1e-5
    )


def test_a_temperature_evens_both_out_and_the_loss_is_stretched_by_its_square():
    """Softening at T raises each probability to the power 1/T and divides by the sum."""
    soft = [p ** (1 / 3) / (p ** (1 / 3)).sum(axis=1, keepdims=True) for p in (TEACHER_NC, STUDENT_NC)]
    to_teacher = 9 * np.mean(np.sum(soft[0] * np.log(soft[0] / soft[1]), axis=1))
    to_label = -np.mean(np.log(STUDENT_NC[np.arange(6), LABELS_N.numpy()]))

    found = minimised(CLASSES, TEACHER_NC, STUDENT_NC, LABELS_N, temperature=3, alpha=0.7)

    assert found == pytest.approx(0.7 * to_teacher + 0.3 * to_label, rel=1e-5)


def test_a_student_that_says_what_its_teacher_says_has_nothing_to_learn_from_it():
    assert minimised(CLASSES, TEACHER_NC, TEACHER_NC, LABELS_N, alpha=1) == pytest.approx(0, abs=1e-6)


def test_with_alpha_0_only_the_labels_count():
    expected = -np.mean(np.log(STUDENT_NC[np.arange(6), LABELS_N.numpy()]))

    assert minimised(CLASSES, TEACHER_NC, STUDENT_NC, LABELS_N, alpha=0) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_that_is_sure_and_a_student_that_is_surely_wrong_give_a_finite_loss_and_gradient():
    """In logits z of the student, the gradient of the divergence at T = 1 is (student − teacher)."""
    logits_NC = tf.constant([[0.0, 40.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits_NC)
        found = divergence(tf.constant([[1.0, 0.0]]), tf.nn.softmax(logits_NC), 1.0)

    assert found.numpy() == pytest.approx([40], rel=1e-4)
    np.testing.assert_allclose(tape.gradient(found, logits_NC), [[-1, 1]], atol=1e-4)


def test_numbers_are_pulled_towards_the_teacher_and_the_label():
    """Half the squared error in standard deviations of the label (10): of 20 it is 2, and of 40 it is 8."""
    taught, said, labels = [[30.0]] * 6, [[10.0]] * 6, tf.constant([50.0] * 6)

    assert minimised(PRICE, taught, said, labels, alpha=0.25) == pytest.approx(0.25 * 2 + 0.75 * 8)
