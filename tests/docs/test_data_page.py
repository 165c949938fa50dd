"""What docs/data.md shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from cli.main import estafet
from components.ingest import step
from estafet.records.manifest import Manifest
from estafet.records.windows import window_starts
from estafet.runfile import load
from estafet.runfile.data import Data
from estafet.source_schema import SourceSchema

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
CITIES = ("Jakarta", "Bandung", "Medan")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The files that the page speaks of."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    rows = [f"{random.integers(20, 90)},{CITIES[i % 3]},{i // 3},{'yes' if i % 2 else 'no'}" for i in range(300)]
    (tmp_path / "patients.csv").write_text("\n".join(["age,city,patient,ill", *rows]))
    hours = [
        f"2024-01-{1 + i // 24:02} {i % 24:02}:00,{store},{i % 24}" for store in "ab" for i in range(480) if i != 99
    ]
    (tmp_path / "load.csv").write_text("\n".join(["hour,store,load", *hours]))
    reviews = [f"{i % 7},It was {'not ' * (i % 2)}good on day {i},{'low' if i % 2 else 'high'}" for i in range(100)]
    (tmp_path / "reviews.csv").write_text("\n".join(["visits,review,mood", *reviews]))
    return tmp_path


def ingest(folder, settings, out):
    """Ingest as a run would that is told this much."""
    (folder / "run.yaml").write_text(yaml.safe_dump({"name": "x", "task": "tabular_classification", **settings}))
    loaded = load(folder / "run.yaml")
    values = {**loaded.run.data.model_dump(), "source": loaded.sources, "task": loaded.run.task}
    if loaded.run.data.schema_file:
        values["expected"] = SourceSchema.load(loaded.absolute(loaded.run.data.schema_file)).model_dump()
    return step.ingest(step.Settings.model_validate(values), out)


def test_its_commands_and_run_files_work_in_their_order(project):
    """Between the pinned schema and the last command a run makes the data set that the latter looks at."""
    pinned, grouped, of_text, series = map(yaml.safe_load, blocks("yaml"))
    first, with_schema, of_run = blocks("sh")
    run = project / ".estafet/runs/1/artifacts/estafet/ingest/dataset"

    outputs = []
    for commands in (first, with_schema):
        outputs.append(CliRunner().invoke(estafet, commands.split()[1:], catch_exceptions=False).output)
    manifest = ingest(project, pinned, project / "pinned")
    by_group = ingest(project, grouped, run)
    outputs.append(CliRunner().invoke(estafet, of_run.split()[1:], catch_exceptions=False).output)
    texts = ingest(project, of_text, project / "texts")
    forecasting = ingest(project, series, project / "series")

    assert "300 rows × 4 columns; no problem" in outputs[0] and (project / "patients-inspection.html").is_file()
    assert (project / "schema.json").is_file() and not manifest.anomalies
    assert "groups in several splits" in outputs[2] and by_group.overlap.groups == 0
    assert [feature.name for feature in texts.data_schema.text] == ["review"]
    assert [feature.name for feature in texts.data_schema.numeric] == ["visits"]
    assert (forecasting.overlap.windows, forecasting.anomalies[0].kind, forecasting.anomalies[0].count) == (0, "gap", 2)
    assert len(window_starts(forecasting, "train")) > 100


def test_its_readers_read_what_ingest_writes(project):
    data = {"source": "patients.csv", "label": "ill", "layout": "columns"}
    manifest = ingest(project, {"data": data}, project / "dataset")
    by_tensorflow, one_by_one = blocks("python")
    names: dict[str, object] = {"folder": str(project / "dataset")}

    exec(by_tensorflow, names)
    exec(one_by_one, names)

    ages = np.concatenate([batch["age"] for batch in names["examples"].as_numpy_iterator()])
    assert len(ages) == manifest.splits["train"].num_examples
    assert set(names["example"]) == {"age", "city", "patient", "label"}


def test_every_key_of_the_data_section_that_it_names_is_one():
    named = set(re.findall(r"\bdata\.(\w+)`", PAGE))

    assert {"source", "on_anomaly"} <= named <= set(Data.model_fields)


def test_what_it_says_of_a_data_sets_files_is_so(project):
    (project / "patients.csv").open("a").write("\n31,Medan,7,yes,one field too many")
    manifest = ingest(
        project, {"data": {"source": "patients.csv", "label": "ill", "on_anomaly": "quarantine"}}, project / "d"
    )

    assert sorted(path.name for path in (project / "d").iterdir()) == [
        "manifest.json", "quarantine", "schema.json",
        *sorted(shard.file for split in manifest.splits.values() for shard in split.shards),
    ]  # fmt: skip
    assert (project / "d" / "quarantine" / "lines.csv").is_file()
    assert Manifest.load(project / "d").num_bad_examples == 1
