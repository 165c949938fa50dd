"""Work on a stream in several threads, with the results in the stream's order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

MAX_THREADS = 8
"""For items of megabytes, of which each thread holds one or two: memory must not grow with the number of cores."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Iterable[Item], num_threads: int) -> Iterator[Result]:
    """Yield `work(item)` for each item, in the order of the items.

    The items are fetched in the caller's thread, and no more of them wait than the threads need to stay busy, so
    memory is bounded. With one thread all is done in the caller's.

    Args:
        work: What is done with an item; it must not depend on what was done with others.
        items: The stream.
        num_threads: How many threads work.
    """
    if num_threads <= 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(num_threads) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > num_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
