"""The registry, on MLflow's SQLite store."""

from __future__ import annotations

import pytest

from estafet.errors import ServiceUnavailable
from estafet.tracking import MlflowTracker, NullTracker
from serving import registry


@pytest.mark.slow
def test_versions_are_registered_and_aliases_move(tmp_path):
    tracker = MlflowTracker(
        f"sqlite:///{tmp_path / 'mlflow.db'}", "e", "export", artifact_root=(tmp_path / "artifacts").as_uri()
    )
    (tmp_path / "model").mkdir()

    assert registry.version_of(tracker.uri, "toy", "champion") is None
    first = registry.register(tracker, "toy", tmp_path / "model", tags={"accuracy": 0.9})
    second = registry.register(tracker, "toy", tmp_path / "model")
    registry.set_alias(tracker.uri, "toy", registry.CHAMPION, first)
    registry.set_alias(tracker.uri, "toy", registry.CHAMPION, second)
    registry.set_tags(tracker.uri, "toy", second, {"served_version": 5})

    assert (first, second) == ("1", "2")
    assert registry.version_of(tracker.uri, "toy", "champion") == "2"
    versions = {version.version: version for version in tracker.client.search_model_versions("name='toy'")}
    assert {str(number): dict(version.tags) for number, version in versions.items()} == {
        "1": {"accuracy": "0.9"},
        "2": {"served_version": "5"},
    }
    assert {version.run_id for version in versions.values()} == {tracker.run_id}
    with pytest.raises(ServiceUnavailable, match="version 7 of 'toy'"):
        registry.set_alias(tracker.uri, "toy", registry.CHAMPION, "7")
    for _ in range(2):  # the second time nothing is there any more
        registry.remove_tags(tracker.uri, "toy", second, ["served_version"])
        registry.remove_alias(tracker.uri, "toy", registry.CHAMPION)
    assert registry.version_of(tracker.uri, "toy", "champion") is None
    assert dict(tracker.client.get_model_version("toy", second).tags) == {}
    registry.tag_run(tracker.uri, tracker.run_id, {"estafet.rolled_back": "rude"})
    registry.tag_run(tracker.uri, "0" * 32, {"estafet.rolled_back": "of a run that was deleted"})
    assert tracker.client.get_run(tracker.run_id).data.tags["estafet.rolled_back"] == "rude"


def test_without_mlflow_nothing_is_registered(tmp_path):
    assert registry.register(NullTracker(), "toy", tmp_path) == ""
