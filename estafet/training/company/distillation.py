"""What a student minimises: its distance from the teacher's answers, and from the labels."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import tensorflow as tf

from estafet.runfile.company import Distill
from estafet.training.learner import Objective
from estafet.training.models import ModelSpec
from estafet.training.objectives import loss_for

SMALLEST_PROBABILITY = 1e-30
"""So small that no gradient of a softmax in float32 is cut off, and above the numbers that GPUs round to 0."""


def objective(teacher: keras.Model, spec: ModelSpec, settings: Distill) -> Objective:
    """Return what a student of `teacher` minimises.

    For classes it is alpha · T² · KL(teacher ‖ student), both at temperature T, + (1 − alpha) · cross-entropy, in nats
    for each example; T² keeps the gradients as large as they are at T = 1. For numbers it is alpha · error to the
    teacher + (1 − alpha) · error to the label, each as the task measures errors. Models give probabilities and no
    logits; log p are logits, but for a constant that the softmax does not see.

    Args:
        teacher: It answers the same features as the student, and does not change.
        spec: The task.
        settings: Temperature and alpha.

    Source:
        Hinton et al., "Distilling the knowledge in a neural network", 2015; for generations of students Furlanello et
        al., "Born-again neural networks", 2018.
    """
    error, alpha, temperature = loss_for(spec), settings.alpha, settings.temperature

    def minimised(features: Mapping[str, tf.Tensor], labels: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
        taught = tf.stop_gradient(tf.cast(teacher(features, training=False), tf.float32))
        predictions = tf.cast(predictions, tf.float32)
        if spec.task.is_classification:
            to_teacher = temperature**2 * divergence(taught, predictions, temperature)
        else:
            to_teacher = error.call(taught, tf.reshape(predictions, tf.shape(taught)))
        to_label = error.call(labels, predictions)  # not `error(…)`, which divides by the number of replicas
        return tf.reduce_mean(alpha * to_teacher + (1 - alpha) * to_label)

    return minimised


def divergence(teacher_NC: tf.Tensor, student_NC: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return KL(teacher ‖ student) of each example in nats, shape (N,), both softened.

    Args:
        teacher_NC: Probabilities.
        student_NC: Probabilities.
        temperature: Above 0; 1 takes them as they are, more evens them out.
    """
    log_teacher_NC, log_student_NC = (_softened(found, temperature) for found in (teacher_NC, student_NC))
    return tf.reduce_sum(tf.exp(log_teacher_NC) * (log_teacher_NC - log_student_NC), axis=-1)


def _softened(probabilities_NC: tf.Tensor, temperature: float) -> tf.Tensor:
    logits_NC = tf.math.log(tf.maximum(probabilities_NC, SMALLEST_PROBABILITY))
    return tf.nn.log_softmax(logits_NC / temperature, axis=-1)
