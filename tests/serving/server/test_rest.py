"""The REST interface of a real server process, against TensorFlow Serving's literal answers."""

from __future__ import annotations

import base64
import gzip
import json
import shutil

import httpx
import pytest

from serving.client import Client
from serving.server.process import ServerProcess

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rest")
    shutil.copytree(toy, folder / "models" / "toy" / "3")
    (folder / "models" / "broken" / "1").mkdir(parents=True)
    with ServerProcess(folder / "models", "toy", folder, "--name", "broken") as process:
        with httpx.Client(base_url=process.wait_until_listening(120)) as client:
            yield client


def predict(server: httpx.Client, body: object, path: str = "/v1/models/toy:predict", **options) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body)
    return server.post(path, content=content, **options)


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def test_rows_are_answered_word_for_word(server):
    """y = x / 2 + 2."""
    response = predict(server, {"instances": [1.0, 2.0, 5.0]})

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.text == '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'


def test_columns_are_answered_word_for_word(server):
    response = predict(server, {"inputs": [1.0, 2.0]})

    assert response.text == '{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}'


def test_shapes_are_not_compared_with_the_signature(server):
    assert predict(server, {"instances": [[1.0], [2.0]]}).json() == {"predictions": [[2.5], [3.0]]}


def test_a_version_may_be_named(server):
    body = {"instances": [1.0]}

    assert predict(server, body, "/v1/models/toy/versions/3:predict").status_code == 200
    assert refused(predict(server, body, "/v1/models/toy/versions/4:predict")) == (
        404,
        "Servable not found for request: Specific(toy, 4)",
    )


def test_several_inputs_and_outputs_go_by_name(server):
    instances = [{"size": 1e9, "color": "red"}, {"size": -1e9, "color": "blue"}]

    response = predict(server, {"signature_name": "table", "instances": instances})

    assert response.json() == {
        "predictions": [
            {"class": "red!", "confidence": 1.0, "probabilities": [0.0, 1.0]},
            {"class": "small", "confidence": 0.0, "probabilities": [1.0, 0.0]},
        ]
    }


def test_bytes_go_in_and_out_as_base64(server):
    picture = base64.b64encode(b"\x89PNG\x00\xff").decode()

    response = predict(server, {"signature_name": "echo", "instances": [{"b64": picture}]})

    assert response.json() == {"predictions": [{"copy_bytes": {"b64": picture}, "length": 6}]}


def test_nan_and_inf_go_in_and_out(server):
    response = predict(server, b'{"instances": [NaN, Inf, -Infinity]}')

    assert response.text == '{\n    "predictions": [NaN, Infinity, -Infinity\n    ]\n}'


def test_gzipped_bodies_are_read(server):
    body, headers = gzip.compress(b'{"instances": [1.0]}'), {"Content-Encoding": "gzip"}

    assert predict(server, body, headers=headers).json() == {"predictions": [2.5]}
    assert refused(predict(server, b"no gzip", headers=headers)) == (400, "JSON Parse error: The document is empty")


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/models/toy:predict", b"", 400, "JSON Parse error: The document is empty"),
        ("/v1/models/other:predict", b"[", 400, "JSON Parse error: Invalid value. at offset: 1"),
        ("/v1/models/other:predict", b"{}", 404, "Servable not found for request: Latest(other)"),
        ("/v1/models/other/versions/2:predict", b"{}", 404, "Servable not found for request: Specific(other, 2)"),
        ("/v1/models/broken:predict", b"{}", 404, "Servable not found for request: Latest(broken)"),
        ("/v1/models/toy/labels/st%61ble:predict", b"{}", 400, "Unrecognized servable version label: stable"),
        (
            "/v1/models/toy:predict",
            b'{"signature_name": "no"}',
            400,
            'Serving signature name: "no" not found in signature def',
        ),
        ("/v1/models/toy:predict", b"{}", 400, "Missing 'inputs' or 'instances' key"),
        ("/v1/models/toy:predict?x=1", b"{}", 400, "Malformed request: POST /v1/models/toy:predict?x=1"),
        ("/v1/models/toy:PREDICT", b"{}", 400, "Malformed request: POST /v1/models/toy:PREDICT"),
        ("/v1/models/toy", b"{}", 400, "Malformed request: POST /v1/models/toy"),
        (
            "/v1/models/toy/versions/9223372036854775808:predict",
            b"{}",
            400,
            "Failed to convert version: 9223372036854775808 to numeric.",
        ),
        (
            "/v1/models/toy:predict",
            b'{"signature_name": "total", "instances": [1, 2]}',
            400,
            "Tensor name: sum has no shape information ",
        ),
    ],
)
def test_what_is_wrong_is_said_in_tensorflow_servings_words(server, path, body, status, message):
    assert refused(predict(server, body, path)) == (status, message)


