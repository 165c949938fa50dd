"""TensorFlow's strategy for several workers, made so that a peer's loss is noticed in seconds."""

from __future__ import annotations

import functools
import logging
import os
import signal
import threading

import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context

from estafet.errors import ConfigError
from estafet.training.workers import cluster as clusters
from estafet.training.workers.relay import PIPE_VARIABLE, Relay
from estafet.training.workers.rendezvous import meet

HEARTBEAT_TIMEOUT_S = 10
LEADER = "/job:worker/replica:0/task:0"


@functools.cache
def multi_worker_strategy() -> tf.distribute.Strategy:
    """Return MultiWorkerMirroredStrategy for the cluster in TF_CONFIG, when all workers are there.

    It must be asked for before TensorFlow is used for anything, even for a constant; later calls in the same process
    return the same strategy. Who notices what: a worker that never comes, the rendezvous (the supervisor's; or here,
    in a process without one); the death of a process, and a machine that vanishes, the supervisors' connections; a
    process that is there but frozen, TensorFlow's coordination service, whose heartbeats time out after
    `HEARTBEAT_TIMEOUT_S` seconds (100 by default): a collective operation that waits then raises `UnavailableError`.

    Raises:
        ConfigError: TF_CONFIG is wrong, or not set.
        ServiceUnavailable: Some workers did not come; their addresses are named.
    """
    cluster = clusters.from_environment()
    if cluster is None:
        raise ConfigError(
            f"several workers are to train, and {clusters.VARIABLE} does not say who they are.",
            hint="start them with `estafet train-workers`, or set it for each: " + clusters.EXAMPLE,
        )
    if PIPE_VARIABLE not in os.environ and (links := meet(cluster)):
        links.close()
    os.environ.update(cluster.environment())
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=LEADER,
        coordinated_jobs=[coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=len(cluster.addresses))],
        heartbeat_timeout_in_ms=HEARTBEAT_TIMEOUT_S * 1000,
    )
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of every device that is no GPU
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    _take_back_sigterm()
    Relay.from_environment().tell("joined")
    return strategy


def _take_back_sigterm() -> None:
    """Have Python's own handler called again: the coordination service puts its preemption notifier in its place."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
