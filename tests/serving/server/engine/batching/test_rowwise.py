"""Which outputs may be computed for several requests at once."""

from __future__ import annotations

import pytest
import tensorflow as tf

from serving.server.engine.batching.rowwise import mergeable_tensors, steady_tensors


def graph_with(build) -> tuple[tf.compat.v1.GraphDef, str]:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None,), "x")
        name = build(x).name
    return graph.as_graph_def(), name


@tf.function
def doubled(x):
    return 2 * x


@tf.function
def noisy(x):
    return x + tf.random.normal(tf.shape(x))


def counted(x):
    variable = tf.compat.v1.get_variable("v", initializer=0.0, use_resource=True)
    return x + variable.assign_add(1.0)


def read(x):
    variable = tf.compat.v1.get_variable("w", initializer=2.0, use_resource=True)
    return x * variable


def looped(x):
    return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, doubled(y)), (0, x))[1]


def looked_up(x):
    keys = tf.lookup.KeyValueTensorInitializer(["1.000000"], [7])
    return tf.lookup.StaticHashTable(keys, 0).lookup(tf.strings.as_string(x))


def printed(x):
    with tf.control_dependencies([tf.print(x)]):
        return tf.identity(x)


@pytest.mark.parametrize("build", [lambda x: x + 1, doubled, read, looped, looked_up])
def test_what_only_reads_may_be_merged(build):
    graph, name = graph_with(build)

    assert mergeable_tensors(graph, [name], ["x:0"]) == {name}


@pytest.mark.parametrize("build", [noisy, counted, printed])
def test_what_is_random_or_has_effects_may_not(build):
    graph, name = graph_with(build)

    assert mergeable_tensors(graph, [name], ["x:0"]) == set()


def test_what_lies_behind_a_feed_does_not_count():
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None,), "x")
        middle = tf.identity(x + tf.random.normal(tf.shape(x)), name="middle")
        tf.identity(middle + 1, name="y")

    assert mergeable_tensors(graph.as_graph_def(), ["y:0"], ["x:0"]) == set()
    assert mergeable_tensors(graph.as_graph_def(), ["y:0"], ["middle:0"]) == {"y:0"}


def unpacked(x):
    return tf.strings.to_number(tf.io.decode_base64(tf.strings.as_string(x)))


@pytest.mark.parametrize(("build", "is_steady"), [(doubled, True), (read, True), (looped, False), (unpacked, False)])
def test_where_values_decide_how_long_it_takes_the_time_is_not_steady(build, is_steady):
    graph, name = graph_with(build)

    assert (name in steady_tensors(graph, [name], ["x:0"])) == is_steady
