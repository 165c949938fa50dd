"""A signed message is believed if it is as it was sent, by whom it says, and not old."""

from __future__ import annotations

import pytest

from monitoring.alerting import signature

SECRET, BODY, NOW_S = "hunter2", b'{"a": 1}', 1_700_000_000.0


def signed():
    return signature.headers(SECRET, "id-1", NOW_S, BODY)


def test_the_published_example_has_the_published_signature():
    """The example of Standard Webhooks' reference libraries."""
    found = signature.headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_was_signed_is_believed_for_five_minutes():
    assert signature.problem_of(SECRET, signed(), BODY, NOW_S + 300) == ""
    assert "301 seconds old" in signature.problem_of(SECRET, signed(), BODY, NOW_S + 301)
    assert "-301 seconds old" in signature.problem_of(SECRET, signed(), BODY, NOW_S - 301)


@pytest.mark.parametrize(
    ("changed", "body", "problem"),
    [
        ({}, b'{"a": 2}', "not that of the shared secret"),
        ({"webhook-id": "id-2"}, BODY, "not that of the shared secret"),
        ({"webhook-timestamp": str(int(NOW_S) + 1)}, BODY, "not that of the shared secret"),
        ({"webhook-signature": "v1,AAAA"}, BODY, "not that of the shared secret"),
        ({"webhook-signature": "v2,x v0"}, BODY, "not that of the shared secret"),
        ({"webhook-signature": "v1,\udcff"}, BODY, "not that of the shared secret"),
        ({"webhook-signature": ""}, BODY, "no header webhook-signature"),
        ({"webhook-timestamp": "yesterday"}, BODY, "no number of seconds"),
    ],
)
def test_what_was_changed_is_not_believed(changed, body, problem):
    assert problem in signature.problem_of(SECRET, signed() | changed, body, NOW_S)


def test_one_of_several_signatures_is_enough_while_a_secret_is_replaced():
    both = signed()["webhook-signature"] + " " + signature.headers("new", "id-1", NOW_S, BODY)["webhook-signature"]

    assert signature.problem_of("new", signed() | {"webhook-signature": both}, BODY, NOW_S) == ""
