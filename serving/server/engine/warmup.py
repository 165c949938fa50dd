"""Replays a version's recorded requests before it is served, so that no client waits for what happens only once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.server.calls import classify, multi_inference, predict, regress
from serving.server.calls.examples import serialized_examples
from serving.server.models.life import Loaded
from serving.server.status import Code, StatusError, invalid

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000


def warm_up(model: Loaded, folder: Path, *, num_iterations: int = 1) -> int:
    """Replay the requests in a version's folder on that version, in order.

    Args:
        model: The version in memory.
        folder: Its folder; without a file of requests nothing is done.
        num_iterations: How often each request is replayed.

    Returns:
        The number of records.

    Raises:
        StatusError: The file is damaged or too long, or a request fails.
    """
    file = folder / WARMUP_FILE
    if not file.exists():
        return 0
    num_records = 0
    for record in _records(file):
        num_records += 1
        if num_records > MAX_RECORDS:
            raise invalid(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}")
        try:
            log = PredictionLog.FromString(record)
        except Exception as error:
            raise invalid(f"Failed to parse warmup record: {record[:100]!r} from {file}") from error
        for _ in range(max(num_iterations, 1)):
            _replay(log, model)
    return num_records


def _records(file: Path) -> Iterator[bytes]:
    try:
        yield from (record.numpy() for record in tf.data.TFRecordDataset(str(file)))
    except tf.errors.DataLossError as error:
        raise StatusError(
            Code.DATA_LOSS, f"{error.message}. Please verify your warmup data is in TFRecord format."
        ) from error


def _replay(log: Any, model: Loaded) -> None:
    """Do what a log's request asks; its model and version are not looked at."""
    kind, signatures = log.WhichOneof("log_type"), model.signatures
    if kind is None:
        return
    if kind == "predict_log":
        plan = predict.plan(log.predict_log.request, signatures)
        model.run(plan.feeds, plan.fetches)
    elif kind == "classify_log":
        request = log.classify_log.request
        examples = serialized_examples(request.input)
        plan = classify.plan(request.model_spec.signature_name, signatures, examples)
        values = model.run(plan.feeds, plan.fetches)
        classify.results(dict(zip(plan.outputs, values, strict=True)), len(examples))
    elif kind == "regress_log":
        request = log.regress_log.request
        examples = serialized_examples(request.input)
        plan = regress.plan(request.model_spec.signature_name, signatures, examples)
        values = model.run(plan.feeds, plan.fetches)
        regress.results(dict(zip(plan.outputs, values, strict=True)), len(examples))
    elif kind == "multi_inference_log":
        model.run(*multi_inference.joined(multi_inference.plans(log.multi_inference_log.request, signatures)))
    else:
        number = PredictionLog.DESCRIPTOR.fields_by_name[kind].number
        raise StatusError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}")
