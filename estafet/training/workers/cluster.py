"""Who the workers are: TF_CONFIG, checked, and one for each worker of a training on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estafet.errors import ConfigError

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'
LOOPBACK = "127.0.0.1"
JOBS = ("chief", "worker")


@dataclass(frozen=True)
class Cluster:
    """The workers of one training, as one of them sees them.

    Attributes:
        addresses: `HOST:PORT` of each worker, the chief's first.
        index: Which of them this one is, from 0.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this is the worker that writes checkpoints and the model."""
        return self.index == 0

    @property
    def chief(self) -> tuple[str, int]:
        """Host and port of the chief."""
        host, _, port = self.addresses[0].rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def token(self) -> str:
        """Return what all workers of this training have in common, and those of another have not."""
        return hashlib.sha256(" ".join(self.addresses).encode()).hexdigest()[:16]

    def environment(self) -> dict[str, str]:
        """Return TF_CONFIG for this worker's training process; the chief is worker 0 in it, whatever it was called."""
        task = {"type": "worker", "index": self.index}
        return {VARIABLE: json.dumps({"cluster": {"worker": list(self.addresses)}, "task": task})}


def from_environment(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Return the cluster that TF_CONFIG describes, or None where it is not set.

    Raises:
        ConfigError: It is no JSON object, lacks a part, or holds an address or index that cannot be.
    """
    text = environment.get(VARIABLE, "").strip()
    return parse(text) if text else None


def parse(text: str) -> Cluster:
    """Read TF_CONFIG.

    Args:
        text: A JSON object as TensorFlow describes it: `cluster` with the addresses of `worker` (and `chief`), `task`
            with the `type` and `index` of this one.

    Raises:
        ConfigError: It does not describe a cluster, or not this worker's place in it.
    """
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong(f"it is no JSON ({error})") from error
    jobs = _jobs(_part(config, "cluster"))
    task = _part(config, "task")
    kind, index = task.get("type"), task.get("index")
    if kind not in jobs:
        raise _wrong(f"task.type is {kind!r}, and cluster has {' and '.join(jobs)}")
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(jobs[kind]):
        raise _wrong(f"task.index is {index!r}, and cluster.{kind} has {len(jobs[kind])} addresses")
    addresses = tuple(address for job in JOBS for address in jobs.get(job, ()))
    if len(set(addresses)) < len(addresses):
        raise _wrong("two workers have the same address")
    return Cluster(addresses, index + (len(jobs.get("chief", ())) if kind == "worker" else 0))


def on_this_machine(num_workers: int) -> list[Cluster]:
    """Return the clusters, as each of them sees it, of workers on this machine, at ports that are free now."""
    with contextlib.ExitStack() as stack:
        addresses = []
        for _ in range(num_workers):
            held = stack.enter_context(socket.socket())
            held.bind((LOOPBACK, 0))
            addresses.append(f"{LOOPBACK}:{held.getsockname()[1]}")
    return [Cluster(tuple(addresses), index) for index in range(num_workers)]


def _jobs(cluster: Mapping[str, Any]) -> dict[str, list[str]]:
    others = sorted(set(cluster) - set(JOBS))
    if others:
        raise _wrong(f"cluster.{others[0]} has no part in this kind of training")
    for job, addresses in cluster.items():
        if not isinstance(addresses, list) or not addresses:
            raise _wrong(f"cluster.{job} is {addresses!r}, not a list of addresses")
        for address in addresses:
            match = (
                re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})", address) if isinstance(address, str) else None
            )
            if not match or not 0 < int(match[2]) < 65536:
                raise _wrong(f"cluster.{job} holds {address!r}, not HOST:PORT")
    if len(cluster.get("chief", ())) > 1:
        raise _wrong("there can be one chief only")
    return dict(cluster)


def _part(config: Any, name: str) -> Mapping[str, Any]:
    part = config.get(name) if isinstance(config, dict) else None
    if not isinstance(part, dict) or not part:
        raise _wrong(f"it has no object '{name}'")
    return part


def _wrong(why: str) -> ConfigError:
    return ConfigError(f"the environment's {VARIABLE} is wrong: {why}.", hint=f"it looks like this: {EXAMPLE}")
