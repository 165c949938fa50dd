"""Sections 5.4, 5.5 and 10: metadata and status, over gRPC and over REST."""

from __future__ import annotations

import pytest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest

OK = {"error_code": "OK", "error_message": ""}


def metadata_request(*fields: str, name: str = "half_plus_two") -> GetModelMetadataRequest:
    request = GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = name
    return request


def status_request(name: str = "half_plus_two", **version: object) -> GetModelStatusRequest:
    request = GetModelStatusRequest()
    request.model_spec.name = name
    if "version" in version:
        request.model_spec.version.value = version["version"]
    if "label" in version:
        request.model_spec.version_label = version["label"]
    return request


def test_metadata_has_every_signature(prediction):
    response = prediction.GetModelMetadata(metadata_request("signature_def"))
    found = SignatureDefMap()

    assert response.metadata["signature_def"].Unpack(found)
    assert response.model_spec.signature_name == ""
    assert response.model_spec.version.value == 2
    assert found.signature_def["serving_default"].inputs["x"].name == "x:0"
    assert found.signature_def["regress_x_to_y"].method_name == "tensorflow/serving/regress"


def test_metadata_has_the_init_op_and_the_graphs_own_names(prediction):
    response = prediction.GetModelMetadata(metadata_request("signature_def", name="zoo"))
    found = SignatureDefMap()
    response.metadata["signature_def"].Unpack(found)

    assert "__saved_model_init_op" in found.signature_def
    assert found.signature_def["total"].inputs["x"].name == "total_x:0"
    assert found.signature_def["total"].outputs["sum"].name.split("_")[0].endswith("PartitionedCall")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (GetModelMetadataRequest(), "Missing ModelSpec"),
        (metadata_request(), "GetModelMetadataRequest must specify at least one metadata_field"),
        (metadata_request("no"), "Metadata field no is not supported"),
        (metadata_request("signature_def", "no"), "Metadata field no is not supported"),
    ],
)
def test_metadata_that_there_is_not(prediction, refusal, request_, message):
    assert refusal(prediction.GetModelMetadata, request_) == ("INVALID_ARGUMENT", message)


@pytest.mark.parametrize("version", [{}, {"label": "stable"}, {"label": "no such label"}])
def test_status_lists_versions_newest_first_and_ignores_labels(model_service, version):
    response = model_service.GetModelStatus(status_request(**version))

    assert [(entry.version, entry.state) for entry in response.model_version_status] == [(2, 30), (1, 30)]


def test_status_of_one_version(model_service, refusal):
    (entry,) = model_service.GetModelStatus(status_request(version=1)).model_version_status

    assert (entry.version, entry.status.error_code) == (1, 0)
    assert refusal(model_service.GetModelStatus, status_request(version=9)) == (
        "NOT_FOUND",
        "Could not find version 9 of model half_plus_two",
    )


@pytest.mark.parametrize("name", ["no", ""])
def test_status_of_an_unknown_model(model_service, refusal, name):
    refused = ("NOT_FOUND", f"Could not find any versions of model {name}")

    assert refusal(model_service.GetModelStatus, status_request(name)) == refused


def test_status_needs_a_model_spec(model_service, refusal):
    assert refusal(model_service.GetModelStatus, GetModelStatusRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")


def test_rest_status_is_protobufs_json(rest):
    entries = [{"version": version, "state": "AVAILABLE", "status": OK} for version in ("2", "1")]

    assert rest.get("/v1/models/half_plus_two").json() == {"model_version_status": entries}
    assert rest.get("/v1/models/half_plus_two/labels/any").json() == {"model_version_status": entries}
    assert rest.get("/v1/models/half_plus_two/versions/1").json() == {"model_version_status": entries[1:]}


def test_rest_status_is_laid_out_with_one_space_a_level(rest):
    expected = (
        '{\n "model_version_status": [\n  {\n   "version": "1",\n   "state": "AVAILABLE",\n   "status": {\n'
        '    "error_code": "OK",\n    "error_message": ""\n   }\n  }\n ]\n}'
    )

    assert rest.get("/v1/models/half_plus_two/versions/1").text.strip() == expected


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models/no", 404, "Could not find any versions of model no"),
        ("/v1/models/half_plus_two/versions/9", 404, "Could not find version 9 of model half_plus_two"),
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/no/metadata", 404, "Servable not found for request: Latest(no)"),
        ("/v1/models/half_plus_two/labels/no/metadata", 400, "Unrecognized servable version label: no"),
    ],
)
def test_rest_status_that_there_is_not(rest, path, status, message):
    response = rest.get(path)

    assert (response.status_code, response.json()["error"]) == (status, message)


def test_rest_metadata_prints_defaults(rest):
    answer = rest.get("/v1/models/half_plus_two/labels/stable/metadata").json()

    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert answer["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "1"}
    assert signature == {
        "inputs": {
            "x": {
                "dtype": "DT_FLOAT",
                "tensor_shape": {
                    "dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}],
                    "unknown_rank": False,
                },
                "name": "x:0",
            }
        },
        "outputs": {
            "y": {
                "dtype": "DT_FLOAT",
                "tensor_shape": {
                    "dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}],
                    "unknown_rank": False,
                },
                "name": "y:0",
            }
        },
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }
