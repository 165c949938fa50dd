"""Results that come from other threads, and versions that are held meanwhile."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from serving.server.calls.running import Arrivals, Held
from serving.server.status import Code, StatusError


class FakeModels:
    """A model whose futures the test settles; knows how often it is held."""

    def __init__(self):
        self.futures, self.num_held = [], 0

    @contextmanager
    def use(self, name, *, version=None, label=None):
        self.num_held += 1
        yield SimpleNamespace(number=1, model=SimpleNamespace(submit=self.submit))
        self.num_held -= 1

    def submit(self, feeds, fetches, *, deadline=None):
        self.futures.append(Future())
        return self.futures[-1]

    async def asked(self, count: int) -> list[Future]:
        """Wait until so many calls have come."""
        while len(self.futures) < count:
            await asyncio.sleep(0)
        return self.futures


async def run(models: FakeModels, arrivals: Arrivals, timeout_s: float | None = None):
    with Held(models, "m") as held:
        return await arrivals.run(held, {}, ["y"], timeout_s=timeout_s)


def test_many_results_at_once_wake_the_loop_once():
    async def all_of_them() -> tuple[list, int]:
        models, loop, wakes = FakeModels(), asyncio.get_running_loop(), []
        wake, loop.call_soon_threadsafe = loop.call_soon_threadsafe, lambda *call: (wakes.append(1), wake(*call))
        arrivals = Arrivals(loop)
        tasks = [asyncio.create_task(run(models, arrivals)) for _ in range(50)]
        settled = await models.asked(50)
        thread = threading.Thread(target=lambda: [future.set_result([n]) for n, future in enumerate(settled)])
        thread.start()
        thread.join()
        return [await task for task in tasks], len(wakes)

    answers, num_wakes = asyncio.run(all_of_them())

    assert answers == [[n] for n in range(50)]
    assert num_wakes == 1


def test_a_version_is_let_go_when_its_call_is_answered():
    async def one() -> tuple[int, int]:
        models = FakeModels()
        task = asyncio.create_task(run(models, Arrivals(asyncio.get_running_loop())))
        await models.asked(1)
        held = models.num_held
        models.futures[0].set_result([1])
        await task
        return held, models.num_held

    assert asyncio.run(one()) == (1, 0)


def test_a_call_that_was_given_up_holds_its_version_until_the_model_is_done():
    models = FakeModels()

    async def one() -> None:
        with pytest.raises(StatusError) as caught:
            await run(models, Arrivals(asyncio.get_running_loop()), timeout_s=0.01)
        assert caught.value.code == Code.DEADLINE_EXCEEDED

    asyncio.run(one())

    assert models.num_held == 1
    models.futures[0].set_result([1])  # after the loop has closed
    assert models.num_held == 0


def test_an_error_of_the_model_is_raised_where_it_is_awaited():
    async def one() -> None:
        models = FakeModels()
        task = asyncio.create_task(run(models, Arrivals(asyncio.get_running_loop())))
        await models.asked(1)
        models.futures[0].set_exception(StatusError(Code.UNAVAILABLE, "full"))
        await task

    with pytest.raises(StatusError, match="full"):
        asyncio.run(one())


def test_calls_of_one_turn_of_the_loop_leave_together():
    """The second call is there before the first has left."""

    async def two() -> list[int]:
        models, arrivals, seen = FakeModels(), Arrivals(asyncio.get_running_loop()), []
        tasks = [asyncio.create_task(run(models, arrivals)) for _ in range(2)]
        for _ in range(4):
            seen.append(len(models.futures))
            await asyncio.sleep(0)
        for future in models.futures:
            future.set_result([1])
        await asyncio.gather(*tasks)
        return seen

    assert set(asyncio.run(two())) == {0, 2}


def test_a_request_that_is_refused_at_once_is_an_error():
    async def one() -> None:
        models = FakeModels()
        models.submit = lambda *_, **__: (_ for _ in ()).throw(StatusError(Code.INVALID_ARGUMENT, "wrong type"))
        await run(models, Arrivals(asyncio.get_running_loop()))

    with pytest.raises(StatusError, match="wrong type"):
        asyncio.run(one())
