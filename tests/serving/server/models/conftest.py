"""Models that are nothing but folders, in place of TensorFlow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.server.models import ServedModel, Settings
from serving.server.models.places import LocalPlace
from serving.server.models.policies import Latest
from serving.server.status import Code, StatusError

from ....estafet.storage.conftest import emulator, storage  # noqa: F401 - fixtures of test_buckets.py

WAIT_S = 20


class FakeModel:
    """A model that is nothing but a folder; a file named `corrupt` in it makes it refuse to load."""

    loaded: list[str] = []  # noqa: RUF012 - emptied before each test

    def __init__(self, folder: Path):
        self.loaded.append(folder.name)
        self.signatures, self.signature_def, self.folder = {}, {}, folder
        if (folder / "corrupt").exists():
            raise StatusError(Code.DATA_LOSS, "corrupt")
        self.closed = threading.Event()

    def close(self):
        self.closed.set()


@pytest.fixture(autouse=True)
def nothing_loaded() -> None:
    FakeModel.loaded.clear()


def add(folder: Path, name: str, *, corrupt: bool = False) -> Path:
    """Make a version's folder, whole."""
    version = folder / name
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"graph")
    if corrupt:
        (version / "corrupt").touch()
    return version


def settle(model: ServedModel, num_looks: int = 3) -> None:
    """Do what the model's thread does in a few looks, and wait until what is freed is gone."""
    for _ in range(num_looks):
        while model.step():
            pass
    for thread in model._freeing:
        thread.join(WAIT_S)


def states(model: ServedModel) -> dict[int, str]:
    return {version.number: version.state.name for version in model.status()}


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads do; fails only where it never happens."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@pytest.fixture
def base(tmp_path) -> Path:
    folder = tmp_path / "m"
    folder.mkdir()
    return folder


@pytest.fixture
def make(base) -> Callable[..., ServedModel]:
    def make(policy=Latest(), clock=time.monotonic, **settings) -> ServedModel:
        place, how = LocalPlace(base), Settings(**settings)
        return ServedModel("m", place, FakeModel, policy=policy, settings=how, clock=clock)

    return make


@pytest.fixture
def model(make) -> ServedModel:
    return make(max_num_load_retries=0)
