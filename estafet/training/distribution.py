"""Chooses the distribution strategy for some devices, and divides batches over its replicas."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import tensorflow as tf

from estafet.errors import ConfigError
from estafet.training.devices import logical_devices
from estafet.training.feeding import ONE, Replicas


@cache
def strategy_for(devices: str) -> tf.distribute.Strategy:
    """Return the strategy for some devices, one and the same whenever a process asks.

    Models of different shapes under strategies of their own break each other ("Shape mismatch in the collective
    instance"). With one device it is TensorFlow's default: the result is the same, and a mirrored strategy of one
    replica makes the training of a small table take twice the CPU time.

    Args:
        devices: `cpu` for one replica on each logical CPU, `gpu` for one on each GPU, `one-gpu`, `tpu`, `multi-worker`
            for all processes that TF_CONFIG names, or `single` for TensorFlow's default device.

    Raises:
        ConfigError: There is no such device.
        EstafetError: A worker did not come.
    """
    if devices == "multi-worker":
        from estafet.training.workers.strategy import multi_worker_strategy

        return multi_worker_strategy()
    if devices == "tpu":
        return _tpu_strategy()
    if devices in ("single", "one-gpu"):
        return tf.distribute.get_strategy()
    found = logical_devices(devices.upper())
    if not found:
        raise ConfigError(
            f"train.devices is '{devices}', and TensorFlow sees no {devices.upper()} on this machine.",
            hint="set train.devices to auto or cpu; `estafet doctor` says what this machine has.",
        )
    if len(found) == 1 and (devices == "gpu" or not logical_devices("GPU")):
        return tf.distribute.get_strategy()
    if len(found) == 1:
        return tf.distribute.OneDeviceStrategy(found[0])
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of every device that is no GPU
    return tf.distribute.MirroredStrategy(found)


def _tpu_strategy() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except Exception as error:  # without a TPU it fails in ways that depend on the machine
        raise ConfigError(
            f"train.devices is 'tpu', and no TPU answers: {str(error).splitlines()[0] if str(error) else error!r}",
            hint="run it on a TPU VM, or set train.devices to auto.",
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def replicas_of(strategy: tf.distribute.Strategy) -> Replicas:
    """Return which replicas of a strategy this process has."""
    total = strategy.num_replicas_in_sync
    if total == 1:
        return ONE
    own = strategy.extended._num_replicas_in_sync if _is_one_process(strategy) else _num_local(strategy)
    resolver = strategy.cluster_resolver
    index = 0 if _is_one_process(strategy) else _worker_index(resolver)
    return Replicas(total, index * own, own)


def distributed(
    strategy: tf.distribute.Strategy, batches: Callable[[Replicas], tf.data.Dataset]
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Return a data set that gives each replica its share of each batch.

    Args:
        strategy: Whose replicas they are.
        batches: Returns the shares of some replicas, one after the other.
    """
    replicas = replicas_of(strategy)
    if replicas.total == 1:
        return batches(replicas)
    options = tf.distribute.InputOptions(experimental_fetch_to_device=True)
    return strategy.distribute_datasets_from_function(lambda _: batches(replicas), options)


def _is_one_process(strategy: tf.distribute.Strategy) -> bool:
    return not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _num_local(strategy: tf.distribute.Strategy) -> int:
    return len(strategy.extended.worker_devices)


def _worker_index(resolver: tf.distribute.cluster_resolver.ClusterResolver) -> int:
    """Return which of all workers this is: the chief comes first."""
    cluster = resolver.cluster_spec().as_dict()
    return resolver.task_id + (len(cluster.get("chief", [])) if resolver.task_type == "worker" else 0)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Return whether this process is the one of a training's processes that writes files."""
    return _is_one_process(strategy) or _worker_index(strategy.cluster_resolver) == 0
