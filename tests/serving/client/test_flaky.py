"""What is asked again, and what is not: a server that fails as it is told."""

from __future__ import annotations

import http.client
import threading

import pytest

from estafet.errors import DataError, ServiceUnavailable
from serving.client import Client, Retries

RESET = (0, {})
QUICK = Retries(most=3, first_s=0.001)


def client_of(flaky, **options):
    return Client(flaky.url, "m", **{"retries": QUICK, **options})


@pytest.mark.parametrize("step", [RESET, (503, {}), (429, {}), (503, {"Retry-After": "0"})])
def test_what_may_pass_is_asked_again(start_flaky, step):
    flaky = start_flaky(step, step)

    assert client_of(flaky).predict([1.0, 4.0]).predictions == [2.0, 8.0]
    assert flaky.num_predicts == 3


@pytest.mark.parametrize(("status", "error"), [(400, DataError), (404, ServiceUnavailable), (500, ServiceUnavailable)])
def test_what_will_not_pass_is_asked_once(start_flaky, status, error):
    flaky = start_flaky((status, {}), (status, {}))

    with pytest.raises(error, match=f"step {status}"):
        client_of(flaky).predict([1.0])

    assert flaky.num_predicts == 1


def test_tries_are_used_up(start_flaky):
    flaky = start_flaky(*[(503, {})] * 9)

    with pytest.raises(ServiceUnavailable, match="UNAVAILABLE: step 503"):
        client_of(flaky).predict([1.0])

    assert flaky.num_predicts == 4


def test_a_wait_beyond_the_deadline_is_not_begun(start_flaky):
    flaky = start_flaky((503, {"Retry-After": "3600"}))

    with pytest.raises(ServiceUnavailable, match="step 503"):
        client_of(flaky, timeout_s=20).predict([1.0])

    assert flaky.num_predicts == 1


def test_every_try_has_the_same_id(start_flaky):
    flaky = start_flaky(RESET)

    client_of(flaky).predict([1.0])

    ids = [headers.get("X-Request-Id") for headers in flaky.headers[1:]]
    assert ids[0] == ids[1] != ""


def test_a_connection_is_used_again(start_flaky):
    flaky = start_flaky()
    client = client_of(flaky)

    for _ in range(5):
        client.predict([1.0])

    assert len(flaky.connections) == 1


def test_threads_share_a_client_without_mixing_answers(start_flaky):
    client = client_of(start_flaky())
    wrong = []

    def ask(value):
        for _ in range(20):
            if client.predict([value]).predictions != [2 * value]:
                wrong.append(value)

    threads = [threading.Thread(target=ask, args=(float(value),)) for value in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_connection_that_the_server_closed_meanwhile_is_no_failed_try(start_flaky):
    flaky = start_flaky((200, {}), RESET)
    client = client_of(flaky, retries=0)
    client.predict([1.0])

    assert client.predict([3.0]).predictions == [6.0]


def test_an_answer_that_breaks_off_is_an_error(start_flaky, monkeypatch):
    monkeypatch.setattr(http.client.HTTPResponse, "read1", lambda *_: b"")

    with pytest.raises(ServiceUnavailable, match="bytes before the answer did"):
        client_of(start_flaky()).predict([1.0])


def test_a_version_with_other_inputs_is_noticed(start_flaky):
    """Its metadata are asked for again when the request does not fit, and the error stays where they are the same."""
    flaky = start_flaky((400, {}))

    with pytest.raises(DataError, match="step 400"):
        client_of(flaky).predict([1.0])

    assert [headers.get("Content-Length") is None for headers in flaky.headers] == [True, False, True]
