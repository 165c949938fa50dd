"""Tiny releases: a SavedModel with what `export` stores beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from estafet.release import Release, Smoke, fingerprint, now
from estafet.runfile.tasks import Task


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
        (folder / "estafet").mkdir()
        (folder / "estafet" / "note.txt").write_text(note)
        Smoke(instances=({"x": 1.5}, {"x": -2.0}), output="prediction", expected=expected).save(folder)
        Release(
            name="toy",
            task=Task.TABULAR_REGRESSION,
            model_version="w",
            dataset_version="d",
            headline="rmse",
            metrics={"rmse": 1.0},
            registered_version=registered_version,
            fingerprint=fingerprint(folder),
            created=now(),
        ).save(folder)
        return folder

    return make
