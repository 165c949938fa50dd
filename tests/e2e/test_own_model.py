"""A user's own Keras model, with a layer of its own, goes through the whole relay as docs/own-model.md shows it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from estafet.files import read_json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
PAGE = Path(__file__).parents[2] / "docs" / "own-model.md"


def block(language: str) -> str:
    """Return the page's only block in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found


def test_a_model_of_the_users_own_is_trained_judged_exported_and_deployed_and_each_change_of_it_is_seen(project):
    (project.folder / "data.csv").rename(project.folder / "cancer.csv")
    project.run_file.write_text(block("yaml"))
    module = project.folder / "my_model.py"
    module.write_text(block("python"))

    done = project.estafet_here("run", "run.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    version = project.workspace / "models" / "cancer" / "1"
    release = read_json(version / "estafet" / "release.json")
    assert release["hyperparameters"]["units"] == 16
    assert 0.01 <= release["hyperparameters"]["rate"] <= 0.3
    assert release["metrics"]["roc_auc"] > 0.9
    assert "my_model" not in sys.modules
    assert serves_without_the_module(version)

    module.write_text(module.read_text().replace('activation="relu"', 'activation="elu"'))
    said = project.estafet_here("explain", "run.yaml").stdout
    rows = dict(re.findall(r"^(\w+)\s+(would run|reused)", said, re.MULTILINE))
    assert rows == {"ingest": "reused"} | dict.fromkeys(("tune", "train", "evaluate", "export", "deploy"), "would run")
    assert "code changed: my_model.py" in said


def serves_without_the_module(version: Path) -> bool:
    """Ask the SavedModel what its smoke test asked, in this process, which has never seen the user's module."""
    import tensorflow as tf

    smoke = read_json(version / "estafet" / "smoke.json")
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    columns = {name: [instance[name] for instance in smoke["instances"]] for name in smoke["instances"][0]}
    answer = signature(**{name: tf.constant(values, tf.float32) for name, values in columns.items()})
    return bool(abs(answer["probabilities"].numpy() - smoke["expected"]).max() < 1e-5)
