"""A Kubeflow Pipelines back end, as small as it can be: real HTTP, and the checks that the real one makes on a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

API = "/apis/v2beta1"


class KubeflowServer(ThreadingHTTPServer):
    """Accepts experiments and runs; refuses a run with missing or unknown parameters, as the real back end does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.experiments: list[dict] = []
        self.runs: list[dict] = []
        self.final_state = "SUCCEEDED"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: KubeflowServer

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self, body: dict, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == f"{API}/healthz":
            self._answer({"multi_user": False})
        elif path == f"{API}/experiments":
            self._answer({"experiments": self.server.experiments, "total_size": len(self.server.experiments)})
        elif path.startswith(f"{API}/runs/"):
            run = next(run for run in self.server.runs if run["run_id"] == path.rsplit("/", 1)[1])
            self._answer({**run, "state": self.server.final_state})
        else:
            self._answer({"message": f"no {path}"}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith(f"{API}/experiments"):
            experiment = {**body, "experiment_id": f"e{len(self.server.experiments)}"}
            self.server.experiments.append(experiment)
            self._answer(experiment)
            return
        spec = body["pipeline_spec"].get("pipeline_spec", body["pipeline_spec"])
        declared = spec["root"]["inputDefinitions"]["parameters"]
        given = body["runtime_config"]["parameters"]
        if set(declared) != set(given):
            self._answer({"message": f"wrong parameters: {sorted(set(declared) ^ set(given))}"}, 400)
            return
        run = {**body, "run_id": f"r{len(self.server.runs)}", "state": "PENDING"}
        self.server.runs.append(run)
        self._answer(run)


@pytest.fixture
def kubeflow() -> Iterator[KubeflowServer]:
    """A running back end."""
    server = KubeflowServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
