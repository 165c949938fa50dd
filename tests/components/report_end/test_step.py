"""The last word of a run, to a webhook that may be down."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from components.report_end import step


@pytest.fixture
def receiver(monkeypatch):
    """A real HTTP server on this machine; `events` holds what it was sent."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("monitoring.alerting.posting.PAUSE_S", 0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(self.server.status)
            if self.server.status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.events, server.status = [], 202
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def url_of(server):
    return f"http://127.0.0.1:{server.server_port}/T0/secret"


def test_the_webhook_is_told_how_the_run_ended(receiver):
    """A CloudEvent with the state, and the error where there is one."""
    ended = step.report_end("digits", state="FAILED", error="train failed", webhook=url_of(receiver))

    (event,) = receiver.events
    assert (event["type"], event["subject"]) == ("estafet.run.ended", "digits")
    assert event["data"] == {"state": "FAILED", "error": "train failed"}
    assert ended.problem is None
    assert step.summary(ended) == f"failed · told http://127.0.0.1:{receiver.server_port}"


@pytest.mark.parametrize(("status", "num_tries"), [(503, 3), (404, 1), (302, 1)])
def test_a_webhook_that_refuses_is_said_and_nothing_is_raised(receiver, status, num_tries):
    """A server in trouble is asked three times; one that says no, or sends us elsewhere, once."""
    receiver.status = status

    ended = step.report_end("digits", state="SUCCEEDED", error="", webhook=url_of(receiver))

    assert len(receiver.events) == num_tries
    assert f"HTTP {status}" in step.summary(ended)
    assert "secret" not in step.summary(ended)


def test_a_webhook_that_nobody_listens_at_is_said(receiver):
    """The port is closed."""
    url = url_of(receiver)
    receiver.shutdown()
    receiver.server_close()

    ended = step.report_end("digits", state="SUCCEEDED", error="", webhook=url)

    assert "Connection refused" in step.summary(ended)


@pytest.mark.parametrize("webhook", ["http://127.0.0.1:port/x", "http://127.0.0.1/T0/a secret"])
def test_a_webhook_that_is_no_url_is_said_and_the_run_ends_as_it_did(receiver, webhook):
    """The port is no number; the path has a space."""
    ended = step.report_end("digits", state="SUCCEEDED", error="", webhook=webhook)

    assert ended.problem.startswith("the webhook at http://")


def test_without_a_webhook_there_is_only_the_state():
    """Most runs on a laptop."""
    assert step.summary(step.report_end("digits", state="SUCCEEDED", error="", webhook=None)) == "succeeded"


def test_it_imports_nothing_heavy():
    """It is part of every run, also of one that reuses everything else."""
    code = (
        "import sys; import components.report_end.step; "
        "print([n for n in ('numpy', 'pyarrow', 'pydantic', 'httpx', 'sqlite3') if n in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
