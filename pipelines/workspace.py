"""The workspace: where a laptop keeps runs, the cache, scratch folders, the MLflow store, models and logs."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from estafet.errors import ConfigError, ServiceUnavailable
from estafet.runfile import LoadedRunFile

RELATIVE_SQLITE = "sqlite:///"


class Workspace:
    """The folders of a workspace.

    Attributes:
        root: The workspace itself.
        runs: One folder for each run: its log, its steps' records, its artifacts and its page.
        cache: Kubeflow's local cache.
        ledger: What each step was last called with.
        scratch: What a killed step left, so that it can go on.
        requests: The request log.
        monitor: What monitoring remembers, one folder for each model.
    """

    def __init__(self, loaded: LoadedRunFile):
        self.root = loaded.workspace
        self.runs = self.root / "runs"
        self.cache = self.root / "cache"
        self.ledger = self.root / "ledger"
        self.scratch = self.root / "scratch"
        self.requests = self.root / "requests"
        self.monitor = self.root / "monitor"

    @property
    def mlflow_uri(self) -> str:
        """URI of the MLflow store in this workspace."""
        path = str(self.root / "mlflow.db")
        return f"sqlite:///{path.replace('%', '%25').replace('?', '%3F')}"

    @property
    def mlflow_artifacts(self) -> str:
        """Folder of MLflow's artifacts in this workspace."""
        return str(self.root / "mlartifacts")

    def tracking_uri(self, loaded: LoadedRunFile) -> str:
        """Return the MLflow tracking URI of a run: the run file's, the environment's, or this workspace's.

        A relative SQLite path of the run file starts from the run file's folder, as every path in it does.
        """
        given = loaded.run.tracking.uri
        if given and given.startswith(RELATIVE_SQLITE) and not given.startswith(f"{RELATIVE_SQLITE}/"):
            return f"{RELATIVE_SQLITE}{loaded.folder / given.removeprefix(RELATIVE_SQLITE)}"
        return given or os.environ.get("MLFLOW_TRACKING_URI") or self.mlflow_uri

    def new_run(self) -> Path:
        """Make the folder of a new run; its name is the run's id, in the order of time."""
        folder = self.runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        with self._writable():
            folder.mkdir(parents=True)
        return folder

    @contextlib.contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Keep a second run for the same purpose out of this workspace while the block runs.

        Args:
            purpose: `run` or `monitor`.

        Raises:
            ServiceUnavailable: Another process has the workspace.
        """
        with self._writable():
            self.root.mkdir(parents=True, exist_ok=True)
            opened = (self.root / f"{purpose}.lock").open("a+")
        with opened as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise ServiceUnavailable(
                    f"another run (process {file.read().strip() or 'unknown'}) is using the workspace '{self.root}'.",
                    hint="wait until it has ended, or give this one its own with `--set workspace=.estafet-2`.",
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        """Say in plain words that the workspace is a file, or not ours to write; a full disk is said elsewhere."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise ConfigError(
                f"the workspace '{self.root}' cannot be written: {error.strerror}.",
                hint="set workspace in the run file to a folder of yours, or give one with `--set workspace=FOLDER`.",
            ) from error


def run_that_made(outputs: Mapping[str, Any]) -> str:
    """Return the id of the run whose folder a step's artifacts lie in; empty where there are none."""
    for value in outputs.values():
        parts = Path(getattr(value, "uri", "")).parts
        if "runs" in parts:
            return parts[len(parts) - 1 - parts[::-1].index("runs") + 1]
    return ""
