"""TensorFlow Serving in a thread: its configuration, versions and counters; the model is y = 2 · x.

Its rules are those of the original: a configuration whose label moves to a version that is not loaded is refused as a
whole, requests without a version go to the largest one, and a version goes only when another one is there.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOUNDS_US = [10 * 1.8**index for index in range(33)]


class LightServer:
    """One server.

    Attributes:
        loaded: Its versions.
        labels: Versions by label.
        gaps: What went wrong with its versions since the first was there.
    """

    def __init__(self, ip: str, port: int, name: str):
        self.name, self.loaded, self.labels, self.errors, self.gaps = name, set(), {}, {}, []
        self.statuses: Counter[str] = Counter()
        self.latencies_us: list[float] = []
        self.latency_us, self.failing = 1000.0, False
        self._http = ThreadingHTTPServer((ip, port), _Handler)
        self._http.daemon_threads = True
        self._http.model = self
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def configure(self, text: str, local: dict[str, str]) -> None:
        """Take a `ModelServerConfig` up; `local` says where base paths are on this machine."""
        base = re.search(r'base_path: "([^"]+)"', text)[1]
        versions = {int(number) for number in re.findall(r"versions: (\d+)", text)}
        labels = {key: int(value) for key, value in re.findall(r'key: "(\w+)" value: (\d+)', text)}
        self.take(Path(local.get(base, base)), versions, labels)

    def take(self, base: Path, versions: set[int], labels: dict[str, int]) -> None:
        """Load and unload."""
        if any(
            label in self.labels and self.labels[label] != v and v not in self.loaded for label, v in labels.items()
        ):
            return
        self.labels = labels
        for version in versions - self.loaded - set(self.errors):
            graph = base / str(version) / "saved_model.pb"
            if graph.exists() and b"broken" in graph.read_bytes():
                self.errors[version] = "no graph at all"
            elif graph.exists():
                self.loaded = self.loaded | {version}
        if self.loaded & versions:
            self.loaded = self.loaded & versions
        for label, version in self.labels.items():
            if self.loaded and version not in self.loaded and version not in versions:
                self.gaps.append(f"{label} → {version} of {self.loaded}")

    @property
    def served(self) -> int | None:
        """The version that answers requests without one."""
        return max(self.loaded, default=None)

    def answer(self, path: str, body: bytes) -> tuple[int, str]:
        if path == "/monitoring/prometheus/metrics":
            return 200, self._metrics()
        found = re.fullmatch(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/(\w+))?(/metadata|:predict)?", path)
        if found is None or found[1] != self.name:
            return 404, json.dumps({"error": f"Servable not found for request: {path}"})
        version = int(found[2]) if found[2] else self.labels.get(found[3]) if found[3] else self.served
        if found[4] is None:
            return 200, json.dumps({"model_version_status": self._states()})
        if version not in self.loaded:
            return 404, json.dumps({"error": f"Servable not found for request: Specific({self.name}, {version})"})
        if found[4] == "/metadata":
            return 200, json.dumps({"model_spec": {"name": self.name, "version": str(version)}})
        return self._predict(version, json.loads(body)["instances"])

    def ask(self, num: int = 1) -> None:
        """Be asked by clients so many times."""
        for _ in range(num):
            self._predict(self.served, [{"x": 1.0}])

    def _predict(self, version: int, instances: list[dict]) -> tuple[int, str]:
        if self.failing:
            self.statuses["INVALID_ARGUMENT"] += 1
            return 400, json.dumps({"error": "it takes other inputs"})
        self.statuses["OK"] += 1
        self.latencies_us.append(self.latency_us)
        return 200, json.dumps({"predictions": [{"prediction": 2 * each["x"], "by": version} for each in instances]})

    def _states(self) -> list[dict]:
        states = [{"version": str(v), "state": "AVAILABLE", "status": {"error_message": ""}} for v in self.loaded]
        return [
            *states,
            *({"version": str(v), "state": "END", "status": {"error_message": e}} for v, e in self.errors.items()),
        ]

    def _metrics(self) -> str:
        lines = ["# TYPE :tensorflow:serving:request_count counter"]
        for status, count in self.statuses.items():
            lines.append(f':tensorflow:serving:request_count{{model_name="{self.name}",status="{status}"}} {count}')
        labels = f'model_name="{self.name}",API="predict",entrypoint="REST"'
        for bound in [*BOUNDS_US, float("inf")]:
            end = "+Inf" if bound == float("inf") else f"{bound:g}"
            count = sum(latency <= bound for latency in self.latencies_us)
            lines.append(f':tensorflow:serving:request_latency_bucket{{{labels},le="{end}"}} {count}')
        return "\n".join(lines)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, text = self.server.model.answer(self.path, body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *values: object) -> None:
        """Say nothing."""
