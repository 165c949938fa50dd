"""TensorFlow Serving's metrics as releases judge them."""

from __future__ import annotations

import pytest

from serving.targets.canary import BOUNDS_S, Counts, Marker
from serving.targets.cluster.asking import Asking
from serving.targets.cluster.metrics import Sample, _spread
from serving.targets.cluster.pods import Pod
from serving.targets.cluster.watched import Watched

TEXT = """\
# TYPE :tensorflow:serving:request_count counter
:tensorflow:serving:request_count{model_name="m",status="OK"} 90
:tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 10
:tensorflow:serving:request_count{model_name="m",status="CANCELLED"} 5
:tensorflow:serving:request_count{model_name="other",status="INTERNAL"} 7
:tensorflow:serving:request_latency_bucket{model_name="m",API="predict",entrypoint="REST",le="1000"} 40
:tensorflow:serving:request_latency_bucket{model_name="m",API="predict",entrypoint="REST",le="1800"} 60
:tensorflow:serving:request_latency_bucket{model_name="m",API="predict",entrypoint="REST",le="+Inf"} 60
:tensorflow:serving:request_latency_bucket{model_name="m",API="Predict",entrypoint="GRPC",le="1000"} 0
:tensorflow:serving:request_latency_bucket{model_name="m",API="Predict",entrypoint="GRPC",le="1800"} 30
:tensorflow:serving:request_latency_bucket{model_name="m",API="Predict",entrypoint="GRPC",le="+Inf"} 30
:tensorflow:serving:request_latency_bucket{model_name="m",API="",entrypoint="REST",le="10"} 1000
:tensorflow:serving:request_latency_bucket{model_name="m",API="",entrypoint="REST",le="+Inf"} 1000
"""


def test_what_clients_gave_up_and_other_models_do_not_count():
    counts = Sample.read(TEXT, "m").counts()

    assert (counts.num_requests, counts.num_errors) == (100, 10)


def test_the_median_is_found_within_a_bucket_of_both_interfaces_and_not_of_status_calls():
    """Of 90 answers 40 took up to 1.0 ms and 50 up to 1.8 ms: the 45th is a tenth of the way, by logarithms 1.06 ms."""
    counts = Sample.read(TEXT, "m").counts()

    assert sum(counts.latencies) == 90
    assert counts.median_s == pytest.approx(0.001 * 1.8**0.1, rel=0.11)


@pytest.mark.parametrize("num", [1, 5, 7, 100, 12345])
def test_spreading_loses_no_request(num):
    latencies = [0] * (len(BOUNDS_S) + 1)

    _spread(latencies, 0.001, 0.0018, num)

    assert sum(latencies) == num
    assert all(0.001 <= bound <= 0.0021 for bound, n in zip(BOUNDS_S, latencies, strict=False) if n)


def test_the_slowest_and_the_quickest_have_buckets_too():
    latencies = [0] * (len(BOUNDS_S) + 1)

    _spread(latencies, 0.0, 1e-5, 3)
    _spread(latencies, 800.0, float("inf"), 2)

    assert (latencies[0], latencies[-1], sum(latencies)) == (3, 2, 5)


class FakeCluster:
    """Gives each pod's metrics, or none."""

    def __init__(self):
        self.texts: dict[str, str | None] = {}

    def ask_pod(self, pod, port, path, body=None):
        text = self.texts.get(pod)
        return (200, text) if text is not None else (503, "")


def counted(ok: int, failed: int = 0) -> str:
    name = ":tensorflow:serving:request_count"
    return f'{name}{{model_name="m",status="OK"}} {ok}\n{name}{{model_name="m",status="INTERNAL"}} {failed}\n'


@pytest.fixture
def watched():
    cluster = FakeCluster()
    marker = Marker(id="x", stable=1, canary=2, share=0.5)
    return cluster.texts, Watched(Asking(cluster, "m", 8501), "m", marker)


def pods(*names: str, num_restarts: int = 0) -> list[Pod]:
    return [Pod(name, f"uid-{name}", True, num_restarts) for name in names]


def seen(counts: Counts) -> tuple[int, int]:
    return counts.num_requests, counts.num_errors


def test_only_what_comes_after_the_first_look_counts_and_pods_are_added_up(watched):
    texts, watching = watched
    texts |= {"a": counted(1000), "b": counted(500, 3), "c": counted(10)}
    first = watching.look(pods("a", "b"), pods("c"))[0]
    texts |= {"a": counted(1010), "b": counted(520, 4), "c": counted(15, 5)}

    report = watching.look(pods("a", "b"), pods("c"))[0]

    assert (seen(first.stable), seen(first.canary)) == ((0, 0), (0, 0))
    assert (seen(report.stable), seen(report.canary)) == ((31, 1), (10, 5))


def test_a_server_of_the_served_version_that_is_started_anew_loses_nothing(watched):
    texts, watching = watched
    texts |= {"a": counted(1000), "c": counted(0)}
    watching.look(pods("a"), pods("c"))
    texts["a"] = counted(1010)
    watching.look(pods("a"), pods("c"))
    texts["a"] = counted(7)

    report = watching.look(pods("a", num_restarts=1), pods("c"))[0]

    assert seen(report.stable) == (17, 0)


def test_a_canary_that_is_started_anew_is_a_problem(watched):
    texts, watching = watched
    texts |= {"a": counted(0), "c": counted(0)}
    watching.look(pods("a"), pods("c"))

    report = watching.look(pods("a"), pods("c", num_restarts=1))[0]

    assert report.problem == "pod c was started anew"


def test_without_metrics_of_the_canary_nothing_is_said(watched):
    texts, watching = watched
    texts["a"] = counted(5)

    assert watching.look(pods("a"), pods("c")) == []
