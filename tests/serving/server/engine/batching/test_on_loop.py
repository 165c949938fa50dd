"""What is run on the event loop, and what never is."""

from __future__ import annotations

import asyncio
import threading

import pytest

from serving.server.engine.batching import on_loop
from serving.server.engine.batching.adaptive import NUM_TRIALS, Adaptive
from serving.server.engine.batching.on_loop import Durations

from .conftest import Graph, outcome, rows

BOTH = {"x", "y"}


class Watched(Graph):
    """Remembers which threads ran it."""

    def __init__(self, function=lambda x: [2 * x]):
        super().__init__(function)
        self.threads: list[str] = []

    def __call__(self, arrays, timeout_ms=None):
        self.threads.append(threading.current_thread().name)
        return super().__call__(arrays, timeout_ms)


@pytest.fixture
def start(monkeypatch):
    monkeypatch.setattr(on_loop, "QUICK_S", 60.0)  # whatever the machine does, these graphs are quick
    started = []

    def start(graph: Graph, steady=BOTH) -> Adaptive:
        started.append(Adaptive(graph.runner, BOTH, steady=steady, num_threads=1))
        return started[-1]

    yield start
    for adaptive in started:
        adaptive.close()


def ask(adaptive: Adaptive, *batches) -> list:
    """Send batches from an event loop at once, and return what became of them."""

    async def all_of_them() -> list:
        futures = [adaptive.submit({"x": batch}, ("y",), None) for batch in batches]
        await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)
        return [outcome(future) for future in futures]

    return asyncio.run(all_of_them())


def trusted(graph: Watched, adaptive: Adaptive) -> None:
    """Let the first batches, which are compared with single runs, and the first runs of each size be over."""
    for number in range(NUM_TRIALS + 1):
        ask(adaptive, *(rows(number + k) for k in range(4)))
    graph.sizes.clear()
    graph.threads.clear()


def test_what_was_never_run_goes_to_a_thread_and_then_to_the_loop(start):
    graph = Watched()
    adaptive = start(graph)

    assert [ask(adaptive, rows(1)), ask(adaptive, rows(2))] == [[[2]], [[4]]]
    assert graph.threads == ["model-0", "MainThread"]


def test_what_came_to_the_loop_together_is_one_batch(start):
    graph = Watched()
    adaptive = start(graph)
    trusted(graph, adaptive)

    assert ask(adaptive, rows(1), rows(2), rows(3), rows(4)) == [[2], [4], [6], [8]]
    assert (graph.sizes, graph.threads) == ([4], ["MainThread"])


def test_batches_are_compared_with_single_runs_in_a_thread_first(start):
    graph = Watched()
    adaptive = start(graph)
    ask(adaptive, rows(1))
    graph.threads.clear()

    ask(adaptive, rows(1), rows(2))

    assert set(graph.threads) == {"model-0"}


def test_one_bad_request_on_the_loop_fails_alone(start):
    graph = Watched()
    adaptive = start(graph)
    trusted(graph, adaptive)

    assert ask(adaptive, rows(1), rows(-1), rows(3), rows(4)) == [[2], "INVALID_ARGUMENT: bad row", [6], [8]]


def test_a_graph_whose_time_the_values_decide_never_runs_on_the_loop(start):
    graph = Watched()
    adaptive = start(graph, steady={"x"})
    trusted(graph, adaptive)
    ask(adaptive, rows(1))

    assert graph.threads == ["model-0"]


def test_what_is_slow_goes_to_a_thread(start, monkeypatch):
    graph = Watched()
    adaptive = start(graph)
    trusted(graph, adaptive)
    monkeypatch.setattr(on_loop, "QUICK_S", 0.0)
    ask(adaptive, rows(1))

    assert graph.threads == ["model-0"]


def test_a_call_without_a_loop_goes_to_a_thread(start):
    graph = Watched()
    adaptive = start(graph)
    trusted(graph, adaptive)
    adaptive.submit({"x": rows(1)}, ("y",), None).result(20)

    assert graph.threads == ["model-0"]


def test_a_slow_run_counts_a_fifth_and_a_quick_one_at_once():
    """0.8 · 0.0004 + 0.2 · 0.0014 = 0.0006 is slow, and the next quick run is believed."""
    durations = Durations()
    durations.add(4, 0.0004)
    assert durations.is_quick(5) and not durations.is_quick(8)

    durations.add(7, 0.0014)
    assert not durations.is_quick(4)
    durations.add(4, 0.0003)
    assert durations.is_quick(4)
