"""The servers that are measured: ours, ours without what makes it quick, KServe's, and MLflow's."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from estafet.files import read_json

SERVE = Path(__file__).parent
ROOT = SERVE.parents[1]
START_S = 180.0
KSERVE = ("kserve==0.21.0", "tensorflow==2.21.0")


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        pid: Its process.
        rest: Its REST port.
        grpc: Its gRPC port, if it has one.
    """

    pid: int
    rest: int
    grpc: int | None = None


@contextlib.contextmanager
def ours(models_dir: Path, name: str, output: Path, *arguments: str, one_call_each: bool = False) -> Iterator[Server]:
    """Start our server.

    Args:
        models_dir: Folder with a folder for the model.
        name: The model.
        output: Folder for what it prints.
        arguments: More arguments.
        one_call_each: Call the exported signature for each request, in place of session callables and batches.
    """
    announced = output / f"address-{time.monotonic_ns()}.json"
    program = [str(SERVE / "one_call_each.py")] if one_call_each else ["-m", "serving.server"]
    command = [sys.executable, *program, "--models-dir", str(models_dir), "--name", name, "--port", "0"]
    command += ["--grpc-port", "0", "--announce", str(announced), "--parent-pid", str(os.getpid()), *arguments]
    with _process(command, output / f"{announced.stem}.log") as process:
        _wait(announced.exists, process, output / f"{announced.stem}.log")
        address = read_json(announced)
        yield Server(process.pid, address["port"], address["grpc_port"])


@contextlib.contextmanager
def kserve(saved_model: Path, name: str, output: Path) -> Iterator[Server]:
    """Start KServe's Python server with a model class that calls the SavedModel's signature."""
    port, grpc_port = _free_port(), _free_port()
    command = [str(kserve_python()), str(SERVE / "kserve_model.py"), f"--model_name={name}"]
    command += [f"--saved_model={saved_model}", f"--http_port={port}", f"--grpc_port={grpc_port}"]
    with _process([*command, "--enable_docs_url=false"], output / "kserve.log") as process:
        _wait(lambda: _answers(f"http://127.0.0.1:{port}/v1/models/{name}"), process, output / "kserve.log")
        yield Server(process.pid, port)


@contextlib.contextmanager
def mlflow(model: Path, output: Path) -> Iterator[Server]:
    """Start `mlflow models serve` in this environment."""
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--port", str(port)]
    command += ["--env-manager", "local", "--workers", "1"]
    with _process(command, output / "mlflow.log") as process:
        _wait(lambda: _answers(f"http://127.0.0.1:{port}/ping"), process, output / "mlflow.log")
        yield Server(process.pid, port)


def kserve_python() -> Path:
    """Return a Python that has KServe; the first time an environment is made for it, some 2 GB and a minute.

    Its requirements and ours do not always resolve together. The environment stays in `$XDG_CACHE_HOME/estafet`.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "estafet"
    folder = cache / f"benchmark-{KSERVE[0].replace('==', '-')}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"making an environment for KServe's server in {folder}", file=sys.stderr, flush=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *KSERVE]
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], install):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                sys.exit(f"KServe cannot be measured: {' '.join(command)} failed\n{done.stdout[-3000:]}")
        (folder / "ready").touch()
    return python


@contextlib.contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a session of its own, and end all of that."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # MLflow's uvicorn
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env=environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        for number in (15, 9):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
                break


def _wait(is_there, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not is_there():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"a server did not start; {log} ends with\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (OSError, urllib.error.URLError):
        return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
