"""The PredictionService: Predict, Classify, Regress, MultiInference, GetModelMetadata."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grpc import aio
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.server.calls import classify, metadata, multi_inference, predict, regress
from serving.server.calls.examples import serialized_examples
from serving.server.calls.logged import log_call
from serving.server.calls.predict import Plan, fill_spec
from serving.server.calls.running import Arrivals, Held
from serving.server.calls.tensors import MAX_TENSOR_BYTES
from serving.server.grpc.answering import Guard
from serving.server.request_ids import GRPC_REQUEST_ID, request_id_of
from serving.server.status import invalid
from serving.server.watching.calls import EXAMPLE_COUNTS, EXAMPLES, RUNTIME, RUNTIME_KIND

if TYPE_CHECKING:
    from serving.request_log import RequestLog

LARGE_BYTES = 2**20
"""Requests from this size on are unpacked in a thread, so that they hold nobody up."""


@dataclass(frozen=True)
class Settings:
    """How calls are answered.

    Attributes:
        as_content: Answer with `tensor_content` in place of typed fields.
        check_method_name: Refuse signatures with a method that is none of TensorFlow Serving's.
        max_tensor_bytes: Memory that one input may take.
        request_log: Where calls of Predict are logged, if anywhere.
    """

    as_content: bool = False
    check_method_name: bool = False
    max_tensor_bytes: int = MAX_TENSOR_BYTES
    request_log: RequestLog | None = None


class PredictionService:
    """Answers calls that run a model."""

    def __init__(self, models: Any, arrivals: Arrivals, guard: Guard, settings: Settings):
        """Answer for `models`."""
        self._models, self._arrivals, self._guard, self._settings = models, arrivals, guard, settings

    async def Predict(self, request: Any, context: aio.ServicerContext) -> Any:  # noqa: N802
        """Run any signature."""
        return await self._guard.answer(
            context, lambda: self._predict(request, context), api="Predict", name=lambda: request.model_spec.name
        )

    async def Classify(self, request: Any, context: aio.ServicerContext) -> Any:  # noqa: N802
        """Return classes and scores of examples."""
        return await self._guard.answer(
            context, lambda: self._classify(request, context), api="Classify", name=lambda: request.model_spec.name
        )

    async def Regress(self, request: Any, context: aio.ServicerContext) -> Any:  # noqa: N802
        """Return one number for each example."""
        return await self._guard.answer(
            context, lambda: self._regress(request, context), api="Regress", name=lambda: request.model_spec.name
        )

    async def MultiInference(self, request: Any, context: aio.ServicerContext) -> Any:  # noqa: N802
        """Run several classify and regress signatures at once."""
        return await self._guard.answer(context, lambda: self._multi_inference(request, context))

    async def GetModelMetadata(self, request: Any, context: aio.ServicerContext) -> Any:  # noqa: N802
        """Return a model's signatures."""
        return await self._guard.answer(context, lambda: self._metadata(request))

    async def _predict(self, request: Any, context: aio.ServicerContext) -> Any:
        _check_spec(request)
        settings, request_id = self._settings, request_id_of(context.invocation_metadata())
        with Held.by_spec(self._models, request.model_spec) as held:
            plan = await _in_thread_if_large(
                request,
                lambda: predict.plan(
                    request,
                    held.model.signatures,
                    check_method_name=settings.check_method_name,
                    max_tensor_bytes=settings.max_tensor_bytes,
                ),
            )
            values = await self._run(held, [plan], context, "Predict")
        response = predict_pb2.PredictResponse()
        predict.fill_response(response, plan, held.answer_spec, values, as_content=settings.as_content)
        context.set_trailing_metadata(((GRPC_REQUEST_ID, request_id),))
        outputs = dict(zip(plan.outputs, values, strict=True))
        log_call(
            settings.request_log,
            held.answer_spec,
            plan.signature_name,
            plan.signature,
            request_id,
            plan.inputs,
            outputs,
        )
        return response

    async def _classify(self, request: Any, context: aio.ServicerContext) -> Any:
        _check_spec(request)
        with Held.by_spec(self._models, request.model_spec) as held:
            classify.check(classify.find_signature(held.model.signatures, request.model_spec.signature_name))
            examples = serialized_examples(request.input)
            plan = classify.plan(request.model_spec.signature_name, held.model.signatures, examples)
            values = await self._run(held, [plan], context, "Classify")
        found = classify.results(dict(zip(plan.outputs, values, strict=True)), len(examples))
        response = classification_pb2.ClassificationResponse()
        fill_spec(response.model_spec, held.answer_spec, plan.signature_name)
        classify.fill_result(response.result, found)
        _count_examples(held.name, len(examples))
        return response

    async def _regress(self, request: Any, context: aio.ServicerContext) -> Any:
        _check_spec(request)
        with Held.by_spec(self._models, request.model_spec) as held:
            regress.check(classify.find_signature(held.model.signatures, request.model_spec.signature_name))
            examples = serialized_examples(request.input)
            plan = regress.plan(request.model_spec.signature_name, held.model.signatures, examples)
            values = await self._run(held, [plan], context, "Regress")
        found = regress.results(dict(zip(plan.outputs, values, strict=True)), len(examples))
        response = regression_pb2.RegressionResponse()
        fill_spec(response.model_spec, held.answer_spec, plan.signature_name)
        for value in found.tolist():
            response.result.regressions.add(value=value)
        _count_examples(held.name, len(examples))
        return response

    async def _multi_inference(self, request: Any, context: aio.ServicerContext) -> Any:
        with Held.by_spec(self._models, multi_inference.first_spec(request)) as held:
            plans = multi_inference.plans(request, held.model.signatures)
            feeds, fetches = multi_inference.joined(plans)
            found = await self._arrivals.run(held, feeds, fetches, timeout_s=context.time_remaining())
        response = inference_pb2.MultiInferenceResponse()
        values = dict(zip(fetches, found, strict=True))
        multi_inference.fill_response(response, request, plans, held.answer_spec, values)
        _count_examples(held.name, len(plans[0].inputs[classify.INPUTS]), total=True)
        return response

    async def _metadata(self, request: Any) -> Any:
        metadata.check(request)
        with Held.by_spec(self._models, request.model_spec) as held:
            signature_defs = held.model.signature_def
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        metadata.fill_response(response, held.answer_spec, signature_defs)
        return response

    async def _run(self, held: Held, plans: Sequence[Plan], context: aio.ServicerContext, api: str) -> list[Any]:
        (plan,) = plans
        started = time.perf_counter()
        values = await self._arrivals.run(held, plan.feeds, plan.fetches, timeout_s=context.time_remaining())
        RUNTIME.observe((time.perf_counter() - started) * 1e6, held.name, api, RUNTIME_KIND)
        return values


def _check_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")


async def _in_thread_if_large(request: Any, work: Any) -> Any:
    if request.ByteSize() < LARGE_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(None, work)


def _count_examples(name: str, count: int, *, total: bool = False) -> None:
    if total:
        EXAMPLE_COUNTS.observe(count, name)
        EXAMPLES.add(name, by=count)
