"""Workers meet, or say who did not come: the supervisors' side, without TensorFlow."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from estafet.errors import ConfigError, ServiceUnavailable
from estafet.training.workers import links as links_module
from estafet.training.workers.cluster import Cluster, on_this_machine
from estafet.training.workers.links import Links, Message
from estafet.training.workers.rendezvous import meet


def _meet(clusters: Sequence[Cluster], timeout_s: float = 20) -> list[Links | Exception]:
    """Let all come at once, and return what each got: its connections or an error."""

    def come(cluster: Cluster) -> Links | Exception:
        try:
            return meet(cluster, timeout_s)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(clusters)) as pool:
        return list(pool.map(come, clusters))


def _heard(links: Links) -> list[Message]:
    """Wait for the next messages; heartbeats are none."""
    while not (messages := links.poll(5)):
        assert not links.lost
    return [message for _, message in messages]


def test_all_who_come_are_connected_and_hear_each_other_go():
    chief, first, second = _meet(on_this_machine(3))

    chief.send("failed", why="to all")
    assert [_heard(links) for links in (first, second)] == [[{"kind": "failed", "why": "to all"}]] * 2
    second.close()
    while chief.lost != [2]:  # the end of a connection is noticed without any heartbeat
        chief.poll(0.1)
    first.close()
    chief.close()


def test_the_address_of_a_worker_that_never_comes_is_named_to_all():
    clusters = on_this_machine(3)

    errors = _meet([clusters[0], clusters[2]], timeout_s=1)

    for error in errors:
        assert isinstance(error, ServiceUnavailable)
        assert f"1 of 3 workers did not come within 1 s: worker 1 ({clusters[0].addresses[1]})" in error.message


def test_a_chief_that_never_comes_is_named():
    clusters = on_this_machine(2)

    with pytest.raises(ServiceUnavailable, match=f"did not come within 0.5 s: worker 0 .{clusters[0].addresses[0]}"):
        meet(clusters[1], timeout_s=0.5)


def test_another_program_at_the_chiefs_port_is_not_taken_for_the_chief():
    """While it waits for the old training process to end, the new one finds TensorFlow's server at that address."""
    clusters = on_this_machine(2)
    with socket.create_server(clusters[0].chief) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"\x00\x00\x18\x04\n"), daemon=True).start()
        with pytest.raises(ServiceUnavailable, match="worker 0"):
            meet(clusters[1], timeout_s=1)
        with pytest.raises(ServiceUnavailable, match="is taken: "):
            meet(clusters[0], timeout_s=0.6)


def test_workers_that_were_given_other_addresses_are_refused():
    clusters = on_this_machine(2)
    other = Cluster((clusters[0].addresses[0], "127.0.0.1:1"), 1)

    chief, refused = _meet([clusters[0], other], timeout_s=1)

    assert isinstance(refused, ConfigError) and "knows other workers than worker 1 does" in refused.message
    assert isinstance(chief, ServiceUnavailable)


def test_a_worker_that_came_twice_counts_once():
    """Its first supervisor was killed and another came in its place, before the last worker was there."""
    clusters = on_this_machine(3)
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        chief = pool.submit(meet, clusters[0], 20)
        gone = pool.submit(meet, clusters[1], 20, stop)
        stop.set()
        assert gone.result() is None
        again = pool.submit(meet, clusters[1], 20)
        last = pool.submit(meet, clusters[2], 20)
        chief.result().send("done")
        for links in (again.result(), last.result()):
            assert _heard(links) == [{"kind": "done"}]
            links.close()
        chief.result().close()


def test_a_machine_that_vanished_is_noticed_by_its_silence(monkeypatch):
    chief, worker = _meet(on_this_machine(2))
    monkeypatch.setattr(links_module, "SILENCE_S", 0.3)

    while not chief.lost:  # the worker's connection is open, and it says nothing
        chief.poll(0.1)

    assert chief.lost == [1]
    worker.close()
    chief.close()
