"""A server's life as a process: versions that come while it answers, signals, a taken port, a kill."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from estafet import request_log
from estafet.errors import DataError, ServiceUnavailable
from serving.client import Client
from serving.server.process import ServerProcess
from serving.server.running import bound

START_S = 120


def serve(models_dir: Path, folder: Path, *arguments: str) -> ServerProcess:
    more = ("--requests-dir", str(folder / "requests"), "--poll-s", "0.1", *arguments)
    return ServerProcess(models_dir, "toy", folder, *more)


def add_version(models_dir: Path, number: int, saved: Path) -> None:
    shutil.copytree(saved, models_dir / "toy" / ".tmp-new")
    (models_dir / "toy" / ".tmp-new").rename(models_dir / "toy" / str(number))


class Hammer(threading.Thread):
    """Asks without a pause, and keeps every answer and every failure."""

    def __init__(self, client: Client):
        super().__init__()
        self.client, self.answers, self.failures, self.enough = client, [], [], threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            try:
                self.answers += self.client.predict([4.0]).predictions
            except Exception as error:
                self.failures.append(error)


@pytest.mark.slow
def test_versions_change_without_a_failed_request_and_end_in_order(models_dir, tmp_path, toy_10):
    """Version 1 answers 4 / 2 + 2 = 4, version 3 answers 4 / 2 + 10 = 12; version 2 is corrupt in between."""
    with serve(models_dir, tmp_path) as server:
        client = Client(server.wait_until_listening(START_S), "toy")
        hammers = [Hammer(client) for _ in range(3)]
        for hammer in hammers:
            hammer.start()
        (models_dir / "toy" / "2").mkdir()
        with pytest.raises(DataError, match=r"saved_model\.pb"):
            client.wait_until_available(2)
        assert client.predict([4.0]).predictions == [4.0]
        add_version(models_dir, 3, toy_10)
        client.wait_until_available(3)
        while not all(12.0 in hammer.answers for hammer in hammers):
            time.sleep(0.01)
        for hammer in hammers:
            hammer.enough.set()
            hammer.join()
        client.predict([6.0], request_id="last")
        other = httpx.post(
            f"{client.url}/v1/models/toy:predict", json={"signature_name": "echo", "instances": ["not logged"]}
        )
        server.stop()
        output = server.tail()

    answers = [answer for hammer in hammers for answer in hammer.answers]
    assert [failure for hammer in hammers for failure in hammer.failures] == []
    assert set(answers) == {4.0, 12.0}
    assert all(sorted(hammer.answers) == hammer.answers for hammer in hammers)
    assert other.status_code == 200
    assert "Traceback" not in output
    logged = request_log.read(tmp_path / "requests", "toy")
    assert logged.num_rows == len(answers) + 2
    assert logged.slice(logged.num_rows - 1).to_pylist()[0]["request_id"] == "last-0"
    assert logged["prediction"].to_pylist()[-1] == 13.0
    assert set(logged["version"].to_pylist()) == {1, 3}


@pytest.mark.slow
def test_a_killed_server_leaves_only_whole_files(models_dir, tmp_path):
    with serve(models_dir, tmp_path, "--log-flush-s", "0.05") as server:
        client = Client(server.wait_until_listening(START_S), "toy")
        while len(list((tmp_path / "requests").rglob("*.parquet"))) < 3:
            client.predict([1.0] * 50)
        os.kill(server.pid, signal.SIGKILL)

    files = list((tmp_path / "requests").rglob("*.parquet"))
    assert len(files) >= 3
    assert sum(pq.read_metadata(file).num_rows for file in files) % 50 == 0
    assert request_log.read(tmp_path / "requests", "toy").num_rows > 0


@pytest.mark.slow
def test_a_server_waits_for_its_first_version_and_then_answers(tmp_path, toy):
    """It says what it waits for, its port refuses connections until then, and what it prints at last works."""
    command = [sys.executable, "-m", "serving.server", "--models-dir", str(tmp_path), "--name", "toy", "--port", "0"]
    with subprocess.Popen([*command, "--poll-s", "0.1"], stdout=subprocess.PIPE, text=True) as server:
        waiting = server.stdout.readline()
        (tmp_path / "toy").mkdir()
        add_version(tmp_path, 1, toy)
        greeting = [server.stdout.readline() for _ in range(5)]
        curl = greeting[2].strip()
        answer = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True).stdout
        server.send_signal(signal.SIGINT)
        status = server.wait(30)

    assert str(tmp_path / "toy") in waiting
    assert re.match(r"serving toy version 1 at http://127\.0\.0\.1:\d+/v1/models/toy", greeting[0])
    assert answer == '{\n    "predictions": [2.0\n    ]\n}'
    assert status == 0


@pytest.mark.slow
def test_a_server_ends_with_the_process_that_started_it(models_dir, tmp_path):
    program = (
        "import os, sys\n"
        "from serving.server.process import ServerProcess\n"
        "server = ServerProcess(sys.argv[1], 'toy', sys.argv[2]).__enter__()\n"
        "print(server.pid, server.wait_until_listening(120), flush=True)\n"
        "os._exit(0)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, str(models_dir), str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    pid = int(output.split()[0])

    for _ in range(1200):
        if not _is_running(pid):
            break
        time.sleep(0.05)

    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_taken_port_is_named_with_a_way_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ServiceUnavailable, match=f"port {port} on 127.0.0.1") as caught, bound("127.0.0.1", port):
            pass

    assert f"--port {port + 1}" in caught.value.hint


def test_the_server_module_imports_no_tensorflow():
    """Only a version that is loaded needs it, so that the command line and `deploy` stay quick."""
    program = (
        "import sys, serving.server.running, serving.server.process, serving.client, serving.server.greeting\n"
        "import serving.targets.local, serving.registry, cli.serve\n"
        "heavy = {'tensorflow', 'mlflow', 'pyarrow', 'pandas', 'uvicorn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
