"""One server process for the whole suite, or any other server that serves the same models.

Against TensorFlow Serving itself:

    python tests/serving/conformance/make_models.py /tmp/models
    tensorflow_model_server --port=8500 --rest_api_port=8501 --model_config_file=/tmp/models/models.config \
        --monitoring_config_file=/tmp/models/monitoring.config --allow_version_labels_for_unavailable_models \
        --rest_api_enable_cors_support --enable_grpc_healthcheck_service --max_num_load_retries=0
    pytest tests/serving/conformance -m "not ours" --serving-grpc=localhost:8500 \
        --serving-rest=http://localhost:8501 --serving-models=/tmp/models
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

START_S = 120
MAX_BODY_BYTES = 32 * 2**20
OPTIONS = {
    "--serving-grpc": "gRPC address of a running server, host:port",
    "--serving-rest": "REST address of it, http://host:port",
    "--serving-models": "folder that make_models.py wrote, as the server sees it",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    for option, text in OPTIONS.items():
        parser.addoption(option, help=text)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Serving:
    """Where a server is.

    Attributes:
        grpc: Its gRPC address.
        rest: Its REST address.
        models: The folder that it serves.
        pid: Its process, where the suite started it.
    """

    grpc: str
    rest: str
    models: Path
    pid: int | None = None


@pytest.fixture(scope="session")
def make_models() -> dict[str, Any]:
    """What `make_models.py` defines."""
    return runpy.run_path(str(Path(__file__).with_name("make_models.py")))


@pytest.fixture(scope="session")
def serving(request: pytest.FixtureRequest, tmp_path_factory, make_models) -> Iterator[Serving]:
    """The server under test."""
    given = [request.config.getoption(option, default=None) for option in OPTIONS]
    if all(given):
        yield Serving(given[0], given[1].rstrip("/"), Path(given[2]))
        return
    folder = tmp_path_factory.mktemp("conformance")
    make_models["make"](folder)
    announced = folder / "address.json"
    flags = {
        "port": 0,
        "rest_api_port": 0,
        "model_config_file": folder / "models.config",
        "monitoring_config_file": folder / "monitoring.config",
        "allow_version_labels_for_unavailable_models": "true",
        "rest_api_enable_cors_support": "true",
        "enable_grpc_healthcheck_service": "true",
        "max_num_load_retries": 0,
        "announce": announced,
        "requests_dir": folder / "requests",
        "max_body_bytes": MAX_BODY_BYTES,
        "parent_pid": os.getpid(),
    }
    command = [sys.executable, "-m", "cli.main", "serve", *(f"--{name}={value}" for name, value in flags.items())]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        address = _address(process, announced, folder / "server.log")
        yield Serving(f"127.0.0.1:{address['grpc_port']}", f"http://127.0.0.1:{address['port']}", folder, process.pid)
        output = (folder / "server.log").read_text(errors="replace")
        assert process.poll() is None, f"the server died:\n{output[-3000:]}"
        assert "Traceback" not in output, output[-5000:]
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def rest(serving: Serving) -> Iterator[httpx.Client]:
    """A client for REST."""
    with httpx.Client(base_url=serving.rest, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def channel(serving: Serving) -> Iterator[Any]:
    """A gRPC channel."""
    import grpc

    unlimited = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
    with grpc.insecure_channel(serving.grpc, options=unlimited) as channel:
        yield channel


@pytest.fixture(scope="session")
def prediction(channel) -> Any:
    """A stub of the PredictionService."""
    from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

    return PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def model_service(channel) -> Any:
    """A stub of the ModelService."""
    from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub

    return ModelServiceStub(channel)


@pytest.fixture(scope="session")
def refusal() -> Callable[..., tuple[str, str]]:
    """Return a function that makes a gRPC call and returns the code and the text with which it is refused."""
    import grpc

    def refused(call: Callable[[Any], Any], request: Any) -> tuple[str, str]:
        with pytest.raises(grpc.RpcError) as caught:
            call(request, timeout=60)
        return caught.value.code().name, caught.value.details()

    return refused


@pytest.fixture(scope="session")
def predict_request() -> Callable[..., Any]:
    """Return a function that makes a PredictRequest from arrays by name."""
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    def make(inputs: dict[str, Any], name: str = "half_plus_two", signature: str = "", **spec: Any) -> Any:
        request = PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = name, signature
        if "version" in spec:
            request.model_spec.version.value = spec["version"]
        if "label" in spec:
            request.model_spec.version_label = spec["label"]
        for alias, value in inputs.items():
            array = np.array(value, np.float32) if isinstance(value, list | float) else value
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(array))
        return request

    return make


@pytest.fixture(scope="session")
def examples() -> Callable[..., Any]:
    """Return a function that makes an Input of examples with a float feature `x` each."""
    from tensorflow_serving.apis.input_pb2 import Input

    def make(*values: float, context: float | None = None) -> Any:
        given = Input()
        target = given.example_list
        if context is not None:
            target = given.example_list_with_context
            target.context.features.feature["x"].float_list.value.append(context)
        for value in values:
            example = target.examples.add()
            if value is not None:
                example.features.feature["x"].float_list.value.append(value)
        return given

    return make


def _address(process: subprocess.Popen, announced: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_S
    while not announced.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the server did not listen:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)
    return json.loads(announced.read_text())
