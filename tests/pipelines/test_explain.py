"""The reasons that `explain` gives, from what a step would be called with and what it was last called with."""

from __future__ import annotations

import pytest

from estafet.provenance import CodeFingerprint, SourceFingerprint
from estafet.runfile import load
from pipelines.arguments import TrainingArguments
from pipelines.explain import _reasons, explain
from pipelines.ledger import Ledger

CODE = CodeFingerprint("new", {"components.train.step": "b", "keras": "3.15.1"})
SOURCES = SourceFingerprint("new", 2, 10, {"/data/a.csv": "5 2", "/data/c.csv": "5 1"})
ARGUMENTS = TrainingArguments({}, {"train": CODE, "ingest": CODE}, SOURCES)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path)
    called = {"settings": {"epochs": 3.0, "batch": {"start": 32.0}}, "code": "old", "source_fingerprint": "old"}
    entry = {
        "run": "r1",
        "arguments": {**called, "champion": "", "dataset": {"uri": "x"}},
        "code": {"components.train.step": "a", "keras": "3.15.1", "gone": "1"},
        "sources": {"/data/a.csv": "5 1", "/data/b.csv": "5 1"},
    }
    ledger.write("train", entry)
    return ledger


def reasons(ledger, **changed):
    """Return the reasons for arguments that differ from the ledger's in some."""
    return _reasons("train", {**ledger.read("train")["arguments"], **changed}, ARGUMENTS, ledger)


def test_a_changed_setting_is_named_with_both_values(ledger):
    settings = {"epochs": 5.0, "batch": {"start": 32.0}}

    assert reasons(ledger, settings=settings) == ["train.epochs 3 → 5"]


def test_a_setting_from_another_section_keeps_its_own_name(ledger):
    settings = {"epochs": 3.0, "batch": {"start": 32.0}, "model": {"build": "mine:net"}}

    assert reasons(ledger, settings=settings) == ["model.build unset → mine:net"]


def test_a_change_of_the_pinned_schema_is_named_as_it_stands_in_its_file(ledger):
    """Kubeflow keeps the old one, with 79 as 79.0."""
    earlier = ledger.read("train")
    old = {"columns": {"age": {"max": 79.0}, "city": {"categories": ["Ulm"]}}}
    earlier["arguments"]["settings"]["expected"] = old
    ledger.write("train", earlier)
    new = {"columns": {"age": {"max": 80}, "city": {"categories": ["Ulm", "Bonn"]}}}
    unpinned = {"epochs": 3.0, "batch": {"start": 32.0}}

    assert reasons(ledger, settings={**unpinned, "expected": new}) == [
        "the schema of data.schema_file changed: columns.age.max 79 → 80, "
        "columns.city.categories ['Ulm'] → ['Ulm', 'Bonn']"
    ]
    assert reasons(ledger, settings=unpinned) == ["data.schema_file is unset"]


def test_a_schema_that_is_pinned_is_one_reason_and_not_one_for_each_column(ledger):
    settings = {"epochs": 3.0, "batch": {"start": 32.0}, "expected": {"columns": {"age": {"max": 80}}}}

    assert reasons(ledger, settings=settings) == ["data.schema_file is new"]


def test_changed_added_and_removed_code_is_named(ledger):
    assert reasons(ledger, code="new") == ["code changed: components.train.step", "code removed: gone"]


def test_changed_added_and_removed_files_are_named(ledger):
    found = reasons(ledger, source_fingerprint="new")

    assert found == ["data changed: /data/a.csv", "data added: /data/c.csv", "data removed: /data/b.csv"]


def test_another_champion_is_named(ledger):
    assert reasons(ledger, champion="/models/x/1") == [
        "the champion, which a candidate is compared with, is another one"
    ]


def test_another_artifact_means_that_an_earlier_step_gave_another_result(ledger):
    assert reasons(ledger, dataset={"uri": "y"}) == ["an earlier step gave another result"]


def test_the_same_arguments_mean_that_the_outputs_are_gone(ledger):
    assert reasons(ledger) == ["its outputs are gone"]


def test_a_step_that_never_ran_says_so(tmp_path):
    assert _reasons("train", {}, ARGUMENTS, Ledger(tmp_path)) == ["it never ran in this workspace"]


def test_explaining_leaves_no_trace_of_a_run(tmp_path):
    (tmp_path / "run.yaml").write_text("name: x\ntask: tabular_regression\ndata: {source: a.csv, label: y}\n")

    steps = {found.step: (found.runs, found.reason) for found in explain(load(tmp_path / "run.yaml"))}

    assert steps["ingest"] == (True, "it never ran in this workspace")
    assert steps["evaluate"] == (True, "comes after ingest")
    assert not (tmp_path / ".estafet").exists()


def test_without_tuning_the_step_is_skipped(tmp_path):
    (tmp_path / "run.yaml").write_text(
        "name: x\ntask: tabular_regression\ndata: {source: a.csv, label: y}\ntune: {enabled: false}\n"
    )

    assert {found.step: found.runs for found in explain(load(tmp_path / "run.yaml"))}["tune"] is None


def test_another_earlier_study_is_one_reason_and_not_one_for_each_of_its_trials(ledger):
    settings = {
        "epochs": 3.0,
        "batch": {"start": 32.0},
        "earlier": {"dataset_version": "v1", "trials": [{"number": 0}]},
    }

    assert reasons(ledger, settings=settings) == ["the study that tune.warm_start names is another one"]
