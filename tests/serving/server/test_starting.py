"""`estafet serve` with tensorflow_model_server's flags: what it answers, and how it ends where it cannot start."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from estafet.files import read_json

START_S = 240


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", "serve", *flags]


def ended(*flags: str) -> tuple[int, str]:
    """Return status and output of a server that does not start."""
    done = subprocess.run(command(*flags), capture_output=True, text=True, check=False, timeout=START_S)
    return done.returncode, done.stdout + done.stderr


class Server:
    """A server process that was started by flags, on free ports."""

    def __init__(self, folder: Path, *flags: str, environment: dict[str, str] | None = None):
        announced, self.output = folder / "address.json", folder / "output.txt"
        more = ("--port=0", "--rest_api_port=0", f"--announce={announced}", f"--parent_pid={os.getpid()}")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command(*flags, *more), stdout=output, stderr=subprocess.STDOUT, env=os.environ | (environment or {})
            )
        wait_until(lambda: announced.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.output.read_text()
        address = read_json(announced)
        self.url = f"http://127.0.0.1:{address['port']}/v1/models"
        self.grpc = f"127.0.0.1:{address['grpc_port']}"

    def stop(self) -> int:
        """Ask it to end. Returns its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def predict(url: str, model: str, value: float = 4.0) -> object:
    answer = httpx.post(f"{url}/{model}:predict", json={"instances": [value]})
    return answer.json().get("predictions", answer.text)


def config(folder: Path, *names: str, more: str = "") -> str:
    entry = 'config {{ name: "{0}" base_path: "{1}/{0}" model_platform: "tensorflow" {2} }}'
    return f"model_config_list {{ {' '.join(entry.format(name, folder, more) for name in names)} }}"


@pytest.fixture(scope="module")
def models(tmp_path_factory, toy, toy_10) -> Path:
    """Model `a` (y = x / 2 + 2) with version 1, and `b` (y = x / 2 + 10) with versions 1 and 2."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(toy, folder / "a" / "1")
    for number in ("1", "2"):
        shutil.copytree(toy_10, folder / "b" / number)
    return folder


@pytest.fixture(scope="module")
def server(models, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "models.config").write_text(config(models, "a"))
    (folder / "batching.config").write_text("max_batch_size { value: 4 } num_batch_threads { value: 2 }")
    server = Server(
        folder,
        f"--model_config_file={folder / 'models.config'}",
        "--model_config_file_poll_wait_seconds=1",
        "--enable_batching=true",
        f"--batching_parameters_file={folder / 'batching.config'}",
        "--file_system_poll_wait_seconds=1",
        "--rest_api_enable_cors_support",
        "--num_tflite_pools=3",
        "--tensorflow_session_parallelism=1",
    )
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.output.read_text()


@pytest.mark.slow
def test_both_interfaces_answer(server):
    """4 / 2 + 2 = 4, by REST and by gRPC."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "a"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([4.0]))
    with grpc.insecure_channel(server.grpc) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)

    assert list(answer.outputs["y"].float_val) == [4.0]
    assert predict(server.url, "a") == [4.0]


@pytest.mark.slow
def test_batching_is_tensorflow_servings_where_it_is_asked_for(server):
    answer = httpx.post(f"{server.url}/a:predict", json={"instances": [1.0] * 5})

    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "Task size 5 is larger than maximum input batch size 4",
    )


@pytest.mark.slow
def test_what_has_no_effect_is_said_once(server):
    output = server.output.read_text()

    assert output.count("--num_tflite_pools has no effect here") == 1


@pytest.mark.slow
def test_the_file_of_models_is_read_again(server, models):
    """A model that is added there is served; a file that is wrong changes nothing and is logged."""
    path = server.output.with_name("models.config")
    labels = 'model_version_policy { all {} } version_labels { key: "old" value: 1 }'
    path.write_text(config(models, "a", "b"))
    wait_until(lambda: predict(server.url, "b") == [12.0])
    path.write_text("model_config_list {")
    wait_until(lambda: "the models stay as they are" in server.output.read_text())
    path.write_text(config(models, "b", more="model_version_policy { all {} }"))
    wait_until(lambda: predict(server.url, "b/versions/1") == [12.0])
    path.write_text(config(models, "b", more=labels))
    wait_until(lambda: predict(server.url, "b/labels/old") == [12.0])
    assert "Latest(a)" in str(predict(server.url, "a"))


