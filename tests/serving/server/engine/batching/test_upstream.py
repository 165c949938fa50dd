"""Batching by TensorFlow Serving's rules: sizes, time, room, padding, and its texts."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from serving.server.engine.batching.parameters import PER_MODEL_FILE, Parameters
from serving.server.engine.batching.upstream import Batching
from serving.server.status import StatusError

from .conftest import BAD, Graph, outcome, rows

FULL = (
    "UNAVAILABLE: The batch scheduling queue to which this task was submitted is full; currently {n} batches enqueued "
    "and max_enqueued_batches is {m}"
)


@pytest.fixture
def start(tmp_path):
    started = []

    def start(graph: Graph, **parameters):
        batching = Batching(Parameters(**({"num_threads": 1} | parameters)))
        started.append((graph, batching))
        return batching.of(tmp_path).queues(graph.runner)

    yield start
    for graph, batching in started:
        graph.release()
        batching.close()


def ask(queues, *values: float, deadline=None):
    return queues.submit({"x": rows(*values)}, ("y",), deadline)


def while_busy(graph: Graph, queues, submit) -> list:
    """Queue what `submit` does while another request runs; return the outcomes."""
    graph.hold()
    first = queues.submit({"other": rows(0)}, ("y",), None)
    assert graph.is_running.wait(20)
    futures = submit()
    graph.release()
    first.result(20)
    found = [outcome(future) for future in futures]
    graph.sizes.pop(0)
    return found


def refused(call) -> str:
    with pytest.raises(StatusError) as caught:
        call()
    return str(caught.value)


def test_a_batch_takes_tasks_up_to_its_size(graph, start):
    queues = start(graph, max_batch_size=4, max_execution_batch_size=4)

    found = while_busy(graph, queues, lambda: [ask(queues, *[n] * size) for n, size in enumerate((2, 1, 2, 4, 1))])

    assert found == [[0, 0], [2], [4, 4], [6, 6, 6, 6], [8]]
    assert graph.sizes == [3, 2, 4, 1]


def test_a_batch_that_is_full_does_not_wait(graph, start):
    queues = start(graph, max_batch_size=2, max_execution_batch_size=2, timeout_s=1000)

    futures = [ask(queues, 1), ask(queues, 2)]

    assert [outcome(future) for future in futures] == [[2], [4]]
    assert graph.sizes == [2]


def test_a_batch_that_is_not_full_waits_for_others(graph, start):
    queues = start(graph, max_batch_size=3, max_execution_batch_size=3, timeout_s=1000)
    first = ask(queues, 1)
    time.sleep(0.05)
    assert not first.done()

    second = ask(queues, 2, 3)

    assert (outcome(first), outcome(second)) == ([2], [4, 6])


def test_a_batch_waits_no_longer_than_its_time(graph, start):
    queues = start(graph, timeout_s=0.05)

    assert outcome(ask(queues, 1)) == [2]


def test_a_full_queue_refuses(graph, start):
    queues = start(graph, max_batch_size=2, max_execution_batch_size=2, max_enqueued_batches=2)

    def submit():
        futures = [ask(queues, 1, 1), ask(queues, 2, 2)]
        assert refused(lambda: ask(queues, 3)) == FULL.format(n=2, m=2)
        return futures

    assert while_busy(graph, queues, submit) == [[2, 2], [4, 4]]
    assert outcome(ask(queues, 3)) == [6]


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        ({"x": np.float32(1).reshape(())}, "Batching Run() input tensors must have at least one dimension"),
        ({"x": rows(1), "z": rows(1, 2)}, "Batching Run() input tensors must have equal 0th-dimension size"),
        ({"x": rows(*range(9))}, "Task size 9 is larger than maximum input batch size 8"),
    ],
)
def test_what_cannot_be_batched_is_refused(graph, start, feeds, message):
    queues = start(graph, max_batch_size=8, max_execution_batch_size=8)

    assert refused(lambda: queues.submit(feeds, ("y",), None)) == f"INVALID_ARGUMENT: {message}"


def test_batches_are_filled_up_to_an_allowed_size_with_the_last_tasks_first_row(graph, start):
    queues = start(graph, max_batch_size=8, max_execution_batch_size=8, allowed_batch_sizes=(2, 4, 8))

    found = while_busy(graph, queues, lambda: [ask(queues, 1, 2), ask(queues, 3, 4, 5)])

    assert found == [[2, 4], [6, 8, 10]]
    assert graph.inputs[-1].tolist() == [1, 2, 3, 4, 5, 3, 3, 3]


def test_a_large_task_is_split_and_put_together(graph, start):
    queues = start(graph, max_batch_size=8, max_execution_batch_size=4, splits=True)

    found = while_busy(graph, queues, lambda: [ask(queues, 0, 1, 2), ask(queues, *range(3, 11))])

    assert found == [[0, 2, 4], [2 * n for n in range(3, 11)]]
    assert graph.sizes == [4, 4, 3]


def test_a_task_that_is_split_needs_room_for_all_its_parts(graph, start):
    queues = start(graph, max_batch_size=16, max_execution_batch_size=4, splits=True, max_enqueued_batches=2)

    def submit():
        futures = [ask(queues, 1)]
        assert refused(lambda: ask(queues, *range(8))) == (
            "UNAVAILABLE: The batch scheduling queue to which this task was submitted is full; task size is 8 but "
            "scheduling capacity is only 7 (num_enqueued_batches=1, max_enqueued_batches=2, open_batch_size=1, "
            "max_execution_batch_size=4)"
        )
        return [*futures, ask(queues, *range(7))]

    assert while_busy(graph, queues, submit) == [[2], [2 * n for n in range(7)]]


def test_a_part_that_fails_fails_the_whole(graph, start):
    queues = start(graph, max_batch_size=4, max_execution_batch_size=2, splits=True)

    assert outcome(ask(queues, 1, 2, BAD)) == "INVALID_ARGUMENT: bad row"


def two_widths(queues):
    return [queues.submit({"x": np.array([row], np.float32)}, ("y",), None) for row in ([1, 2], [3, 4, 5])]


def test_different_lengths_run_apart_without_padding(graph, start):
    """TensorFlow Serving fails both."""
    queues = start(graph)

    assert while_busy(graph, queues, lambda: two_widths(queues)) == [[[2, 4]], [[6, 8, 10]]]
    assert graph.sizes == [1, 1]


def test_different_lengths_are_padded_with_the_first_element_where_that_is_asked_for(graph, start):
    queues = start(graph, pads=True)

    assert while_busy(graph, queues, lambda: two_widths(queues)) == [[[2, 4, 2]], [[6, 8, 10]]]
    assert graph.sizes == [2]


def test_different_types_run_apart(graph, start):
    """TensorFlow Serving fails both."""
    queues = start(graph)
    whole = np.array([3], np.int32)

    found = while_busy(graph, queues, lambda: [ask(queues, 1), queues.submit({"x": whole}, ("y",), None)])

    assert found == [[2], [6]]


def test_a_bad_row_fails_its_own_request_only(graph, start):
    """TensorFlow Serving fails all of the batch."""
    queues = start(graph)

    found = while_busy(graph, queues, lambda: [ask(queues, 1), ask(queues, BAD), ask(queues, 3)])

    assert found == [[2], "INVALID_ARGUMENT: bad row", [6]]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: [x.sum()], "Batched output tensor has 0 dimensions"),
        (
            lambda x: [np.concatenate([x, x])],
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors",
        ),
    ],
)
def test_outputs_must_have_a_row_for_each_input_row(start, function, message):
    queues = start(Graph(function))

    assert outcome(ask(queues, 1, 2)) == f"FAILED_PRECONDITION: {message}"


def test_who_no_longer_waits_gets_an_error_and_the_others_their_answers(graph, start):
    queues = start(graph)

    found = while_busy(graph, queues, lambda: [ask(queues, 1, deadline=time.monotonic() - 1), ask(queues, 2)])

    assert found == ["RESOURCE_EXHAUSTED: Run() timeout exceeded while waiting in batching queue", [4]]
    assert graph.sizes == [1]


def test_other_outputs_have_a_queue_of_their_own(graph, start):
    queues = start(graph)

    found = while_busy(graph, queues, lambda: [ask(queues, 1), queues.submit({"x": rows(2)}, ("y", "z"), None)])

    assert found == [[2], [4]]
    assert graph.sizes == [1, 1]


def test_all_models_share_the_threads(tmp_path):
    batching = Batching(Parameters(num_threads=1))
    slow, quick = Graph(), Graph()
    first, second = (batching.of(tmp_path).queues(graph.runner) for graph in (slow, quick))
    slow.hold()
    waiting = [ask(first, 1), ask(second, 2)]
    assert slow.is_running.wait(20)
    assert not waiting[1].done()
    slow.release()

    assert [outcome(future) for future in waiting] == [[2], [4]]
    before = threading.active_count()
    batching.close()
    assert threading.active_count() == before - 1


def test_each_version_may_say_how_it_is_batched(tmp_path):
    for name in ("batched", "plain", "wrong"):
        (tmp_path / name).mkdir()
    (tmp_path / "batched" / PER_MODEL_FILE).write_text("max_batch_size { value: 3 }")
    (tmp_path / "wrong" / PER_MODEL_FILE).write_text("max_batch_size { value: 3 } allowed_batch_sizes: 2")
    batching = Batching(Parameters(num_threads=1), per_model=True)

    assert batching.of(tmp_path / "batched")._parameters.max_batch_size == 3
    assert batching.of(tmp_path / "plain") is None
    assert "must match max_batch_size" in refused(lambda: batching.of(tmp_path / "wrong"))
    batching.close()
