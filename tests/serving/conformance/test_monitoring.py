"""Section 14: metrics as Prometheus reads them."""

from __future__ import annotations

import re

PATH = "/monitoring/prometheus/metrics"


def value(text: str, cell: str) -> float:
    match = re.search(rf"^{re.escape(cell)} (\S+)$", text, re.MULTILINE)
    return float(match[1]) if match else 0.0


def test_rest_requests_are_counted_by_status(rest):
    cell = ':tensorflow:serving:request_count{{model_name="{}",status="{}"}}'
    found, lost = cell.format("half_plus_two", "OK"), cell.format("counted", "NOT_FOUND")
    before = rest.get(PATH).text
    rest.post("/v1/models/half_plus_two:predict", content=b'{"instances": [1.0]}')
    rest.get("/v1/models/half_plus_two")
    rest.get("/v1/models/counted")
    after = rest.get(PATH).text

    assert value(after, found) == value(before, found) + 2
    assert value(after, lost) == value(before, lost) + 1


def test_grpc_calls_have_latencies(rest, prediction, predict_request):
    labels = 'model_name="half_plus_two",API="Predict",entrypoint="GRPC"'
    count = f":tensorflow:serving:request_latency_count{{{labels}}}"
    before = value(rest.get(PATH).text, count)
    prediction.Predict(predict_request({"x": [1.0]}))
    text = rest.get(PATH).text

    assert value(text, count) == before + 1
    assert value(text, f':tensorflow:serving:request_latency_bucket{{{labels},le="+Inf"}}') == before + 1
    assert "# TYPE :tensorflow:serving:request_latency histogram" in text
    assert ':tensorflow:serving:runtime_latency_count{model_name="half_plus_two",API="Predict",runtime="TF1"}' in text


def test_the_path_is_exact_and_takes_any_method(rest):
    response = rest.post(PATH)

    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain")
    refused = rest.get(f"{PATH}?a=b")
    assert refused.status_code == 400
    assert f"Unexpected path: {PATH}?a=b. Should be {PATH}" in refused.text
    assert rest.get(f"{PATH}/").status_code == 404
