"""`estafet predict` and `estafet load`, against a small server of TensorFlow Serving's REST interface."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from cli.main import estafet
from estafet.errors import ConfigError, DataError, GateRefused, ServiceUnavailable
from estafet.release import Smoke

RUN_FILE = """
name: prices
task: tabular_regression
workspace: work
data: {source: data.csv, label: y, delimiter: ";"}
"""
INPUTS = {"size": "DT_FLOAT", "zip": "DT_STRING"}
OUTPUTS = {"price": "DT_FLOAT", "size": "DT_STRING"}


def _specs(types):
    return {name: {"dtype": dtype, "tensor_shape": {"dim": [{"size": "-1"}]}} for name, dtype in types.items()}


class Handler(BaseHTTPRequestHandler):
    """Answers `price` = 10 · size and `size` = the zip code; refuses negative sizes, and is away for size 13."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/":
            return self.answer(200, {"models": {"prices": [3]}})
        if not self.path.startswith("/v1/models/prices"):
            return self.answer(404, {"error": "no such model"})
        signature = {"inputs": _specs(INPUTS), "outputs": _specs(OUTPUTS)}
        found = {"signature_def": {"signature_def": {"serving_default": signature}}}
        return self.answer(200, {"model_spec": {"name": "prices", "version": "3"}, "metadata": found})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = asked.get("instances")
        columns = {name: [row[name] for row in rows] for name in INPUTS} if rows else asked["inputs"]
        if min(columns["size"]) < 0:
            return self.answer(400, {"error": "a negative size"})
        if 13 in columns["size"]:
            return self.answer(503, {"error": "away"})
        outputs = {"price": [10 * size for size in columns["size"]], "size": columns["zip"]}
        answered = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
        return self.answer(200, {"predictions": answered} if rows else {"outputs": outputs})

    def answer(self, status, value):
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Estafet-Request-Id", "id")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch, url) -> Path:
    """A project with a run file, a table, and a released version that carries a smoke test."""
    port = url.rpartition(":")[2]
    (tmp_path / "run.yaml").write_text(f"{RUN_FILE}serve: {{port: {port}}}\n")
    (tmp_path / "rows.csv").write_text("zip,note,size\n007,a,1.5\n,b,2\n")
    smoke = Smoke(instances=({"size": 1.0, "zip": "1"}, {"size": 2.0, "zip": "2"}), output="price", expected=(10, 20))
    smoke.save(tmp_path / "work" / "models" / "prices" / "3")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments, raises=None, **options):
    """Run the command; return what it printed."""
    done = CliRunner().invoke(estafet, [*map(str, arguments)], **options)
    if raises is None:
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout
    assert isinstance(done.exception, raises), (done.output, done.exception)
    return f"{done.exception} {done.output}"


def test_rows_of_a_file_are_answered_in_a_table(folder, url):
    said = call("predict", "--url", url, "rows.csv")

    lines = [line.split() for line in said.splitlines()]
    assert lines == [["row", "price", "size", "request_id"], ["0", "15", "007", "id-0"], ["1", "20", "id-1"]]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.json"])
def test_answers_are_written_next_to_the_rows(folder, url, name):
    """An answer whose name a column has already gets another; words stay as they stood."""
    call("predict", "--url", url, "--batch", "1", "rows.csv", "--out", name)

    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[name.rpartition(".")[2]]
    words = {"dtype": {"zip": str, "predicted_size": str}} if name != "out.parquet" else {}
    frame = read(folder / name, **words)
    assert list(frame.columns) == ["zip", "note", "size", "price", "predicted_size", "request_id"]
    assert frame["price"].tolist() == [15, 20]
    assert (frame["zip"][0], frame["predicted_size"][0]) == ("007", "007")
    assert frame["request_id"].tolist() == ["id-0", "id-0"]  # each request has one row


def test_rows_come_from_the_standard_input_and_go_to_the_standard_output(folder, url):
    said = call("predict", "--url", url, "-", "--out", "-", input='[{"size": 4, "zip": "x"}]')

    assert pd.read_csv(io.StringIO(said))["price"].tolist() == [40]


def test_the_run_file_says_where_the_server_is_and_how_its_csv_is_written(folder):
    (folder / "rows.csv").write_text("size;zip\n7;x\n")

    assert call("predict", "run.yaml", "rows.csv").split()[-4:] == ["0", "70", "x", "id-0"]


