"""HandleReloadConfigRequest: a new list of models, and by how much counters rose while it was taken up."""

from __future__ import annotations

from typing import Any

from serving.server.status import invalid
from serving.server.watching.metrics import REGISTRY


def run(models: Any, request: Any, response: Any) -> None:
    """Take up a request's configuration; returns once its new models can be asked.

    Args:
        models: What is served.
        request: The ReloadConfigRequest.
        response: An empty ReloadConfigResponse, which is written.

    Raises:
        StatusError: It cannot be taken up.
    """
    if request.config.WhichOneof("config") != "model_config_list":
        raise invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    before = {name: REGISTRY.first_value(name) for name in request.metric_names}
    models.reload(request.config)
    response.status.error_code = 0
    for name in request.metric_names:
        after = REGISTRY.first_value(name)
        if after is not None:
            response.metric.add(name=name, int64_value_increase=after - (before[name] or 0))
