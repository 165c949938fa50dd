"""Batching that nobody asked for: it changes no answer and no error."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from serving.server.engine.batching.adaptive import MAX_ROWS, NUM_TRIALS, Adaptive
from serving.server.engine.savedmodel import SavedModel

from ..conftest import tensors
from .conftest import BAD, Graph, outcome, rows

BOTH = {"x", "y"}


@pytest.fixture
def start():
    started = []

    def start(graph: Graph, mergeable=BOTH) -> Adaptive:
        started.append(Adaptive(graph.runner, mergeable, num_threads=1))
        return started[-1]

    yield start
    for adaptive in started:
        adaptive.close()


def while_busy(graph: Graph, adaptive: Adaptive, feeds: list[dict], deadline=None) -> list:
    """Queue requests while another one runs; return what became of them."""
    graph.hold()
    first = adaptive.submit({"x": rows(0)}, ("y",), None)
    assert graph.is_running.wait(20)
    futures = [adaptive.submit(feed, ("y",), deadline) for feed in feeds]
    graph.release()
    first.result(20)
    found = [outcome(future) for future in futures]
    graph.sizes.pop(0)
    return found


def trusted(graph: Graph, adaptive: Adaptive) -> None:
    """Get the first batches, which are compared with single runs, over with."""
    for number in range(NUM_TRIALS):
        while_busy(graph, adaptive, [{"x": rows(number)}, {"x": rows(number + 1)}])
    graph.sizes.clear()
    graph.timeouts.clear()


def test_what_queues_up_runs_at_once_and_everyone_gets_their_own(graph, start):
    adaptive = start(graph)
    trusted(graph, adaptive)

    found = while_busy(graph, adaptive, [{"x": rows(1)}, {"x": rows(2, 3)}, {"x": rows(4)}])

    assert found == [[2], [4, 6], [8]]
    assert graph.sizes == [4]


def test_the_first_batches_are_also_run_one_by_one(graph, start):
    adaptive = start(graph)

    found = while_busy(graph, adaptive, [{"x": rows(1)}, {"x": rows(2)}])

    assert found == [[2], [4]]
    assert graph.sizes == [2, 1, 1]


def test_equal_rows_prove_nothing(start):
    """x − mean(x) is 0 for equal rows, alone or together."""
    graph = Graph(lambda x: [x - x.mean()])
    adaptive = start(graph)
    for _ in range(NUM_TRIALS + 2):
        while_busy(graph, adaptive, [{"x": rows(5)}, {"x": rows(5)}])

    assert while_busy(graph, adaptive, [{"x": rows(1)}, {"x": rows(3)}]) == [[0], [0]]


def test_a_model_whose_rows_depend_on_one_another_is_never_batched_again(start):
    graph = Graph(lambda x: [x - x.mean()])
    adaptive = start(graph)
    requests = [{"x": rows(1, 3)}, {"x": rows(10)}]

    assert while_busy(graph, adaptive, requests) == [[-1, 1], [0]]
    graph.sizes.clear()
    assert while_busy(graph, adaptive, requests) == [[-1, 1], [0]]
    assert graph.sizes == [2, 1]


@pytest.mark.parametrize(
    "function",
    [lambda x: [x[:1]], lambda x: [x.sum()], lambda x: [np.concatenate([x, x])]],
    ids=["fewer rows", "a scalar", "more rows"],
)
def test_outputs_without_a_row_for_each_input_row_are_those_of_the_request(start, function):
    graph = Graph(function)
    adaptive = start(graph)
    requests = [rows(1, 2), rows(3)]

    found = while_busy(graph, adaptive, [{"x": array} for array in requests])

    assert found == [function(array)[0].tolist() for array in requests]


def test_a_bad_request_fails_alone(graph, start):
    adaptive = start(graph)
    trusted(graph, adaptive)

    found = while_busy(graph, adaptive, [{"x": rows(1)}, {"x": rows(BAD)}, {"x": rows(3)}])

    assert found == [[2], "INVALID_ARGUMENT: bad row", [6]]
    assert graph.sizes == [3, 1, 1, 1]


def test_other_shapes_and_types_run_apart(graph, start):
    adaptive = start(graph)
    trusted(graph, adaptive)
    requests = [rows(1), rows(2).reshape(1, 1), np.array([3], np.int32), rows(4), np.float32(5).reshape(())]

    found = while_busy(graph, adaptive, [{"x": array} for array in requests])

    assert found == [[2], [[4]], [6], [8], 10]
    assert sorted(graph.sizes, key=str) == [1, 1, 2, None]


@pytest.mark.parametrize("mergeable", [{"x"}, {"y"}, set()])
def test_tensors_that_may_not_be_merged_are_not(graph, start, mergeable):
    adaptive = start(graph, mergeable)

    assert while_busy(graph, adaptive, [{"x": rows(1)}, {"x": rows(2)}]) == [[2], [4]]
    assert graph.sizes == [1, 1]


def test_a_batch_has_its_limit_and_a_large_request_runs_alone(graph, start):
    adaptive = start(graph)
    trusted(graph, adaptive)
    large, half = np.ones(MAX_ROWS + 1, np.float32), np.ones(MAX_ROWS // 2, np.float32)

    while_busy(graph, adaptive, [{"x": rows(1)}, {"x": large}, {"x": rows(2)}, *[{"x": half}] * 3])

    assert sorted(graph.sizes) == sorted([2 + len(half), len(large), 2 * len(half)])


def test_large_rows_fill_a_batch_by_their_bytes(graph, start):
    """16 MB to a batch: rows of 6 MB go two at a time."""
    adaptive = start(graph)
    row = np.ones((1, 6 * 2**20 // 4), np.float32)

    while_busy(graph, adaptive, [{"x": row * k} for k in range(4)])

    assert max(graph.sizes) == 2


def test_who_no_longer_waits_gets_an_error_without_a_run(graph, start):
    adaptive = start(graph)

    found = while_busy(graph, adaptive, [{"x": rows(1)}], deadline=time.monotonic() - 1)

    assert found == ["RESOURCE_EXHAUSTED: Run() timeout exceeded while waiting in batching queue"]
    assert graph.sizes == []


def test_a_batch_may_take_as_long_as_the_most_patient_waits(graph, start):
    adaptive = start(graph)
    trusted(graph, adaptive)

    while_busy(graph, adaptive, [{"x": rows(1)}, {"x": rows(2)}], deadline=time.monotonic() + 100)

    assert graph.timeouts[0] is None
    assert 90_000 < graph.timeouts[1] <= 100_000


def test_requests_without_inputs_run(start):
    graph = Graph(lambda: [np.array([7.0])])

    assert outcome(start(graph).submit({}, ("y",), None)) == [7]


def test_closing_answers_what_is_queued_and_ends_the_threads(graph):
    before = threading.active_count()
    adaptive = Adaptive(graph.runner, BOTH)
    futures = [adaptive.submit({"x": rows(number)}, ("y",), None) for number in range(50)]

    adaptive.close()

    assert [outcome(future) for future in futures] == [[2 * number] for number in range(50)]
    assert threading.active_count() == before


def test_a_real_model_answers_64_callers_as_it_answers_one(toy):
    model = SavedModel(toy)
    wrong = []

    def ask(seed: int) -> None:
        numbers = np.random.default_rng(seed)
        for _ in range(30):
            x = numbers.random((numbers.integers(1, 4), 3), np.float32)
            (found,) = model.submit(*tensors(model, "matrix", x=x)).result(20)
            if not np.allclose(found, x @ [[1], [2], [3]], rtol=1e-5):
                wrong.append((x, found))

    callers = [threading.Thread(target=ask, args=(seed,)) for seed in range(64)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    model.close()

    assert wrong == []
