"""The client against a real server, over REST and over gRPC: the same answers to frames, columns and rows."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from estafet.errors import ConfigError, DataError, ServiceUnavailable
from serving.client import Client
from serving.client.client import served_names

pytestmark = pytest.mark.slow


def test_rows_of_one_input_are_bare_values(client):
    """y = x / 2 + 2."""
    answer = client.predict([1.0, 2.0], request_id="mine")

    assert answer.predictions == [2.5, 3.0]
    assert (answer.request_id, answer.row_ids) == ("mine", ["mine-0", "mine-1"])
    assert answer.outputs["y"].dtype == np.float32


def test_a_frame_keeps_its_index_and_its_other_columns_are_passed_over(client):
    """The sigmoid of 0 is one half."""
    rows = pd.DataFrame({"note": ["a", "b"], "color": ["rot", None], "size": [2, 0]}, index=[7, 3])

    frame = client.predict(rows, signature="table").frame()

    assert frame["class"].tolist() == ["rot!", "small"]
    assert frame.loc[3, "confidence"] == pytest.approx(0.5)
    assert frame.loc[3, "probabilities"] == pytest.approx([0.5, 0.5])
    assert list(frame.index) == [7, 3]
    assert frame["request_id"].str.endswith(("-0", "-1")).all()


def test_columns_and_rows_are_answered_alike(client):
    columns = client.predict({"color": ["ö", "b"], "size": np.array([1, -1])}, signature="table")
    rows = client.predict([{"color": "ö", "size": 1.0}, {"color": "b", "size": -1.0}], signature="table")

    assert columns.outputs["class"].tolist() == rows.outputs["class"].tolist() == ["ö!", "small"]
    np.testing.assert_array_equal(columns.outputs["probabilities"], rows.outputs["probabilities"])


def test_an_output_can_be_changed_in_place(client):
    answer = client.predict({"x": [2.0]})

    answer.outputs["y"] += 1

    assert answer.outputs["y"].tolist() == [4.0]


def test_bytes_travel_whole_and_only_outputs_named_bytes_come_back_as_bytes(client):
    raw = b"\xff\x00\x89PNG"

    answer = client.predict({"image_bytes": [raw, b""]}, signature="echo")

    assert answer.outputs["copy_bytes"].tolist() == [raw, b""]
    assert answer.outputs["length"].tolist() == [6, 0]


def test_rows_hold_bytes_as_bytes_or_base64(client):
    answer = client.predict([b"\xff", {"b64": "AAAA"}], signature="echo")

    assert answer.outputs["copy_bytes"].tolist() == [b"\xff", b"\0\0\0"]


def test_numbers_that_are_none_go_there_and_back(client):
    answer = client.predict({"x": [np.nan, np.inf, None]})

    np.testing.assert_array_equal(answer.outputs["y"], np.float32([np.nan, np.inf, np.nan]))


def test_an_output_without_rows_is_read_by_name(client):
    answer = client.predict({"x": [1.0, 2.5]}, signature="total")

    assert answer.outputs["sum"] == pytest.approx(3.5)
    with pytest.raises(DataError, match="the outputs are no rows"):
        answer.frame()


def test_the_metadata_are_the_signatures(client):
    metadata = client.metadata()

    assert (metadata.model, metadata.version) == ("toy", 4)
    matrix = metadata.signature("matrix")
    assert (matrix.inputs["x"].dtype, matrix.inputs["x"].shape) == ("float", (None, 3))
    assert metadata.signatures["table"].outputs["class"].dtype == "string"
    with pytest.raises(ConfigError, match="no signature 'tabel'") as caught:
        client.predict([1.0], signature="tabel")
    assert "table" in caught.value.hint


def test_the_states_are_told_and_waited_for(client):
    assert [(status.version, status.is_available) for status in client.status()] == [(4, True)]
    assert client.wait_until_available(4) == 4


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"x": ["high"]}, "'x' is of type float, and 'high' was given"),
        ({"y": [1.0]}, "the model takes 'x', which is not given"),
        ({"x": [1.0], "z": [1.0]}, "the model takes no 'z'"),
    ],
)
def test_wrong_columns_are_refused_before_they_are_sent(client, inputs, said):
    with pytest.raises(DataError, match=said):
        client.predict(inputs)


def test_what_the_server_refuses_says_why(client):
    with pytest.raises(DataError, match=r"refuses the request: .*[Mm]atrix|refuses the request: .*shape"):
        client.predict({"x": np.ones((2, 5))}, signature="matrix")


def test_a_missing_version_is_unavailable(client):
    with pytest.raises(ServiceUnavailable, match="NOT_FOUND: Servable not found for request: Specific"):
        client.predict([1.0], version=9)


def test_version_and_label_are_not_given_together(client):
    with pytest.raises(ConfigError, match="both given"):
        client.predict([1.0], version=1, label="stable")


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_a_wrong_token_is_the_callers_mistake(served, protocol):
    with pytest.raises(ConfigError, match=r"lets this caller not in: .*token") as caught:
        Client(getattr(served, protocol), "toy", token="guessed").predict([1.0])

    assert "ESTAFET_SERVE_TOKEN" in caught.value.hint


def test_a_server_lists_its_models_over_rest_alone(served):
    assert served_names(served.rest, token="open-sesame") == ["toy"]
    with pytest.raises(ConfigError, match="over gRPC a server does not list its models"):
        served_names(served.grpc)


def test_neither_protocol_imports_tensorflow_or_pandas(served):
    program = (
        "import sys; from serving.client import Client\n"
        "for url in sys.argv[1:]:\n"
        "    assert Client(url, 'toy', token='open-sesame').predict([2.0]).predictions == [3.0]\n"
        "    assert not {'tensorflow', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "    if url.startswith('http'): assert not {'grpc', 'google.protobuf', 'ml_dtypes'} & set(sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", program, *served], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
