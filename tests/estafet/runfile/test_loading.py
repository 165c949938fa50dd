"""Loading a run file: profiles, overrides and paths."""

from __future__ import annotations

import pytest

from estafet.runfile import Task, load


def test_what_is_not_given_keeps_its_default(write):
    loaded = load(write())

    assert loaded.run.task is Task.TABULAR_REGRESSION
    assert loaded.run.train.epochs == 7
    assert loaded.run.train.batch.limit == 64
    assert loaded.run.train.batch.growth == 2
    assert loaded.run.tune.trials == 12
    assert loaded.profile is None


def test_one_source_is_read_as_a_list_of_one(write):
    assert load(write()).run.data.source == ("rows.csv",)


def test_a_profile_is_merged_key_by_key_at_every_depth(write):
    run = load(write(), profile="quick").run

    assert (run.train.epochs, run.train.batch.start, run.train.batch.limit) == (2, 16, 32)


def test_a_profile_replaces_a_list_as_a_whole(write):
    path = write(
        "quick:\n", "quick:\n    data: {source: [c.csv]}\n", text=write("rows.csv", "[a.csv, b.csv]").read_text()
    )

    assert load(path).run.data.source == ("a.csv", "b.csv")
    assert load(path, profile="quick").run.data.source == ("c.csv",)


def test_overrides_win_over_the_profile_in_the_order_in_which_they_are_given(write):
    loaded = load(write(), profile="quick", overrides=["train.epochs=4", "train.epochs=5"])

    assert loaded.run.train.epochs == 5
    assert loaded.run.train.batch.limit == 32
    assert loaded.overrides == ("train.epochs=4", "train.epochs=5")


@pytest.mark.parametrize(
    ("override", "read", "expected"),
    [
        ("tune.enabled=false", lambda run: run.tune.enabled, False),
        ("train.early_stopping_patience=null", lambda run: run.train.early_stopping_patience, None),
        ("data.source=[a.csv, b.csv]", lambda run: run.data.source, ("a.csv", "b.csv")),
        ("evaluate.gates={rmse: {max: 3}}", lambda run: run.evaluate.gates["rmse"].max, 3),
        ("evaluate.gates.rmse.max=3", lambda run: run.evaluate.gates["rmse"].max, 3),
        ("data.label=a=b", lambda run: run.data.label, "a=b"),
    ],
)
def test_an_override_is_read_as_yaml(write, override, read, expected):
    assert read(load(write(), overrides=[override]).run) == expected


def test_relative_paths_start_at_the_run_file_wherever_the_command_was_typed(write, tmp_path, monkeypatch):
    path = write()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    loaded = load("../run.yaml", overrides=["data.source=[../in.csv, gs://bucket/x.csv, /abs.csv]"])

    assert loaded.path == path
    assert loaded.sources == (str(tmp_path.parent / "in.csv"), "gs://bucket/x.csv", "/abs.csv")
    assert loaded.workspace == tmp_path / ".estafet"
    assert loaded.models_dir == tmp_path / ".estafet" / "models"


def test_an_absolute_workspace_stays_where_it_is(write, tmp_path):
    loaded = load(write(), overrides=[f"workspace={tmp_path}/w", "deploy.models_dir=served"])

    assert loaded.workspace == tmp_path / "w"
    assert loaded.models_dir == tmp_path / "served"


def test_a_run_file_does_not_change_once_it_is_read(write):
    run = load(write()).run

    with pytest.raises(ValueError, match="frozen"):
        run.train.epochs = 3