def test_a_graph_error_has_the_graphs_own_words(server):
    status, message = refused(predict(server, {"signature_name": "matrix", "instances": [[1.0, 2.0]]}))

    assert status == 400
    assert message.startswith("Matrix size-incompatible: In[0]: [1,2], In[1]: [3,1]")
    assert "Traceback" not in message


def test_classify_says_that_it_is_not_there_yet(server):
    assert predict(server, {}, "/v1/models/toy:classify").status_code == 501


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_malformed(server, method):
    response = server.request(method, "/v1/models/toy")

    assert refused(response) == (400, f"Malformed request: {method} /v1/models/toy")


def test_other_paths_get_a_page(server):
    assert server.get("/v2/health/ready").status_code == 404
    assert server.head("/v1/models/toy").status_code == 400
    assert server.options("/v1/models/toy", headers={"Origin": "http://a"}).status_code == 200
    assert server.options("/v1/models/toy").status_code == 400


def test_status_lists_the_versions(server):
    ok = {"error_code": "OK", "error_message": ""}

    for path in ("/v1/models/toy", "/v1/models/toy/versions/3", "/v1/models/toy/labels/any"):
        assert server.get(path).json() == {
            "model_version_status": [{"version": "3", "state": "AVAILABLE", "status": ok}]
        }


def test_status_of_what_cannot_be_loaded_has_the_error(server):
    response = server.get("/v1/models/broken")

    (status,) = response.json()["model_version_status"]
    assert (response.status_code, status["state"], status["status"]["error_code"]) == (200, "END", "NOT_FOUND")
    assert status["status"]["error_message"].startswith(
        "Specified file path does not appear to contain a SavedModel bundle"
    )


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models/other", 404, "Could not find any versions of model other"),
        ("/v1/models/toy/versions/4", 404, "Could not find version 4 of model toy"),
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/toy?x=1", 404, "Could not find any versions of model toy?x=1"),
        ("/v1/nothing", 400, "Malformed request: GET /v1/nothing"),
        ("/v1/models/other/metadata", 404, "Servable not found for request: Latest(other)"),
    ],
)
def test_status_calls_that_cannot_be_answered(server, path, status, message):
    assert refused(server.get(path)) == (status, message)


def test_metadata_describes_every_signature(server):
    answer = server.get("/v1/models/toy/metadata").json()

    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert answer["model_spec"] == {"name": "toy", "signature_name": "", "version": "3"}
    assert {"serving_default", "table", "__saved_model_init_op"} <= signatures.keys()
    assert signatures["serving_default"]["inputs"] == {
        "x": {
            "dtype": "DT_FLOAT",
            "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
            "name": "serving_default_x:0",
        }
    }
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"


def test_the_root_says_what_is_served(server):
    assert server.get("/").json()["models"] == {"toy": [3], "broken": []}


def test_a_request_keeps_its_id_or_gets_one(server):
    header, body = "X-Estafet-Request-Id", {"instances": [1.0]}

    assert predict(server, body, headers={"X-Request-Id": "order-7"}).headers[header] == "order-7"
    made = {predict(server, body).headers[header] for _ in range(2)}
    assert len(made) == 2
    assert predict(server, body, headers={"X-Request-Id": "../../x y"}).headers[header] != "../../x y"


def test_the_client_speaks_for_one_model(server):
    client = Client(str(server.base_url), "toy")

    answer = client.predict([1.0, 2.0], request_id="a")

    assert (answer.predictions, answer.request_id) == ([2.5, 3.0], "a")
    assert client.wait_until_available(3) == 3
