"""Trainings in processes of their own: what each says, and what becomes of one that fails."""

from __future__ import annotations

import sys

import pytest

from components.train.batch_sizes import measuring
from components.train.batch_sizes.candidates import candidates_of
from estafet.runfile.steps import TrainSettings

CHILD = """
import json, os, signal, sys
from estafet import telemetry
from estafet.errors import StepFailed

job = json.load(open(sys.argv[1]))
with telemetry.step(job["key"]) as running:
    running.progress("epoch 1/2 · loss 0.5", 1, 2)
    if job["key"] == "8":
        raise StepFailed("the loss is NaN or infinite at step 3.", hint="lower it.")
    if job["key"] == "16":
        os.kill(os.getpid(), signal.SIGKILL)
    if job["key"] == "32":
        raise ZeroDivisionError("nobody foresaw this")
    told = sorted(name for name in os.environ if name.startswith(("MLFLOW_", "ESTAFET_", "TF_CONFIG")))
    json.dump({"num_examples": 7, "decisions": {"told": " ".join(told)}}, open(sys.argv[2], "w"))
"""


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Four trainings, of which all but the last one fail, in different ways; and what was said of them."""
    monkeypatch.setattr(measuring, "COMMAND", (sys.executable, "-c", CHILD))
    monkeypatch.setenv("MLFLOW_RUN_ID", "another's")
    monkeypatch.setenv("ESTAFET_RUN_DIR", "another's")
    monkeypatch.setenv("TF_CONFIG", "{}")
    settings = TrainSettings.model_validate({"task": "tabular_regression", "model": {}, "batch": 8, "epochs": 2})
    said, told = [], []
    found = measuring.measure(
        candidates_of(settings, (16, 32, 64)),
        tmp_path,
        tmp_path / "trainings",
        user_folder=tmp_path,
        progress=lambda *words: said.append(words),
        on_measured=lambda one: told.append(one.name),
    )
    return found, said, told


def test_one_that_fails_has_the_reason_and_the_others_go_on(measured, tmp_path):
    found, said, told = measured
    failed, killed, unforeseen, whole = found

    assert told == ["8", "16", "32", "64"]
    assert failed.reason == "the loss is NaN or infinite at step 3."
    assert killed.reason.startswith("it was killed (SIGKILL) before it could say why; the system does so when memory")
    assert killed.peak_mb > 1 and f"It had used {killed.peak_mb:,.0f} MB" in killed.reason
    assert unforeseen.reason.startswith("ZeroDivisionError: nobody foresaw this The traceback is in ")
    assert "nobody foresaw this" in (tmp_path / "trainings" / "32.log").read_text()
    assert (whole.is_whole, whole.num_examples) == (True, 7)
    assert said[0] == ("8 · starting", 0, 8) and said[-1][1] >= 6
    # A training knows its run's folder, its runner and where a user's model is, and nothing of the caller's runs.
    assert whole.decisions["told"] == "ESTAFET_RUNNER_PID ESTAFET_RUN_DIR ESTAFET_USER_PATH"
