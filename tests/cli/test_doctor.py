"""`estafet doctor`: what it finds on this machine, and on machines that lack something."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.checks import machine, packages, services
from cli.checks.check import State
from cli.doctor import doctor
from estafet.errors import ConfigError


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def run_file(tmp_path):
    def write(text: str = "") -> str:
        path = tmp_path / "run.yaml"
        path.write_text("name: a\ntask: forecasting\ndata: {source: x.csv}\nserve: {port: 0}\n" + text)
        return str(path)

    return write


@pytest.fixture
def answering():
    """A function that starts a server which answers every call with one status; it returns the address."""
    servers = []

    def start(status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                paths.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    paths: list[str] = []
    start.paths = paths
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def report(*options: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the command with --json; return its status and its checks by name."""
    result = CliRunner().invoke(doctor, ["--json", *options])
    assert not isinstance(result.exception, Exception), result.exception
    told = json.loads(result.output)
    assert told["ok"] == (result.exit_code == 0)
    return result.exit_code, {check["name"]: check for check in told["checks"]}


class TestTheCommand:
    def test_this_environment_is_fit(self, run_file):
        status, checks = report(run_file())

        assert status == 0
        assert checks["Python"]["found"].startswith(sys.version.split()[0])
        assert f"kfp {metadata.version('kfp')}" in checks["packages"]["found"]
        assert "estafet" not in checks
        assert checks["MLflow store"]["found"].endswith("(made by the first run)")

    def test_looking_changes_nothing(self, run_file, tmp_path):
        report(run_file())

        assert os.listdir(tmp_path) == ["run.yaml"]

    def test_the_table_has_every_check_and_ends_with_the_sum(self, run_file):
        result = CliRunner().invoke(doctor, [run_file()])

        assert result.exit_code == 0
        for name in ("Python", "memory", "disk", "GPUs", "packages", "Docker", "MLflow store", "Kubeflow Pipelines"):
            assert name in result.output
        assert "0 missing" in result.output

    def test_what_is_missing_ends_it_with_status_1_and_the_command_that_mends_it(self, run_file):
        status, checks = report(run_file(f"tracking: {{uri: 'http://127.0.0.1:{closed_port()}'}}"))

        assert status == 1
        assert checks["MLflow store"]["state"] == "missing"
        assert "tracking.uri" in checks["MLflow store"]["mend"]

    def test_everything_that_is_not_well_says_how_to_mend_it(self, run_file, monkeypatch):
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
        _, checks = report(run_file("cluster: {endpoint: 'http://127.0.0.1:9'}"))

        assert {name for name, check in checks.items() if check["state"] != "ok"} >= {"Docker", "Kubeflow Pipelines"}
        assert all(check["mend"] for check in checks.values() if check["state"] != "ok")

    def test_a_wrong_run_file_is_answered_as_everywhere(self, run_file):
        with pytest.raises(ConfigError, match="unknown key"):
            CliRunner().invoke(doctor, [run_file("trian: 3\n")], catch_exceptions=False)

    def test_tensorflow_is_not_imported_unless_asked_for(self, run_file):
        program = (
            "import sys\nfrom cli.doctor import doctor\n"
            f"doctor([{run_file()!r}], standalone_mode=False)\n"
            "heavy = {'tensorflow', 'keras', 'mlflow', 'kfp', 'pandas', 'pyarrow', 'optuna', 'evidently'}\n"
            "print(sorted(heavy & set(sys.modules)))"
        )

        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

        assert ran.stdout.splitlines()[-1] == "[]"

    @pytest.mark.slow
    def test_deep_asks_tensorflow_and_mlflow_themselves(self, run_file):
        status, checks = report(run_file(), "--deep")

        assert status == 0
        assert metadata.version("tensorflow") in checks["TensorFlow"]["found"]
        assert checks["MLflow contents"]["found"] == "no runs yet"


class TestTheMachine:
    @pytest.mark.parametrize(("version", "state"), [((3, 10), "missing"), ((3, 12), "ok"), ((3, 13), "missing")])
    def test_only_two_versions_of_python_will_do(self, version, state):
        assert machine.python(version).state == state

    @pytest.mark.parametrize(("free_gb", "state"), [(80, "ok"), (2, "warn"), (0.1, "missing")])
    def test_a_disk_that_fills_up_is_told_of_in_time(self, monkeypatch, tmp_path, free_gb, state):
        usage = shutil.disk_usage(tmp_path)._replace(free=int(free_gb * 1e9))
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: usage)

        check = machine.disk(tmp_path / "not" / "there")

        assert check.state == state
        assert f"{free_gb:.1f} GB free at {tmp_path}" in check.found

    def test_little_memory_is_told_of(self, monkeypatch):
        monkeypatch.setattr(machine, "_memory_bytes", lambda: (8_000_000_000, 1_500_000_000))

        assert machine.memory().found == "1.5 of 8.0 GB available"
        assert machine.memory().state == State.WARN

    def test_available_memory_lies_between_nothing_and_all(self):
        total, available = machine._memory_bytes()

        assert 0 < available <= total

    def test_a_workspace_below_a_file_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")

        assert machine.workspace_writable(tmp_path / "file").state == State.MISSING
        assert machine.workspace_writable(tmp_path / "new").state == State.OK

    def test_gpus_are_named_by_the_driver(self, tmp_path, monkeypatch):
        driver = tmp_path / "nvidia-smi"
        driver.write_text("#!/bin/sh\necho 'NVIDIA L4, 23034 MiB'\n")
        driver.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert machine.gpus().found == "NVIDIA L4, 23034 MiB"

        driver.write_text("#!/bin/sh\nexit 9\n")
        assert machine.gpus().state == State.WARN


class TestPackages:
    @pytest.mark.parametrize(
        ("requirement", "state"),
        [
            ('kfp>=2.17; extra == "pipelines"', "ok"),
            ("click>=8.1", "ok"),
            ('kfp>=99; extra == "pipelines"', "missing"),
            ('not-a-package>=1; extra == "training"', "missing"),
            ('not-a-package>=1; extra == "storage"', "warn"),
        ],
    )
    def test_a_requirement_is_held_against_what_is_installed(self, requirement, state):
        assert packages._requirement(requirement).state == state

    @pytest.mark.parametrize(
        "requirement", ['pytest>=8; extra == "dev"', 'estafet[ingest]; extra == "training"', 'ruff>=99; extra == "dev"']
    )
    def test_what_only_developers_need_and_estafet_itself_are_not_checked(self, requirement):
        assert packages._requirement(requirement) is None

    def test_a_package_that_two_extras_want_is_told_of_once(self, monkeypatch):
        wanted = [
            "click>=8.1",
            'click>=99; extra == "serving"',
            'numpy>=1; extra == "serving"',
            'numpy>=2; extra == "all"',
        ]
        monkeypatch.setattr(packages.metadata, "requires", lambda name: wanted)

        right, wrong = packages.packages()

        assert right.found == f"1 as wanted: numpy {metadata.version('numpy')}"
        assert (wrong.name, wrong.state) == ("click", State.MISSING)

    def test_byte_code_is_looked_for_where_python_would(self, tmp_path, monkeypatch):
        package = tmp_path / "somepackage"
        package.mkdir()
        for name in ("__init__", "a", "b"):
            (package / f"{name}.py").write_text("")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(packages, "SLOW_TO_COMPILE", ("somepackage",))

        before = packages.byte_code()
        subprocess.run(before.mend.split(), check=True)

        assert (before.state, packages.byte_code().state) == (State.WARN, State.OK)
        assert importlib.util.find_spec("somepackage") is not None


class TestServices:
    def test_a_docker_engine_is_asked_through_its_socket(self, tmp_path, monkeypatch):
        path = tmp_path / "docker.sock"
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with socket.socket(socket.AF_UNIX) as engine:
            engine.bind(str(path))
            engine.listen()
            threading.Thread(target=answer_once, args=(engine,), daemon=True).start()
            assert services.docker().found == f"engine answers at {path}"

        assert services.docker().state == State.WARN  # the socket is there, and nobody behind it

    def test_a_docker_engine_is_asked_over_the_network(self, answering, monkeypatch):
        monkeypatch.setenv("DOCKER_HOST", answering(200).replace("http", "tcp"))
        assert services.docker().state == State.OK

        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{closed_port()}")
        assert services.docker().state == State.WARN

    @pytest.mark.parametrize(("status", "state"), [(200, "ok"), (401, "warn"), (404, "warn"), (503, "warn")])
    def test_kubeflow_is_asked_for_its_health(self, answering, status, state):
        check = services.kubeflow(answering(status))

        assert check.state == state
        assert answering.paths == ["/apis/v2beta1/healthz"]

    def test_a_taken_port_is_told_of(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            assert services.serve_port("127.0.0.1", port).state == State.WARN

        assert services.serve_port("127.0.0.1", port).state == State.OK

    def test_an_address_that_is_not_ours_is_told_of(self):
        assert services.serve_port("192.0.2.1", 8501).state == State.WARN

    @pytest.mark.parametrize(("status", "state"), [(200, "ok"), (503, "missing")])
    def test_a_tracking_server_is_asked_for_its_health_and_its_password_stays_secret(
        self, answering, tmp_path, status, state
    ):
        check = services.mlflow_store(answering(status).replace("//", "//me:secret@"), Path(tmp_path))

        assert check.state == state
        assert "secret" not in check.found

    def test_the_file_store_is_missing_and_says_what_to_set(self, tmp_path):
        check = services.mlflow_store(f"file://{tmp_path}", Path(tmp_path))

        assert check.state == State.MISSING
        assert "sqlite:///" in check.mend

    @pytest.mark.slow
    def test_a_store_that_is_no_data_base_is_told_of(self, tmp_path):
        (tmp_path / "mlflow.db").write_text("not a data base")

        assert services.mlflow_contents(f"sqlite:///{tmp_path}/mlflow.db").state == State.MISSING


def answer_once(engine: socket.socket) -> None:
    connection, _ = engine.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nOK")
