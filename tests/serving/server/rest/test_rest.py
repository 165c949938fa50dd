"""A server that was started for a folder of models, one of them broken: what the conformance suite does not ask."""

from __future__ import annotations

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


def test_status_of_what_cannot_be_loaded_has_the_error(server):
    response = server.get("/v1/models/broken")

    (status,) = response.json()["model_version_status"]
    assert (response.status_code, status["state"], status["status"]["error_code"]) == (200, "END", "NOT_FOUND")
    assert status["status"]["error_message"].startswith(
        "Specified file path does not appear to contain a SavedModel bundle"
    )


def test_a_broken_model_answers_nothing_and_keeps_the_server_from_being_ready(server):
    response = server.post("/v1/models/broken:predict", content=b"{}")

    assert (response.status_code, response.json()["error"]) == (404, "Servable not found for request: Latest(broken)")
    assert (server.get("/healthz").status_code, server.get("/readyz").status_code) == (200, 503)


def test_the_root_says_what_is_served(server):
    assert server.get("/").json()["models"] == {"toy": [3], "broken": []}


def test_the_client_speaks_for_one_model(server):
    client = Client(str(server.base_url), "toy")

    answer = client.predict([1.0, 2.0], request_id="a")

    assert (answer.predictions, answer.request_id) == ([2.5, 3.0], "a")
    assert client.wait_until_available(3) == 3
