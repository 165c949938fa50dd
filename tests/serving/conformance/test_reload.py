"""Section 2: HandleReloadConfigRequest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig


@pytest.fixture
def usual(serving, make_models, model_service) -> Iterator[str]:
    """The usual configuration, which is restored after the test."""
    text = make_models["config"](serving.models)
    yield text
    model_service.HandleReloadConfigRequest(reload(text), timeout=60)


def reload(text: str, *metrics: str) -> ReloadConfigRequest:
    request = ReloadConfigRequest(metric_names=metrics)
    text_format.Parse(text, request.config)
    return request


def test_labels_are_replaced_as_a_whole(usual, model_service, prediction, predict_request, refusal):
    moved = usual.replace('key: "stable" value: 1', 'key: "fresh" value: 2')

    response = model_service.HandleReloadConfigRequest(reload(moved), timeout=60)

    assert response.status.error_code == 0
    assert prediction.Predict(predict_request({"x": [1.0]}, label="fresh")).model_spec.version.value == 2
    assert refusal(prediction.Predict, predict_request({"x": [1.0]}, label="stable"))[0] == "INVALID_ARGUMENT"


def test_models_come_and_go(usual, serving, model_service, prediction, predict_request, refusal):
    more = usual.replace('name: "zoo"', 'name: "other"')

    model_service.HandleReloadConfigRequest(reload(more), timeout=60)

    assert prediction.Predict(predict_request({}, "other", "constant")).outputs["c"].float_val == [7.0]
    assert refusal(prediction.Predict, predict_request({}, "zoo", "constant"))[0] == "NOT_FOUND"


def test_metrics_tell_what_happened_meanwhile(usual, model_service):
    name = "/tensorflow/serving/request_count"

    response = model_service.HandleReloadConfigRequest(reload(usual, name), timeout=60)

    assert [(metric.name, metric.int64_value_increase) for metric in response.metric] == [(name, 0)]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            ("", "custom_model_config {}"),
            "INVALID_ARGUMENT",
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
            "supported",
        ),
        (
            ('name: "zoo"', 'name: "half_plus_two"'),
            "INVALID_ARGUMENT",
            "Illegal to list model half_plus_two multiple times in config list",
        ),
        (
            ("base_path", None),
            "INVALID_ARGUMENT",
            "Expected model zoo to have an absolute path or URI; got base_path()=zoo",
        ),
        (
            ('model_platform: "tensorflow" }', "}"),
            "INVALID_ARGUMENT",
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
            "model name is zoo",
        ),
        (
            ('model_platform: "tensorflow" }', 'model_platform: "other" }'),
            "INVALID_ARGUMENT",
            "Illegal to change a model's platform. For model zoo platform was tensorflow and new platform requested is "
            "other",
        ),
        (
            ('key: "stable" value: 1', 'key: "stable" value: 9'),
            "FAILED_PRECONDITION",
            "Request to assign label to version 9 of model half_plus_two, which is not currently available for "
            "inference",
        ),
    ],
)
def test_configurations_that_are_refused(usual, serving, model_service, refusal, change, code, message):
    old, new = change
    text = usual.replace(old, new) if old and new is not None else new
    if new is None:
        text = usual.replace(f'"{serving.models}/zoo"', '"zoo"')

    assert refusal(model_service.HandleReloadConfigRequest, reload(text)) == (code, message)


def test_an_empty_request_is_refused(usual, model_service, refusal):
    assert refusal(model_service.HandleReloadConfigRequest, ReloadConfigRequest())[0] == "INVALID_ARGUMENT"


def test_a_model_that_does_not_load_is_reported(usual, serving, tmp_path, model_service, refusal):
    (serving.models / "broken" / "4").mkdir(parents=True, exist_ok=True)
    broken = usual.replace('name: "zoo"', 'name: "broken"').replace("/zoo", "/broken")

    code, message = refusal(model_service.HandleReloadConfigRequest, reload(broken))

    assert code == "UNKNOWN"
    assert message.startswith("1 model(s) did not become available: {")
    assert "saved_model.pb" in message


def test_the_config_message_is_what_the_file_holds(serving, make_models):
    text_format.Parse(make_models["config"](serving.models), ModelServerConfig())
