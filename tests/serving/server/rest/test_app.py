"""The ASGI application in this process, on a model that is a Python function: limits, tokens, failures."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from serving.request_log import RequestLog
from serving.server.calls.running import Arrivals
from serving.server.rest.app import Rest, RestOptions
from serving.server.signature import Signature, TensorSpec
from serving.server.status import Code, StatusError
from serving.server.watching.calls import InFlight

SIGNATURE = Signature({"x": TensorSpec("x:0", "float", (None,))}, {"y": TensorSpec("y:0", "float", (None,))})
PREDICT = "/v1/models/m:predict"
BODY = b'{"instances": [1.0]}'


class FakeModels:
    """One model that answers with what `run` gives; a Future is handed on as it is."""

    ready = True

    def __init__(self, run):
        self._run, self.num_held = run, 0

    @contextmanager
    def use(self, name, *, version=None, label=None):
        self.num_held += 1
        model = SimpleNamespace(signatures={"serving_default": SIGNATURE}, submit=self._submit)
        yield SimpleNamespace(number=3, model=model)
        self.num_held -= 1

    def _submit(self, feeds, fetches, *, deadline=None):
        outcome = self._run(feeds["x:0"])
        if isinstance(outcome, Future):
            return outcome
        future = Future()
        future.set_result([outcome])
        return future


def ask(models, *requests, most=10, **options) -> list[SimpleNamespace]:
    """Send requests (method, path, body, headers) at once, and return their answers."""

    async def all_of_them() -> list[SimpleNamespace]:
        rest = Rest(models, Arrivals(asyncio.get_running_loop()), InFlight(most), RestOptions(**options))
        return await asyncio.gather(*(_one(rest, *request) for request in requests))

    return asyncio.run(all_of_them())


async def _one(rest, method, path, body=b"", headers=()) -> SimpleNamespace:
    sent = []
    parts = [body] if isinstance(body, bytes) else list(body)

    async def receive():
        await asyncio.sleep(0)
        if not parts:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "raw_path": path.encode(), "query_string": b"", "headers": list(headers)}
    await rest(scope, receive, send)
    if not sent:
        return SimpleNamespace(status=None, body=b"", headers={})
    return SimpleNamespace(status=sent[0]["status"], body=sent[1]["body"], headers=dict(sent[0]["headers"]))


def half(x: np.ndarray) -> np.ndarray:
    return x / 2


def test_a_row_goes_in_and_comes_out():
    (answer,) = ask(FakeModels(half), ("POST", PREDICT, BODY))

    assert (answer.status, json.loads(answer.body)) == (200, {"predictions": [0.5]})


def test_more_requests_than_may_be_in_flight_are_refused_with_429():
    waiting = [Future() for _ in range(2)]
    models = FakeModels(lambda x: waiting[0])

    async def three():
        rest = Rest(models, Arrivals(asyncio.get_running_loop()), InFlight(2), RestOptions())
        tasks = [asyncio.create_task(_one(rest, "POST", PREDICT, BODY)) for _ in range(3)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        waiting[0].set_result([np.zeros(1, np.float32)])
        return [task.result().status for task in done], sorted([(await task).status for task in tasks])

    assert asyncio.run(three()) == ([429], [200, 200, 429])


def test_a_model_that_takes_too_long_is_given_up_but_held_until_it_is_done():
    never = Future()
    models = FakeModels(lambda x: never)

    (answer,) = ask(models, ("POST", PREDICT, BODY), timeout_s=0.01)

    assert (answer.status, models.num_held) == (504, 1)
    never.set_result([np.zeros(1, np.float32)])
    assert models.num_held == 0


def test_an_error_of_ours_shows_nothing_of_the_code(caplog):
    def fail(x):
        raise KeyError("secret")

    (answer,) = ask(FakeModels(fail), ("POST", PREDICT, BODY))

    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "KeyError in the server; its log has more"}
    assert "secret" in caplog.text


def test_a_failed_future_is_an_answer():
    failed = Future()
    failed.set_exception(StatusError(Code.UNAVAILABLE, "full"))

    (answer,) = ask(FakeModels(lambda x: failed), ("POST", PREDICT, BODY))

    assert (answer.status, json.loads(answer.body)) == (503, {"error": "full"})
    assert b"x-estafet-request-id" in answer.headers


@pytest.mark.parametrize("body", [b" " * 200, [b" " * 50, b" " * 50, b" " * 50]])
def test_a_body_beyond_the_limit_is_refused(body):
    (answer,) = ask(FakeModels(half), ("POST", PREDICT, body), max_body_bytes=100)

    assert answer.status == 413
    assert answer.headers[b"connection"] == b"close"


def test_a_client_that_goes_away_gets_nothing():
    (answer,) = ask(FakeModels(half), ("POST", PREDICT, []))

    assert answer.status is None


def test_a_token_is_needed_where_one_is_set():
    right, wrong = [(b"authorization", b"Bearer s3cret")], [(b"authorization", b"Bearer other")]
    requests = [("POST", PREDICT, BODY, headers) for headers in (right, wrong, [])] + [
        ("GET", "/healthz"),
        ("GET", "/"),
    ]

    answers = ask(FakeModels(half), *requests, token="s3cret")

    assert [answer.status for answer in answers] == [200, 401, 401, 200, 401]


def test_metrics_are_shown_only_where_a_path_is_set():
    paths = [("GET", "/monitoring/prometheus/metrics")]

    assert ask(FakeModels(half), *paths)[0].status == 404
    assert ask(FakeModels(half), *paths, metrics_path="/monitoring/prometheus/metrics")[0].status == 200


def test_requests_are_logged_with_their_ids(tmp_path):
    log = RequestLog(tmp_path)
    headers = [(b"x-request-id", b"order-7")]

    ask(FakeModels(half), ("POST", PREDICT, b'{"instances": [1.0, 3.0]}', headers), request_log=log)
    log.close()

    from estafet import request_log

    rows = request_log.read(tmp_path, "m").to_pylist()
    assert [(row["request_id"], row["x"], row["prediction"], row["version"]) for row in rows] == [
        ("order-7-0", 1.0, 0.5, 3),
        ("order-7-1", 3.0, 1.5, 3),
    ]


def test_large_bodies_and_answers_leave_the_event_loop_and_come_back():
    rows = list(range(20_000))

    (answer,) = ask(FakeModels(half), ("POST", PREDICT, json.dumps({"instances": rows}).encode()))

    assert json.loads(answer.body)["predictions"] == [row / 2 for row in rows]
