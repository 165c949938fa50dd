"""A model that is retrained by a small script in the place of the training pipeline."""

from __future__ import annotations

import itertools
import json
import sys

import numpy as np
import pytest
import yaml

from components.retrain import step
from estafet.files import read_json
from estafet.runfile.tasks import Task
from monitoring.retraining import triggers
from monitoring.testing import MODEL, World, table_rows

TRAINING = """
import json, os, pathlib, shutil, sys
folder = pathlib.Path(sys.argv[1])
(folder / "seen.json").write_text(json.dumps({"arguments": sys.argv[2:], "environment": dict(os.environ)}))
plan = json.loads((folder / "plan.json").read_text())
print("train: epoch 1/2", flush=True)
if plan.get("deploys"):
    shop = folder / "models" / "shop"
    shutil.copytree(shop / "1", shop / str(plan["deploys"]), dirs_exist_ok=True)
if plan.get("says"):
    print(plan["says"], file=sys.stderr)
raise SystemExit(plan.get("status", 0))
"""


class Race(World):
    """A served table model with logged requests, labels, and a child process in place of the training pipeline."""

    def plan(self, **plan):
        """Say what the next training run does: `deploys` a version, `says` something, ends with a `status`."""
        (self.root / "plan.json").write_text(json.dumps(plan))

    @property
    def seen(self):
        """The arguments and the environment of the last training run."""
        return read_json(self.root / "seen.json")

    def overrides(self):
        """The overrides that the last training run was given."""
        given = self.seen["arguments"]
        return dict(each.split("=", 1) for flag, each in itertools.pairwise(given) if flag == "--set")

    def label(self, labels):
        """Write the file of labels."""
        rows = "".join(f"{request},{label}\n" for request, label in labels.items())
        (self.root / "labels.csv").write_text("request_id,label\n" + rows)

    def retrain(self, progress=step.silent, overrides=(), profile=None, **changed):
        """Run the step."""
        changed = {"labels": str(self.root / "labels.csv"), **changed}
        return step.retrain(
            self.settings(**changed), self.root / "report", self.root / "run.yaml", list(overrides), profile,
            self.models_dir, self.requests_dir, self.state_dir, self.root / "outcome.json", progress=progress,
        )  # fmt: skip


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def race(tmp_path, rng, monkeypatch):
    """A CSV file with an identifier that is ignored, and ten labelled requests."""
    return _race(tmp_path, rng, monkeypatch, Task.TABULAR_CLASSIFICATION)


def _race(tmp_path, rng, monkeypatch, task):
    made = Race(tmp_path, task)
    rows = table_rows(rng, 50)
    made.serve(rows)
    (tmp_path / "old.csv").write_text("id;age;colour;income;bought\n1;0.5;red;1.5;yes\n2;0.25;;-2;no\n")
    data = {"source": "old.csv", "label": "bought", "ignore": ["id"], "delimiter": ";"}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump({"name": MODEL, "task": task.value, "data": data}))
    ids = made.log({name: values[:20] for name, values in rows.items()})
    made.label(dict.fromkeys(ids[:10], "yes"))
    made.plan(deploys=2)
    _stand_in(monkeypatch, made)
    return made


def _stand_in(monkeypatch, race):
    """Put a small script in the place of `python -m cli.main`; everything else is the real thing."""
    real = triggers.run_command

    def run(command, say):
        assert command[:4] == [sys.executable, "-m", "cli.main", "run"]
        return real([sys.executable, "-c", TRAINING, str(race.root), *command[4:]], say)

    monkeypatch.setattr(triggers, "run_command", run)


@pytest.fixture
def make_race(tmp_path, rng, monkeypatch):
    """Make such a model for another task."""
    return lambda task: _race(tmp_path, rng, monkeypatch, task)
