"""The file of `--monitoring_config_file`: text of TensorFlow Serving's MonitoringConfig, which no package ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.server.status import invalid

DEFAULT_PATH = "/monitoring/prometheus/metrics"
_PACKAGE = "estafet.serving.monitoring"


def metrics_path(file: str | Path) -> str | None:
    """Return the path under which the metrics are shown, or None where they are not.

    Raises:
        StatusError: The file cannot be read, or is no MonitoringConfig.
    """
    from google.protobuf import text_format

    try:
        config = text_format.Parse(Path(file).read_text(encoding="utf-8"), _message())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise invalid(f"Invalid protobuf file: '{file}'") from error
    if not config.prometheus_config.enable:
        return None
    return config.prometheus_config.path or DEFAULT_PATH


def _message() -> Any:
    """Return an empty MonitoringConfig, declared as TensorFlow Serving's `monitoring_config.proto` has it."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="monitoring_config.proto", package=_PACKAGE, syntax="proto3")
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=8, label=1)
    prometheus.field.add(name="path", number=2, type=9, label=1)
    config = file.message_type.add(name="MonitoringConfig")
    config.field.add(name="prometheus_config", number=1, type=11, label=1, type_name=f".{_PACKAGE}.PrometheusConfig")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.MonitoringConfig"))()
