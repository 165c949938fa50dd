"""Supervisors of one machine need not wait for each other as long as those of several do."""

from __future__ import annotations

import pytest

from estafet.training.workers import links, rendezvous, supervisor


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    """Look ten times as often; how long anybody waits in the end is each test's own."""
    for module, name in ((links, "LINGER_S"), (rendezvous, "RETRY_S"), (rendezvous, "TICK_S"), (supervisor, "TICK_S")):
        monkeypatch.setattr(module, name, getattr(module, name) / 10)
