"""The file of `--monitoring_config_file`."""

from __future__ import annotations

import pytest

from serving.server.status import StatusError
from serving.server.watching.config import metrics_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config: { enable: true, path: "/metrics" }', "/metrics"),
        ('prometheus_config { path: "/metrics" }', None),
        ("", None),
    ],
)
def test_the_path_is_shown_where_it_is_enabled(tmp_path, text, path):
    file = tmp_path / "monitoring.config"
    file.write_text(text)

    assert metrics_path(file) == path


def test_a_file_that_is_none_is_named(tmp_path):
    file = tmp_path / "monitoring.config"
    with pytest.raises(StatusError, match=f"Invalid protobuf file: '{file}'"):
        metrics_path(file)
    file.write_text("prometheus { }")
    with pytest.raises(StatusError, match="Invalid protobuf file"):
        metrics_path(file)