def test_lines_of_json_and_parquet_are_read(folder, url):
    (folder / "rows.json").write_text('{"size": 1, "zip": "a"}\n{"size": 2, "zip": "b"}\n')
    pd.DataFrame({"size": [3], "zip": ["c"]}).to_parquet("rows.parquet")

    assert "20" in call("predict", "--url", url, "rows.json")
    assert "30" in call("predict", "--url", url, "rows.parquet")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["nothing.csv"], DataError, "'nothing.csv' cannot be read: No such file"),
        (["empty.csv"], DataError, "'empty.csv' holds no rows"),
        (["other.csv"], DataError, "the model takes 'size', 'zip', which are not given"),
        (["bad.json"], DataError, "'bad.json' cannot be read"),
        (["negative.csv"], DataError, "a negative size"),
        (["a.png"], DataError, "takes size, zip, and no images"),
        (["rows.csv", "rows.csv"], DataError, "2 files are given"),
        (["rows.csv", "--out", "a.xlsx"], ConfigError, "'a.xlsx' is of no known kind"),
        (["rows.csv", "--model", "other"], ServiceUnavailable, "NOT_FOUND: no such model"),
        (["rows.csv", "--signature", "s"], ConfigError, "no signature 's'"),
    ],
)
def test_what_cannot_be_asked_is_said(folder, url, arguments, error, said):
    (folder / "empty.csv").write_text("size,zip\n")
    (folder / "other.csv").write_text("a,b\n1,2\n")
    (folder / "negative.csv").write_text("size,zip\n-1,2\n")
    (folder / "bad.json").write_text('{"size": ')

    assert said in call("predict", "--url", url, *arguments, raises=error)


def test_a_server_or_a_file_that_is_not_named_is_asked_for(folder):
    assert "--url" in call("predict", "rows.csv", raises=ConfigError)
    assert "estafet predict run.yaml rows.csv" in call("predict", "run.yaml", raises=ConfigError)


def test_a_load_is_measured_with_the_smoke_tests_rows(folder):
    """100 clients at a time would open as many connections; the number of answers is that of the server's."""
    options = ["--clients", "2", "--duration-s", "0.3", "--warm-up-s", "0", "--out", "found", "--max-error-rate", "0"]

    said = call("load", "run.yaml", *options)

    written = json.loads((folder / "found" / "load.json").read_text())
    assert written["result"]["num_answered"] == written["result"]["num_requests"] > 0
    assert (written["model"], written["plan"]["num_clients"], written["plan"]["rate"]) == ("prices", 2, None)
    assert "p99.9" in said
    assert (folder / "found" / "load.png").stat().st_size > 10_000


def test_requests_at_a_rate_carry_rows_of_a_file(folder, url):
    options = ["--examples", "rows.csv", "--rows", "3", "--rate", "100", "--duration-s", "0.2", "--warm-up-s", "0"]

    call("load", "--url", url, *options, "--out", "found")

    written = json.loads((folder / "found" / "load.json").read_text())
    assert (written["plan"]["rate"], written["rows"]) == (100, 3)
    assert written["result"]["failures"] == {}


def test_a_broken_bound_ends_with_status_5(folder):
    options = ["--duration-s", "0.1", "--warm-up-s", "0", "--clients", "1"]

    said = call("load", "run.yaml", *options, "--max-p99-ms", "0.0001", raises=GateRefused)

    assert "the 99th percentile is" in said
    assert GateRefused.exit_status == 5


def test_failures_are_counted_by_kind_and_judged(folder, url):
    """One of the two requests finds the server away, every time."""
    (folder / "half.csv").write_text("size,zip\n1,a\n13,b\n")
    options = ["--examples", "half.csv", "--duration-s", "0.2", "--warm-up-s", "0", "--clients", "1"]

    said = call("load", "--url", url, *options, "--max-error-rate", "0.1", raises=GateRefused)

    assert "failed, UNAVAILABLE: " in said
    assert "of the requests failed, and at most 10.000% may" in said


def test_a_load_without_rows_asks_for_some(folder, url):
    assert "--examples rows.csv" in call("load", "--url", url, raises=ConfigError)
    assert "--examples rows.csv" in call("load", "rows.csv", raises=ConfigError)


def test_rows_that_the_server_refuses_are_told_before_the_load(folder, url):
    (folder / "negative.csv").write_text("size,zip\n-1,2\n")

    assert "a negative size" in call("load", "--url", url, "--examples", "negative.csv", raises=DataError)
