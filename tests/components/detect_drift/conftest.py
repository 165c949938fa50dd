"""A served model, its monitor, and a webhook that keeps what it is sent."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from components.detect_drift import step
from monitoring.testing import NOW, World, table_rows

DAY = timedelta(days=1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def world(tmp_path, rng):
    """A served table model with a reference of 2,000 rows."""
    made = World(tmp_path)
    made.serve({**table_rows(rng, 2000), "label": ["no"] * 2000})
    return made


@pytest.fixture
def no_evidently(monkeypatch):
    """Evidently's page takes seconds; one test draws it."""
    monkeypatch.setattr(step.evidently_page, "draw", lambda *_: "not in this test")


class Receiver:
    """A real HTTP server that keeps what it is sent."""

    def __init__(self, status: int = 204):
        self.status, self.events, self.kinds = status, [], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                receiver.kinds.append(self.headers["Content-Type"])
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/secret"

    @property
    def types(self):
        return [event["type"] for event in self.events]


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("monitoring.alerting.posting.PAUSE_S", 0)
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _check(world, *, now=NOW, webhook=None, **changed):
    changed = {"policy": {"retrain": "off"}, **changed}
    return step.detect_drift(
        world.settings(**changed),
        world.models_dir,
        world.requests_dir,
        world.state_dir,
        world.root / "report",
        webhook=webhook,
        now=now,
    )


@pytest.fixture
def check():
    """Run the step over a world's folders; without labels unless `policy` is given."""
    return _check
