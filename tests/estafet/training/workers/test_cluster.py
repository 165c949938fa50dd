"""TF_CONFIG: what it says, and what is wrong with it."""

from __future__ import annotations

import json
import socket

import pytest

from estafet.errors import ConfigError
from estafet.training.workers.cluster import Cluster, from_environment, on_this_machine, parse

WORKERS = ["10.0.0.1:2222", "train-1.train-workers:2222"]


def _config(cluster: object = None, kind: object = "worker", index: object = 0) -> str:
    return json.dumps({"cluster": cluster or {"worker": WORKERS}, "task": {"type": kind, "index": index}})


def test_a_worker_finds_its_place_and_the_chief():
    second = parse(_config(index=1))

    assert second == Cluster(("10.0.0.1:2222", "train-1.train-workers:2222"), 1)
    assert not second.is_chief and second.chief == ("10.0.0.1", 2222)
    assert parse(_config(index="1")) == second  # as Kubernetes' $(INDEX) gives it between quotes


def test_a_chief_of_its_own_counts_as_the_first_worker():
    cluster = {"worker": WORKERS, "chief": ["[fe80::1]:5000"]}

    assert parse(_config(cluster, "chief")).is_chief
    second = parse(_config(cluster, "worker", 1))
    assert (second.addresses, second.index) == (("[fe80::1]:5000", *WORKERS), 2)
    assert second.chief == ("fe80::1", 5000)
    assert parse(second.environment()["TF_CONFIG"]) == second


def test_where_it_is_not_set_there_is_no_cluster():
    assert from_environment({}) is None
    assert from_environment({"TF_CONFIG": " "}) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{worker}", "it is no JSON"),
        ("[]", "it has no object 'cluster'"),
        (json.dumps({"cluster": {"worker": WORKERS}}), "it has no object 'task'"),
        (_config({"worker": []}), r"cluster.worker is \[\], not a list of addresses"),
        (_config({"worker": "10.0.0.1:2222"}), "cluster.worker is '10.0.0.1:2222', not a list of addresses"),
        (_config({"worker": ["10.0.0.1"]}), "cluster.worker holds '10.0.0.1', not HOST:PORT"),
        (_config({"worker": ["a:70000"]}), "cluster.worker holds 'a:70000', not HOST:PORT"),
        (_config({"worker": [7]}), "cluster.worker holds 7, not HOST:PORT"),
        (_config({"worker": ["a:1", "a:1"]}), "two workers have the same address"),
        (_config({"worker": WORKERS, "ps": ["a:1"]}), "cluster.ps has no part in this kind of training"),
        (_config({"worker": ["a:1"], "chief": ["b:1", "c:1"]}), "there can be one chief only"),
        (_config(kind="chief"), "task.type is 'chief', and cluster has worker"),
        (_config(index=2), "task.index is 2, and cluster.worker has 2 addresses"),
        (_config(index=-1), "task.index is -1"),
        (_config(index=True), "task.index is True"),
        (_config(index=None), "task.index is None"),
    ],
)
def test_what_is_wrong_is_said_with_an_example(text, why):
    with pytest.raises(ConfigError, match=f"TF_CONFIG is wrong: {why}") as caught:
        parse(text)

    example = caught.value.hint.partition("like this: ")[2]
    assert parse(example).addresses == ("10.0.0.1:2222", "10.0.0.2:2222")


def test_workers_on_this_machine_get_ports_that_are_free_and_different():
    clusters = on_this_machine(3)

    assert [cluster.index for cluster in clusters] == [0, 1, 2]
    assert len({cluster.addresses for cluster in clusters}) == 1
    for address in clusters[0].addresses:
        with socket.socket() as taken:
            taken.bind((address.split(":")[0], int(address.split(":")[1])))
