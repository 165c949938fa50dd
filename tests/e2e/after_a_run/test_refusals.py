"""What is refused when a model is served already: a worse one, and a second server on the same port."""

from __future__ import annotations

import socket

import pytest

from estafet.files import read_json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_gate_that_refuses_deploys_nothing_and_leaves_the_served_model_alone(trained):
    def served():
        return sorted((path, path.stat().st_mtime_ns) for path in trained.workspace.glob("models/cancer/**/*"))

    before = served()
    changes = ("--set", "evaluate.gates.accuracy.min=0.9999", "--set", "train.epochs=2")
    done = trained.estafet_here("run", "run.yaml", *changes)

    assert done.returncode == 5, done.stdout + done.stderr
    assert "the gate refused this model" in done.stderr
    assert "0.9999" in done.stderr
    assert "change evaluate.gates" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert before
    assert served() == before
    steps = read_json(trained.newest_run() / "run.json")["steps"]
    assert (steps["export"]["state"], steps["deploy"]["state"]) == ("skipped", "skipped")


def test_a_port_that_is_taken_is_said_with_another_to_try(trained):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = trained.estafet("serve", "run.yaml", "--port", port)

    assert done.returncode == 4, done.stdout + done.stderr
    assert f"the port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert "--port" in done.stderr.partition("hint:")[2]
    assert "Traceback" not in done.stderr