@pytest.mark.slow
def test_a_model_that_does_not_load_ends_the_start_with_255(tmp_path):
    (tmp_path / "m" / "1").mkdir(parents=True)

    status, output = ended(
        "--model_name=m", f"--model_base_path={tmp_path / 'm'}", "--port=0", f"--announce={tmp_path / 'a'}"
    )

    assert status == 255
    assert (
        "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: {{{name: m version: 1} due to "
        "error: NOT_FOUND: Specified file path does not appear to contain a SavedModel bundle"
    ) in output


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--model_base_path=/x", "--batching_parameters_file=/b"],
            "INVALID_ARGUMENT: server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true.",
        ),
        (
            ["--model_name=m"],
            "INVALID_ARGUMENT: Both server_options.model_base_path and server_options.model_config_file are empty!",
        ),
    ],
)
def test_flags_that_contradict_one_another_end_the_start_with_255(flags, message):
    assert ended(*flags) == (255, f"Failed to start server. Error: {message}\n")


def test_a_relative_path_ends_the_start_with_255(tmp_path):
    status, output = ended("--model_name=m", "--model_base_path=x", "--port=0", f"--announce={tmp_path / 'a'}")

    assert status == 255
    assert "Error: INVALID_ARGUMENT: Expected model m to have an absolute path or URI; got base_path()=x" in output


@pytest.mark.parametrize("flag", ["--port", "--rest_api_port"])
def test_a_taken_port_is_named(flag):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = ["--port=0", "--grpc_socket_path=/nowhere/s"] if flag == "--rest_api_port" else []

        status, output = ended("--model_base_path=/x", *other, f"{flag}={port}")

    assert status == 4
    assert f"error: the port {port} on 127.0.0.1 cannot be used" in output


def test_a_value_that_is_wrong_is_named():
    assert ended("--model_base_path=/x", "--port=many") == (
        2,
        "error: --port is 'many', which is not a whole number.\n  hint: write --port=8500.\n",
    )


def test_the_versions_are_told():
    status, output = ended("--version")

    assert status == 0
    assert re.fullmatch(r"TensorFlow ModelServer: estafet \S+\nTensorFlow Library: \d+\.\d+\.\d+\n", output)


@pytest.mark.slow
def test_requests_in_flight_are_answered_before_the_server_ends(models, tmp_path):
    """While the server is asked to end, 4 callers ask without a pause: each call is answered or not begun at all."""
    server = Server(tmp_path, "--model_name=a", f"--model_base_path={models / 'a'}")
    program = (
        "import http.client, json, sys\n"
        "host, name = sys.argv[1].split('//')[1].split('/')[0], 'a'\n"
        "num_answers, connection = 0, None\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    try:\n"
        "        connection = http.client.HTTPConnection(host); connection.connect()\n"
        "    except OSError:\n"
        "        break\n"
        "    try:\n"
        "        connection.request('POST', '/v1/models/a:predict', json.dumps({'instances': [4.0]}))\n"
        "        answer = connection.getresponse()\n"
        "        assert json.loads(answer.read()) == {'predictions': [4.0]}\n"
        "        num_answers += 1\n"
        "    except (ConnectionError, http.client.RemoteDisconnected):\n"
        "        break\n"
        "    connection.close()\n"
        "print(num_answers, flush=True)\n"
    )
    callers = [
        subprocess.Popen([sys.executable, "-c", program, server.url], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for caller in callers:
        assert caller.stdout.readline() == "ready\n"
    time.sleep(0.5)

    status = server.stop()

    counts = [json.loads(caller.communicate(timeout=60)[0]) for caller in callers]
    assert status == 0
    assert all(count > 0 for count in counts)
    assert [caller.returncode for caller in callers] == [0] * 4
