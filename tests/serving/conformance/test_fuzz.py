"""Nothing that a client sends is answered with a server error: REST bodies and gRPC tensors drawn at random."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.ours
QUICK = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
SIGNATURES = (
    "",
    "table",
    "echo",
    "matrix",
    "total",
    "uneven",
    "constant",
    "float32",
    "int8",
    "uint64",
    "bool",
    "string",
)
NAMES = st.sampled_from(["x", "v", "size", "color", "image_bytes", "b64", "instances", "inputs", ""]) | st.text(
    max_size=3
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.builds(lambda text: {"b64": text}, st.sampled_from(["", "YQ==", "YQ", "*", "Y Q"]))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from(SIGNATURES) | SCALARS,
        "instances": st.lists(VALUES, max_size=4) | VALUES,
        "inputs": VALUES,
        "examples": st.lists(VALUES, max_size=3),
        "context": VALUES,
    },
)


@QUICK
@given(body=BODIES, verb=st.sampled_from(["predict", "predict", "predict", "classify", "regress"]), data=st.data())
def test_no_json_is_a_server_error(rest, body, verb, data):
    text = json.dumps(body).encode()
    cut = data.draw(st.sampled_from([None, None, None, *range(0, len(text) + 1, max(len(text) // 8, 1))]))

    response = rest.post(f"/v1/models/zoo:{verb}", content=text if cut is None else text[:cut])

    assert response.status_code < 500 or response.status_code == 501, response.text
    assert "Traceback" not in response.text


@QUICK
@given(body=st.binary(max_size=60), path=st.text(st.characters(codec="latin-1"), max_size=20))
def test_no_bytes_are_a_server_error(rest, body, path):
    from urllib.parse import quote

    assert rest.post("/v1/models/half_plus_two:predict", content=b'{"instances": [' + body).status_code < 500
    assert rest.get(f"/v1/models/{quote(path)}").status_code < 500


FIELDS = {
    "float_val": st.floats(width=32),
    "double_val": st.floats(),
    "int_val": st.integers(-(2**31), 2**31 - 1),
    "int64_val": st.integers(-(2**63), 2**63 - 1),
    "uint64_val": st.integers(0, 2**64 - 1),
    "string_val": st.binary(max_size=4),
    "bool_val": st.booleans(),
    "half_val": st.integers(-(2**31), 2**31 - 1),
    "scomplex_val": st.floats(width=32),
}


@st.composite
def tensors(draw):
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    proto = TensorProto(dtype=draw(st.sampled_from([*range(0, 24), 101, 113])))
    for size in draw(st.lists(st.sampled_from([-1, 0, 1, 2, 3, 2**20, 2**40, 2**62]), max_size=4)):
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_shape.unknown_rank = draw(st.sampled_from([False, False, False, True]))
    for field in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=2, unique=True)):
        getattr(proto, field).extend(draw(st.lists(FIELDS[field], max_size=4)))
    if draw(st.booleans()):
        proto.tensor_content = draw(st.binary(max_size=16))
    return proto


@QUICK
@given(
    name=st.sampled_from(SIGNATURES),
    inputs=st.dictionaries(NAMES, tensors(), max_size=2),
    outputs=st.lists(NAMES, max_size=2),
)
def test_no_tensor_is_an_internal_error(prediction, name, inputs, outputs):
    import grpc
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest(output_filter=outputs if len(outputs) > 1 else [])
    request.model_spec.name, request.model_spec.signature_name = "zoo", name
    for alias, proto in inputs.items():
        request.inputs[alias].CopyFrom(proto)
    try:
        prediction.Predict(request, timeout=60)
    except grpc.RpcError as error:
        assert error.code().name in ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"), error.details()


@QUICK
@given(message=st.binary(max_size=80))
def test_no_bytes_are_an_internal_error(channel, message):
    import grpc

    try:
        channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(message, timeout=60)
    except grpc.RpcError as error:
        assert error.code().name in ("INVALID_ARGUMENT", "NOT_FOUND"), error.details()
