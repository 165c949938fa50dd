"""What a candidate is compared with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipelines import arguments


@pytest.fixture
def served(tmp_path):
    for version in ("2", "10", ".tmp-11"):
        (tmp_path / version).mkdir()
    return tmp_path


@pytest.mark.parametrize(("recipe", "expected"), [("other", "10"), ("same", "what-10-was-compared-with")])
def test_a_model_is_compared_with_the_newest_version_and_never_with_itself(served, recipe, expected, monkeypatch):
    release = SimpleNamespace(recipe="same", compared_with="what-10-was-compared-with")
    monkeypatch.setattr(arguments.Release, "load", lambda folder: release)

    assert arguments._champion(served, recipe).rpartition("/")[2] == expected


def test_a_version_that_estafet_did_not_make_ends_no_run(served):
    """It is named all the same, and evaluate says that it was not compared."""
    assert arguments._champion(served, "recipe") == str(served / "10")


def test_before_the_first_version_there_is_nothing_to_compare_with(tmp_path):
    assert arguments._champion(tmp_path / "none", "recipe") == ""
