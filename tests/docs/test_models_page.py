"""docs/models.md names every architecture with its defaults, and what it shows builds a model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from estafet.runfile import load
from estafet.runfile.architectures import BY_TASK, KERAS_APPLICATIONS
from estafet.runfile.tasks import Task
from estafet.schema import Label, NumericFeature, Schema
from estafet.training import models
from estafet.training.models import ModelSpec, building

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
NUMBERS = (NumericFeature(name="x", mean=0, std=1, min=-1, max=1, missing_share=0),)
CLASSES = Label(name="l", classes=("no", "yes"))
SPECS = {
    "Images": ModelSpec(Task.IMAGE_CLASSIFICATION, Schema(label=CLASSES), image_shape=(32, 32, 1)),
    "Tables": ModelSpec(Task.TABULAR_CLASSIFICATION, Schema(numeric=NUMBERS, label=CLASSES)),
    "Series": ModelSpec(Task.FORECASTING, Schema(numeric=NUMBERS, label=Label(name="x")), lookback=20, horizon=2),
}


def _chapter(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _blocks(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("title", SPECS)
def test_its_tables_have_every_architecture_with_its_defaults(title):
    spec = SPECS[title]
    rows = re.findall(r"^\| `(\w+)`[^|]*\| `([^`]+)` \|", _chapter(title), re.MULTILINE)

    own = [name for name in BY_TASK[spec.task] if name not in KERAS_APPLICATIONS]
    told = {name: yaml.safe_load(f"{{{values.replace('1e-06', '0.000001')}}}") for name, values in rows}
    assert told == {name: models.default_hyperparameters(spec, name) for name in own}
    assert f"`{own[0]}` (the default)" in _chapter(title)


def test_it_lists_the_applications_and_their_hyperparameters():
    listed = _chapter("Images").split("They are ")[1].split("```")[0]
    names = set(re.findall(r"`(\w+)`", listed)) | {f"EfficientNetB{n}" for n in range(8)}

    assert names | {"EfficientNetV2B1", "EfficientNetV2B2"} == set(KERAS_APPLICATIONS)
    defaults = models.default_hyperparameters(SPECS["Images"], "ResNet50")
    assert f"| a name of `keras.applications` | `dropout: {defaults['dropout']}` |" in PAGE


@pytest.mark.parametrize(
    ("title", "block"),
    [("Images", _blocks("yaml", PAGE.split("\n## ")[0])[0])]
    + [(title, block) for title in SPECS for block in _blocks("yaml", _chapter(title))],
)
def test_its_sections_of_run_files_are_taken_and_build_a_model(title, block, tmp_path):
    spec = SPECS[title]
    whole = {"name": "x", "task": spec.task.value, "data": {"source": "a", "label": "l"}, **yaml.safe_load(block)}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(whole))

    chosen = load(tmp_path / "run.yaml").run.model

    model = models.build(spec, chosen.build, chosen.hyperparameters)
    building.check(model, spec, chosen.build)


def test_its_function_of_the_users_own_builds_a_model_that_fits():
    names: dict[str, object] = {}
    exec("import keras\nfrom estafet.training.models.tables import encode", names)
    (block,) = _blocks("python")

    exec(block, names)

    building.check(names["make"](SPECS["Tables"], {}), SPECS["Tables"], "make")
