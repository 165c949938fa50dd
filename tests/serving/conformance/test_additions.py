"""What our server answers beside TensorFlow Serving's surface: health, reflection, a model list, ids, labels."""

from __future__ import annotations

import csv
import json

import pytest

pytestmark = pytest.mark.ours


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService", "tensorflow.serving.PredictionService"])
def test_grpc_health_says_serving(channel, service):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    response = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))

    assert response.status == health_pb2.HealthCheckResponse.SERVING


def test_grpc_reflection_lists_the_services(channel):
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    (response,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(asked)

    names = {service.name for service in response.list_services_response.service}
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} <= names


def test_health_urls(rest):
    assert (rest.get("/healthz").status_code, rest.get("/readyz").status_code) == (200, 200)


def test_the_root_lists_the_models(rest):
    assert rest.get("/").json()["models"] == {"half_plus_two": [2, 1], "zoo": [1]}


def test_rest_keeps_a_usable_id_and_makes_one_otherwise(rest):
    def header(**headers: str) -> str:
        body = b'{"instances": [1.0]}'
        answer = rest.post("/v1/models/half_plus_two:predict", content=body, headers=headers)
        return answer.headers["x-estafet-request-id"]

    assert header(**{"X-Request-Id": "order-7"}) == "order-7"
    assert header() != header()
    assert header(**{"X-Request-Id": "../../x y"}) != "../../x y"


def test_grpc_has_the_id_in_its_trailing_metadata(prediction, predict_request):
    _, call = prediction.Predict.with_call(predict_request({"x": [1.0]}), metadata=(("x-request-id", "order-8"),))

    assert dict(call.trailing_metadata())["x-estafet-request-id"] == "order-8"


def test_labels_are_dropped_as_a_file(rest, serving):
    body = {"labels": {"order-7-0": "cat", "order-7-1": 3, 'a,"b"-0': "x"}}

    response = rest.post("/estafet/labels", content=json.dumps(body))

    assert response.json() == {"labels": 3}
    (file,) = [path for path in (serving.models / "requests" / "labels").glob("*.csv")]
    rows = list(csv.DictReader(file.open(newline="")))
    assert rows == [
        {"request_id": "order-7-0", "label": "cat"},
        {"request_id": "order-7-1", "label": "3"},
        {"request_id": 'a,"b"-0', "label": "x"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"labels": []}',
        b'{"labels": {"a": null}}',
        b'{"labels": {"": "x"}}',
        b'{"labels": {"a": "\\n"}}',
    ],
)
def test_labels_that_are_none_are_refused(rest, body):
    assert rest.post("/estafet/labels", content=body).status_code == 400


def test_our_own_metrics_are_there(rest):
    text = rest.get("/monitoring/prometheus/metrics").text

    assert 'estafet_model_versions{model_name="half_plus_two",state="AVAILABLE"} 2' in text
    assert "estafet_ready{} 1" in text
    assert "estafet_requests_in_flight{} 0" in text
    assert "estafet_queued_batches{} 0" in text
    assert 'estafet_request_log_rows{what="dropped_full"} 0' in text
