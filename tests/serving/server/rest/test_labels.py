"""Labels that arrive later are read by the monitor as they were sent."""

from __future__ import annotations

import json

from monitoring.retraining.labels import read_labels
from serving.server.rest.labels import take


def test_the_monitor_reads_the_labels_of_every_drop_and_the_last_one_counts(tmp_path):
    first = take(json.dumps({"labels": {"a-0": "cat", "b-0": 2.5}}).encode(), tmp_path)
    take(json.dumps({"labels": {"a-0": "dog", 'x,"y"-0': "é"}}).encode(), tmp_path)

    assert (first.status, json.loads(first.body)) == (200, {"labels": 2})
    assert read_labels(tmp_path) == {"a-0": "dog", "b-0": "2.5", 'x,"y"-0': "é"}
    assert all(path.suffix == ".csv" for path in tmp_path.iterdir())


def test_without_a_request_log_there_are_no_labels():
    assert take(b'{"labels": {"a": "b"}}', None).status == 404


def test_a_disk_that_cannot_be_written_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")

    assert take(b'{"labels": {"a": "b"}}', tmp_path / "file" / "labels").status == 503
