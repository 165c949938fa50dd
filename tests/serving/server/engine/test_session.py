"""TensorFlow's private call: what it must go on doing, and what happens without it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from serving.server.engine import session as module
from serving.server.engine.session import Runner, has_callables
from serving.server.status import StatusError


@pytest.fixture(scope="module")
def session() -> tf.compat.v1.Session:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, 2), "x")
        tf.linalg.matmul(x, tf.constant([[1.0], [10.0]]), name="y")
        tf.identity(x, name="same")
        tf.strings.as_string(x, name="words")
        rounds = tf.compat.v1.placeholder(tf.int64, (), "rounds")
        (done,) = tf.while_loop(lambda n: n < rounds, lambda n: (n + 1,), (tf.constant(0, tf.int64),))
        tf.identity(done, name="done")
        tf.reduce_sum(x, name="sum")
    with tf.compat.v1.Session(graph=graph) as session:
        yield session


def test_this_tensorflow_has_the_private_call(session):
    """Where this fails, TensorFlow has taken `Session._make_callable_from_options` away.

    The server then falls back to `Session.run` by itself: it answers on, about three times slower, and refuses shapes
    that a placeholder does not have. Look for what replaces the call before raising the pin.
    """
    assert has_callables(session)


def test_feeds_and_fetches_go_in_order(session):
    both = Runner(session, ["x:0"], ["same:0", "y:0"])

    same, y = both([np.array([[1, 2], [3, 4]], np.float32)])

    assert same.tolist() == [[1, 2], [3, 4]]
    assert y.tolist() == [[21], [43]]


def test_shapes_are_not_compared_with_the_placeholder(session):
    assert Runner(session, ["x:0"], ["same:0"])([np.zeros((1, 3), np.float32)])[0].shape == (1, 3)


def test_every_value_is_an_array(session):
    (total,) = Runner(session, ["x:0"], ["sum:0"])([np.ones((2, 2), np.float32)])
    (words,) = Runner(session, ["x:0"], ["words:0"])([np.ones((1, 2), np.float32)])

    assert isinstance(total, np.ndarray) and total.shape == ()
    assert words.dtype == object and words.tolist() == [[b"1.000000", b"1.000000"]]


def test_errors_are_in_the_runtimes_words(session):
    with pytest.raises(StatusError) as caught:
        Runner(session, ["x:0"], ["y:0"])([np.zeros((1, 3), np.float32)])

    assert caught.value.code.name == "INVALID_ARGUMENT"
    assert caught.value.message.startswith("Matrix size-incompatible: In[0]: [1,3], In[1]: [2,1]\n\t [[{{node y}}")


def test_a_tensor_that_is_not_there_is_an_error(session):
    with pytest.raises(StatusError, match="none:0"):
        Runner(session, ["none:0"], ["y:0"])([np.zeros(1, np.float32)])


def test_a_run_that_takes_too_long_is_given_up(session, monkeypatch):
    """A loop that takes long ends, because a slow model runs in the session's threads with a limit."""
    monkeypatch.setattr(module, "TIMEOUTS_MS", (50,))

    with pytest.raises(StatusError) as caught:
        Runner(session, ["rounds:0"], ["done:0"])([np.array(2 * 10**6)], 40)

    assert caught.value.code.name == "DEADLINE_EXCEEDED"


def test_a_quick_model_soon_runs_in_its_callers_thread(session):
    runner = Runner(session, ["x:0"], ["same:0"])
    for _ in range(20):
        runner([np.zeros((1, 2), np.float32)], 1000)

    assert module.CALLERS_THREAD in runner._functions
    assert 1000 in runner._functions


def test_a_large_graph_is_prepared_once_only(session):
    runner = Runner(session, ["x:0"], ["same:0"], is_large=True)
    runner.prepare()
    for timeout_ms in (None, 10, 10_000):
        runner([np.zeros((1, 2), np.float32)], timeout_ms)

    assert list(runner._functions) == [None]


def test_without_the_private_call_the_answers_stay_the_same(session, monkeypatch):
    monkeypatch.setattr(module, "has_callables", lambda _: False)

    same, y = Runner(session, ["x:0"], ["same:0", "y:0"])([np.array([[1, 2]], np.float32)], 1000)
    with pytest.raises(StatusError, match="Cannot feed value of shape") as caught:
        Runner(session, ["x:0"], ["y:0"])([np.zeros((1, 3), np.float32)])

    assert (same.tolist(), y.tolist()) == ([[1, 2]], [[21]])
    assert caught.value.code.name == "INVALID_ARGUMENT"
