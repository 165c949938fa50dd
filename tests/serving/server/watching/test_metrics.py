"""Prometheus text in TensorFlow Serving's way."""

from __future__ import annotations

from serving.server.watching.metrics import Counter, Gauge, Histogram, Registry, exponential, exposed


def test_names_turn_everything_odd_into_colons():
    assert exposed("/tensorflow/serving/request_count") == ":tensorflow:serving:request_count"
    assert exposed("a.b-c d") == "a:b:c:d"


def test_a_counter_has_a_line_for_each_combination_and_escapes_values():
    counter = Counter("/a/count", "model", "status")
    counter.add("m", "OK")
    counter.add("m", "OK", by=2)
    counter.add('q"\\', "NOT_FOUND")

    assert counter.lines() == [
        ':a:count{model="m",status="OK"} 3',
        ':a:count{model="q\\"\\\\",status="NOT_FOUND"} 1',
    ]


def test_braces_are_there_without_labels():
    assert Gauge("g", lambda: {(): 2.5}).lines() == ["g{} 2.5"]


def test_a_histogram_is_cumulative_and_ends_at_infinity():
    """1 and 10 are ≤ 10, 11 is ≤ 20, 21 is beyond."""
    histogram = Histogram("h", exponential(10, 2, 2), "m")
    for value in (1, 10, 11, 21):
        histogram.observe(value, "x")

    assert histogram.lines() == [
        'h_bucket{m="x",le="10"} 2',
        'h_bucket{m="x",le="20"} 3',
        'h_bucket{m="x",le="+Inf"} 4',
        'h_sum{m="x"} 43',
        'h_count{m="x"} 4',
    ]


def test_metrics_appear_once_they_are_touched():
    registry = Registry()
    counter = registry.add(Counter("c", "m"))
    registry.add(Histogram("h", [1.0]))

    assert registry.text() == ""
    assert registry.first_value("c") is None
    counter.add("x")
    assert registry.text() == '# TYPE c counter\nc{m="x"} 1\n'
    assert registry.first_value("c") == 1
