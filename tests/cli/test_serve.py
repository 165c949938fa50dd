"""`estafet serve`: what it takes from the run file and from its options, and how it says no."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.serve import serve
from serving.server.running import Options

RUN_FILE = """
name: toy
task: tabular_regression
workspace: work
data: {source: data.csv, label: y}
serve: {port: 8601, log_sample_rate: 0.5, log_flush_s: 2, poll_s: 3}
"""


@pytest.fixture
def run_file(tmp_path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(RUN_FILE)
    return path


@pytest.fixture
def asked(monkeypatch) -> list[Options]:
    """Replace the server; the list has what each was asked to serve."""
    found: list[Options] = []
    for module in ("running", "starting"):
        monkeypatch.setattr(f"serving.server.{module}.run", lambda options, **_: found.append(options))
    return found


def test_the_run_file_says_what_is_served(run_file, asked, tmp_path):
    CliRunner().invoke(serve, [str(run_file)], catch_exceptions=False)

    assert asked == [
        Options(
            models_dir=(tmp_path / "work" / "models").resolve(),
            names=("toy",),
            host="127.0.0.1",
            port=8601,
            requests_dir=(tmp_path / "work" / "requests").resolve(),
            log_sample_rate=0.5,
            log_flush_s=2,
            poll_s=3,
        )
    ]


def test_options_come_before_the_run_file(run_file, asked, tmp_path):
    arguments = [str(run_file), "--port", "0", "--host", "::1", "--models-dir", str(tmp_path / "other")]
    CliRunner().invoke(serve, [*arguments, "--set", "serve.poll_s=9"], catch_exceptions=False)

    (options,) = asked
    assert (options.port, options.host, options.poll_s) == (0, "::1", 9)
    assert options.models_dir == (tmp_path / "other").resolve()


def test_a_taken_port_ends_with_status_4_and_a_way_out(run_file):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "serve", str(run_file), "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 4
    assert f"error: the port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert f"`--port {int(port) + 1}`" in done.stderr


def test_the_flags_of_tensorflow_model_server_need_no_run_file(asked):
    """A command line for `tensorflow_model_server` works as it is."""
    flags = ["--model_name=m", "--model_base_path", "/models/m", "--port=8500", "--rest_api_port=8501"]

    done = CliRunner().invoke(serve, flags, catch_exceptions=False)

    (options,) = asked
    assert done.exit_code == 0
    assert (options.grpc_port, options.port, options.host) == (8500, 8501, "127.0.0.1")
    assert [(model.name, model.base_path) for model in options.models] == [("m", "/models/m")]


def test_grpc_is_answered_where_a_port_is_given(run_file, asked):
    CliRunner().invoke(serve, [str(run_file), "--grpc-port", "8500"], catch_exceptions=False)

    assert asked[0].grpc_port == 8500
