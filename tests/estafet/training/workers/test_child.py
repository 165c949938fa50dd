"""Which errors of TensorFlow mean that another worker is gone."""

from __future__ import annotations

import pytest
import tensorflow as tf

from estafet.errors import ServiceUnavailable
from estafet.training.workers.child import is_loss_of_peer

HEARTBEATS = (
    "Collective ops is aborted by: Error reported from /job:worker/task:1: The following tasks are unhealthy (stopped "
    "sending heartbeats):"
)


@pytest.mark.parametrize(
    ("error", "is_loss"),
    [
        (tf.errors.UnavailableError(None, None, HEARTBEATS), True),
        (tf.errors.InternalError(None, None, HEARTBEATS), True),
        (tf.errors.UnavailableError(None, None, "failed to connect to all addresses"), True),
        (tf.errors.InternalError(None, None, "cuDNN failed"), False),
        (tf.errors.ResourceExhaustedError(None, None, "OOM"), False),
        (ValueError(HEARTBEATS), False),
        (ServiceUnavailable("MLflow does not answer"), False),
    ],
)
def test_a_lost_peer_is_told_from_what_would_happen_again(error, is_loss):
    assert is_loss_of_peer(error) is is_loss
