"""The ModelService: what became of the versions, and a new list of models."""

from __future__ import annotations

import asyncio
from typing import Any

from grpc import aio
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from serving.server.calls import reload, status
from serving.server.grpc.answering import Guard


class ModelService:
    """Answers calls about the models themselves."""

    def __init__(self, models: Any, guard: Guard):
        """Answer for `models`."""
        self._models, self._guard = models, guard

    async def GetModelStatus(self, request: Any, context: aio.ServicerContext) -> Any:  # noqa: N802
        """Return the versions of a model, newest first."""
        return await self._guard.answer(context, lambda: self._status(request))

    async def HandleReloadConfigRequest(self, request: Any, context: aio.ServicerContext) -> Any:  # noqa: N802
        """Take up a new list of models; answers once they are there."""
        return await self._guard.answer(context, lambda: self._reload(request))

    async def _status(self, request: Any) -> Any:
        name, version = status.wanted(request)
        response = get_model_status_pb2.GetModelStatusResponse()
        status.fill_response(response, self._models.status(name, version))
        return response

    async def _reload(self, request: Any) -> Any:
        response = model_management_pb2.ReloadConfigResponse()
        work = asyncio.get_running_loop().run_in_executor(None, reload.run, self._models, request, response)
        await asyncio.shield(work)
        return response
