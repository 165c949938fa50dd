"""Tiny releases: a SavedModel with what `export` stores beside it; and a registry in a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.deploy.step import Settings
from estafet.errors import ServiceUnavailable
from estafet.release import Release, Smoke, fingerprint, now
from estafet.runfile.tasks import Task
from estafet.tracking import MlflowTracker


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory) -> Path:
    """A SavedModel with prediction = 2 x and its sign."""
    import tensorflow as tf

    class Double(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
        def serve(self, x):
            return {"prediction": 2 * x, "sign": tf.sign(x)}

    folder = tmp_path_factory.mktemp("saved") / "model"
    module = Double()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


@pytest.fixture
def release(tmp_path, saved_model) -> Callable[..., Path]:
    """Return a function that makes a release; `note` makes its fingerprint another."""

    def make(
        note: str = "", *, expected: tuple[float, ...] = (3.0, -4.0), registered_version: str = "", broken: bool = False
    ) -> Path:
        folder = tmp_path / f"release-{note or 'plain'}-{registered_version}-{broken}-{expected[0]}"
        shutil.copytree(saved_model, folder)
        if broken:
            (folder / "saved_model.pb").write_bytes(b"garbage")
        return add_papers(folder, note, expected, registered_version)

    return make


@pytest.fixture
def light_release(tmp_path) -> Callable[..., Path]:
    """Return a function that makes a release which no server could load, for what needs none."""

    def make(note: str = "", *, registered_version: str = "") -> Path:
        folder = tmp_path / f"light-{note}-{registered_version}"
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(b"graph")
        (folder / "variables" / "data").write_bytes(b"weights")
        return add_papers(folder, note, (3.0, -4.0), registered_version)

    return make


def add_papers(folder: Path, note: str, expected: tuple[float, ...], registered_version: str) -> Path:
    """Write what `export` stores beside a SavedModel; `note` makes the fingerprint another."""
    (folder / "estafet").mkdir()
    (folder / "estafet" / "note.txt").write_text(note)
    Smoke(instances=({"x": 1.5}, {"x": -2.0}), output="prediction", expected=expected).save(folder)
    Release(
        name="toy",
        task=Task.TABULAR_REGRESSION,
        model_version=f"weights of {note}",
        dataset_version="d",
        headline="rmse",
        metrics={"rmse": 1.0},
        registered_version=registered_version,
        mlflow_run_id=f"run-{registered_version}" if registered_version else "",
        fingerprint=fingerprint(folder),
        created=now(),
    ).save(folder)
    return folder


@pytest.fixture
def settings() -> Settings:
    return Settings(name="toy", keep_versions=2, smoke_timeout_s=120)


@pytest.fixture
def untested(monkeypatch) -> list[str]:
    """Replace the smoke test, for what does not depend on it; the list has one entry for each that was asked for."""
    asked: list[str] = []

    def smoke_test(smoke, models_dir: Path, name: str, output_dir: Path, **_) -> float:
        assert [path.name for path in (models_dir / name).iterdir()] == ["1"]
        asked.append(name)
        return 0.01

    monkeypatch.setattr("components.deploy.smoke.smoke_test", smoke_test)
    return asked


class FakeRegistry:
    """A registry in a file, so that a process that is killed leaves it as a real one would.

    Attributes:
        aliases: Versions by alias.
        tags: Tags by version, and by run.
    """

    def __init__(self, path: Path):
        self._path = path
        self.is_away = False

    def read(self) -> dict[str, dict]:
        if not self._path.exists():
            return {"aliases": {}, "tags": {}}
        return json.loads(self._path.read_text())

    @property
    def champion(self) -> str | None:
        return self.read()["aliases"].get("champion")

    def tags(self, of: str) -> dict[str, str]:
        return self.read()["tags"].get(of, {})

    def set_alias(self, uri, name, alias, version):
        self._change(lambda state: state["aliases"].update({alias: version}))

    def remove_alias(self, uri, name, alias):
        self._change(lambda state: state["aliases"].pop(alias, None))

    def set_tags(self, uri, name, version, tags):
        self.tag_run(uri, version, tags)

    def tag_run(self, uri, run_id, tags):
        words = {key: str(value) for key, value in tags.items()}
        self._change(lambda state: state["tags"].setdefault(run_id, {}).update(words))

    def remove_tags(self, uri, name, version, keys):
        self._change(lambda state: [state["tags"].get(version, {}).pop(key, None) for key in keys])

    def _change(self, change):
        if self.is_away:
            raise ServiceUnavailable("the registry is away")
        state = self.read()
        change(state)
        self._path.write_text(json.dumps(state))


@pytest.fixture
def fake_registry(tmp_path, monkeypatch) -> FakeRegistry:
    """Replace the registry and MLflow."""
    fake = FakeRegistry(tmp_path / "registry.json")
    for name in ("set_alias", "remove_alias", "set_tags", "tag_run", "remove_tags"):
        monkeypatch.setattr(f"serving.registry.{name}", getattr(fake, name))
    for name in ("log_parameters", "log_metrics", "log_tags"):
        monkeypatch.setattr(MlflowTracker, name, lambda *_: None)
    return fake
