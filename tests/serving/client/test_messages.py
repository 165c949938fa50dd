"""The messages that the client declares for itself are TensorFlow Serving's on the wire."""

from __future__ import annotations

import numpy as np
import pytest

from serving.client.asked import Asked
from serving.client.grpc import Grpc
from serving.client.messages import parsed
from serving.client.metadata import of_messages

pytestmark = pytest.mark.slow  # TensorFlow is imported


@pytest.fixture(scope="module")
def transport() -> Grpc:
    """A gRPC transport that never connects."""
    from serving.client.address import Address, Tls

    return Grpc(Address.parse("grpc://127.0.0.1:1"), tls=Tls(), token=None)


@pytest.mark.parametrize(
    "array",
    [
        np.float32([[1.5, np.nan], [-0.0, np.inf]]),
        np.int64([-(2**63), 2**63 - 1]),
        np.array([True, False]),
        np.float16([0.5]),
        np.uint8([[255]]),
        np.complex64([1 + 2j]),
        np.float64(3.25),
        np.empty((0, 3), np.int32),
        np.ones((4, 6), np.float32)[:, ::2],
    ],
)
def test_tensorflow_reads_the_tensors_of_a_request(transport, array):
    import tensorflow as tf
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    packed = transport.pack(Asked("m", 3, None, "s"), {"x": np.asarray(array)})

    request = PredictRequest.FromString(packed.content)
    spec = request.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("m", 3, "s")
    read = tf.make_ndarray(request.inputs["x"])
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(read, array)


def test_a_label_stands_in_for_a_version(transport):
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    packed = transport.pack(Asked("m", None, "stable"), {"w": np.array([b"\xff", b""], dtype=object)})

    request = PredictRequest.FromString(packed.content)
    assert request.model_spec.WhichOneof("version_choice") == "version_label"
    assert list(request.inputs["w"].string_val) == [b"\xff", b""]


def test_metadata_of_tensorflow_serving_are_read():
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
    from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap

    signature = SignatureDef(method_name="tensorflow/serving/predict")
    signature.inputs["x"].dtype = 1
    signature.inputs["x"].tensor_shape.dim.add(size=-1)
    signature.inputs["x"].tensor_shape.dim.add(size=3)
    signature.outputs["y"].dtype = 7
    signature.outputs["y"].tensor_shape.unknown_rank = True
    response = GetModelMetadataResponse()
    response.model_spec.name, response.model_spec.version.value = "m", 8
    response.metadata["signature_def"].Pack(SignatureDefMap(signature_def={"s": signature}))

    read = parsed("MetadataResponse", response.SerializeToString())
    found = of_messages(read, parsed("SignatureMap", read.metadata[0].value.value))

    assert (found.model, found.version) == ("m", 8)
    assert (found.signatures["s"].inputs["x"].dtype, found.signatures["s"].inputs["x"].shape) == ("float", (None, 3))
    assert (found.signatures["s"].outputs["y"].dtype, found.signatures["s"].outputs["y"].shape) == ("string", None)
