"""Checks of what is around a run: Docker, the MLflow store, Kubeflow Pipelines, the port of `estafet serve`."""

from __future__ import annotations

import http.client
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from cli.checks.check import Check, missing, ok, warn
from estafet.errors import EstafetError

TIMEOUT_S = 0.8
DOCKER_SOCKETS = ("/var/run/docker.sock", "~/.docker/run/docker.sock", "~/.docker/desktop/docker.sock")
KUBEFLOW_MEND = "kubectl -n kubeflow port-forward svc/ml-pipeline 8888, and set cluster.endpoint: http://localhost:8888"
DOCKER_MEND = "start Docker (`sudo systemctl start docker`), or do without: `estafet run` needs none"


def docker() -> Check:
    """Ask the Docker engine whether it is there."""
    host = os.environ.get("DOCKER_HOST", "")
    parts = urllib.parse.urlsplit(host)
    if host and parts.scheme not in ("unix", "tcp", "http"):
        return warn("Docker", f"DOCKER_HOST is {host}, which is not looked at", "docker version")
    sockets = [parts.path] if parts.scheme == "unix" else [] if host else DOCKER_SOCKETS
    refused = ""
    for path in (str(Path(each).expanduser()) for each in sockets):
        try:
            return ok("Docker", f"engine answers at {path}{_ping(socket.AF_UNIX, path)}")
        except FileNotFoundError:
            continue
        except PermissionError:
            return warn("Docker", f"no permission for {path}", "sudo usermod -aG docker $USER, then log in again")
        except OSError as error:
            refused = f": {path}: {error.strerror or error}"
    if parts.hostname:
        try:
            return ok(
                "Docker", f"engine answers at {host}{_ping(socket.AF_INET, (parts.hostname, parts.port or 2375))}"
            )
        except OSError as error:
            refused = f" at {host}: {error}"
    return warn("Docker", f"no engine answers{refused}", DOCKER_MEND)


def _ping(family: int, address: object) -> str:
    """Call the engine's `/_ping`; return what is odd about the answer.

    Raises:
        OSError: Nothing answers.
    """
    with socket.socket(family) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.connect(address)
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        answer = connection.recv(64).split(b"\r\n")[0].decode(errors="replace")
    return "" if " 200 " in f"{answer} " else f" (with {answer or 'nothing'})"


def mlflow_store(uri: str, workspace: Path) -> Check:
    """Check that the MLflow store can be reached."""
    from estafet.tracking import check_reachable

    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        there = path.is_file()
        if there and not os.access(path, os.W_OK):
            return missing("MLflow store", f"{path} cannot be written", f"chmod u+w {path}")
        return ok("MLflow store", f"SQLite, {path}{'' if there else ' (made by the first run)'}")
    try:
        check_reachable(uri, timeout_s=TIMEOUT_S)
    except EstafetError as error:
        return missing("MLflow store", error.message, error.hint or "")
    parts = urllib.parse.urlsplit(uri)
    return ok("MLflow store", f"{parts.scheme}://{parts.netloc.rpartition('@')[2]} answers")


def mlflow_contents(uri: str) -> Check:
    """Open the store and count its experiments; this imports MLflow, which takes seconds."""
    from estafet.tracking import connect

    path = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:///") and not path.is_file():
        return ok("MLflow contents", "no runs yet")
    try:
        experiments = connect(uri).search_experiments()
    except Exception as error:  # MLflow and its data base raise whatever they like
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return missing("MLflow contents", f"the store cannot be read: {first}", f"mlflow db upgrade {uri}")
    return ok("MLflow contents", f"{len(experiments)} experiments: {', '.join(e.name for e in experiments[:5])}")


def kubeflow(endpoint: str | None) -> Check:
    """Ask Kubeflow Pipelines for its health, where the run file names an end point."""
    name = "Kubeflow Pipelines"
    if endpoint is None:
        return ok(name, "no end point named (cluster.endpoint); runs stay on this machine")
    try:
        with urllib.request.urlopen(f"{endpoint.rstrip('/')}/apis/v2beta1/healthz", timeout=TIMEOUT_S):
            return ok(name, f"{endpoint} answers")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return warn(name, f"{endpoint} wants a login", KUBEFLOW_MEND)
        found = f"{endpoint} answers with HTTP {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        found = f"{endpoint} does not answer: {getattr(error, 'reason', None) or error}"
    return warn(name, found, KUBEFLOW_MEND)


def serve_port(host: str, port: int) -> Check:
    """Check that `estafet serve` could listen on its port."""
    name = f"port {port}"
    if port == 0:
        return ok("port", "any free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        found = f"{host}:{port}: {error.strerror or error} (is `estafet serve` running already?)"
        return warn(name, found, "estafet serve RUN.yaml --port 0, or set serve.port")
    return ok(name, f"free on {host}, for `estafet serve`")
