"""Where the workers meet before TensorFlow starts: all come, or the addresses of those who did not are named.

TensorFlow itself cannot be asked. While it waits for its peers (`TFE_EnableCollectiveOps`) it holds Python's global
lock, so that no thread and no signal handler runs, the chief waits for ever whatever `cluster_register_timeout` says,
and no error names an address. So the supervisors meet first, in plain Python: the chief's listens at the chief's own
address, which TensorFlow does not need yet, and lets all go when the last has come. The connections stay open while the
training processes run (links.py).
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from estafet.errors import ConfigError, EstafetError, ServiceUnavailable
from estafet.telemetry import describe, rebuild
from estafet.training.workers.cluster import LOOPBACK, Cluster
from estafet.training.workers.links import Link, Links

TIMEOUT_S = 300.0
RETRY_S = 0.5
TICK_S = 0.2
LOCAL_HOSTS = ("localhost", LOOPBACK, "::1")


def meet(cluster: Cluster, timeout_s: float = TIMEOUT_S, stop: threading.Event | None = None) -> Links | None:
    """Wait until all workers' supervisors are here.

    Args:
        cluster: The workers.
        timeout_s: How long the last may let the first wait, in seconds.
        stop: Ends the wait when it is set.

    Returns:
        The connections to the others, or None where `stop` was set.

    Raises:
        ServiceUnavailable: Some did not come in time; their addresses are named. All who came raise it.
        ConfigError: Another worker was given other addresses.
    """
    stop = stop or threading.Event()
    return _gather(cluster, timeout_s, stop) if cluster.is_chief else _come(cluster, timeout_s, stop)


def missing(cluster: Cluster, indices: list[int], timeout_s: float) -> ServiceUnavailable:
    """Return the error that names the workers who did not come."""
    who = ", ".join(f"worker {index} ({cluster.addresses[index]})" for index in indices)
    return ServiceUnavailable(
        f"{len(indices)} of {len(cluster.addresses)} workers did not come within {timeout_s:g} s: {who}.",
        hint="look whether they were started and can reach each other at these addresses; those who come later wait "
        "as long as --timeout says.",
    )


def _gather(cluster: Cluster, timeout_s: float, stop: threading.Event) -> Links | None:
    """As the chief: listen until each of the others has said who it is."""
    deadline, here, unnamed = time.monotonic() + timeout_s, {}, []
    others = range(1, len(cluster.addresses))
    with _listening(cluster, deadline) as listener:
        while absent := [index for index in others if index not in here]:
            if stop.is_set() or time.monotonic() > deadline:
                error = None if stop.is_set() else missing(cluster, absent, timeout_s)
                with Links([*here.values(), *unnamed]) as links:
                    if error:
                        links.send("failed", error=describe(error))
                        raise error
                return None
            with contextlib.suppress(TimeoutError):
                unnamed.append(Link(listener.accept()[0], peer=-1))
            unnamed = [link for link in unnamed if not _name(link, cluster, here)]
            Links(list(here.values())).poll(0)
            here = {index: link for index, link in here.items() if not link.is_lost}
    links = Links(list(here.values()))
    links.send("go")
    return links


def _name(link: Link, cluster: Cluster, here: dict[int, Link]) -> bool:
    """Read who a newcomer is; return whether that is settled, so that it need not be asked again."""
    hello = next((message for message in link.receive() if message.get("kind") == "hello"), None)
    if hello is None:
        if link.is_lost:
            link.close()
        return link.is_lost
    index = hello.get("index")
    if hello.get("token") != cluster.token or not isinstance(index, int) or not 0 < index < len(cluster.addresses):
        error = ConfigError(
            f"the chief at {cluster.addresses[0]} knows other workers than worker {index} does.",
            hint="give all workers the same addresses, in the same order, and each its own index.",
        )
        link.send("failed", error=describe(error))
        link.close()
        return True
    if index in here:
        here[index].close()
    link.peer, here[index] = index, link
    return True


def _come(cluster: Cluster, timeout_s: float, stop: threading.Event) -> Links | None:
    """As another than the chief: find it, and wait until it lets all go; once it is there, its patience counts."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        link = _reach(cluster)
        if link is not None:
            links = Links([link])
            while not link.is_lost and not stop.is_set() and (link.has_spoken or time.monotonic() < deadline):
                messages = links.poll(TICK_S)
                for place, (_, message) in enumerate(messages):
                    if message["kind"] == "go":
                        links.put_back(messages[place + 1 :])
                        return links
                    if message["kind"] == "failed":
                        link.close()
                        raise rebuild(message["error"])
            link.close()
        if stop.wait(RETRY_S):
            return None
    raise missing(cluster, [0], timeout_s)


def _reach(cluster: Cluster) -> Link | None:
    try:
        connection = socket.create_connection(cluster.chief, timeout=RETRY_S * 4)
    except OSError:  # refused, not there yet, or a name that is not known yet
        return None
    link = Link(connection, peer=0)
    link.send("hello", token=cluster.token, index=cluster.index)
    return link


@contextlib.contextmanager
def _listening(cluster: Cluster, deadline: float):
    """Listen at the chief's address; a training process that has just ended may still hold it for a moment."""
    host, port = cluster.chief
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while True:
            try:
                listener.bind((host if host in LOCAL_HOSTS else "", port))
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise _taken(cluster, error) from error
                time.sleep(RETRY_S)
        listener.listen(len(cluster.addresses))
        listener.settimeout(TICK_S)
        yield listener


def _taken(cluster: Cluster, error: OSError) -> EstafetError:
    return ServiceUnavailable(
        f"the chief's address {cluster.addresses[0]} is taken: {error}.",
        hint="end what uses the port, or give the chief another in TF_CONFIG.",
    )
