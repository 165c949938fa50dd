"""What a run is started with: paths made absolute, the pinned schema, and what a candidate is compared with."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from estafet.errors import ConfigError
from estafet.provenance import CodeFingerprint
from estafet.runfile import load
from estafet.runfile.steps import IngestSettings
from estafet.source_schema import SourceColumn, SourceSchema
from pipelines import arguments


@pytest.fixture
def served(tmp_path):
    for version in ("2", "10", ".tmp-11"):
        (tmp_path / version).mkdir()
    return tmp_path


@pytest.mark.parametrize(("recipe", "expected"), [("other", "10"), ("same", "what-10-was-compared-with")])
def test_a_model_is_compared_with_the_newest_version_and_never_with_itself(served, recipe, expected, monkeypatch):
    release = SimpleNamespace(recipe="same", compared_with="what-10-was-compared-with")
    monkeypatch.setattr(arguments.Release, "load", lambda folder: release)

    assert arguments._champion(served, recipe).rpartition("/")[2] == expected


def test_a_version_that_estafet_did_not_make_ends_no_run(served):
    """It is named all the same, and evaluate says that it was not compared."""
    assert arguments._champion(served, "recipe") == str(served / "10")


def test_before_the_first_version_there_is_nothing_to_compare_with(tmp_path):
    assert arguments._champion(tmp_path / "none", "recipe") == ""


@pytest.fixture
def ingest_settings(tmp_path, monkeypatch):
    """Return a function that gives what `ingest` is told by a run file that pins a schema, as JSON carries it."""
    monkeypatch.setattr(arguments, "fingerprint_code", lambda *args, **kwargs: CodeFingerprint("same", {}))
    run_file = tmp_path / "run.yaml"
    run_file.write_text(
        "name: pinned\ntask: tabular_classification\n"
        "data: {source: data.csv, labels: labels.csv, schema_file: schemas/pinned.json}\n"
    )

    def run():
        made = arguments.training_arguments(load(run_file), "sqlite:///x.db")
        return json.loads(json.dumps(made.values["ingest_settings"]), parse_int=float), made

    return run


def test_ingest_is_told_what_the_pinned_schema_holds_and_not_where_it_is(ingest_settings, tmp_path):
    """On a cluster the file is not there; Kubeflow has no null, and hands whole numbers over as floats."""
    schema = SourceSchema(columns={"a": SourceColumn(type="integer", min=3, max=9), "y": SourceColumn(type="text")})
    (tmp_path / "schemas").mkdir()
    schema.save(tmp_path / "schemas" / "pinned.json")

    told, _ = ingest_settings()

    assert "null" not in json.dumps(told)
    assert "schema_file" not in told
    assert (told["source"], told["labels"]) == ([f"{tmp_path}/data.csv"], f"{tmp_path}/labels.csv")
    assert IngestSettings.model_validate(told).expected == schema


def test_another_pinned_schema_or_other_labels_are_another_recipe(ingest_settings, tmp_path):
    (tmp_path / "schemas").mkdir()

    def recipe(highest):
        column = SourceColumn(type="integer", max=highest)
        SourceSchema(columns={"a": column}).save(tmp_path / "schemas" / "pinned.json")
        return ingest_settings()[1].values["recipe"]

    before = recipe(3)
    assert recipe(3) == before
    assert recipe(4) != before
    (tmp_path / "labels.csv").write_text("path,label\n")
    assert recipe(3) != before


def test_a_pinned_schema_that_is_not_there_is_found_before_the_run(ingest_settings):
    with pytest.raises(ConfigError, match=r"there is no schema file '.*schemas/pinned.json'"):
        ingest_settings()
