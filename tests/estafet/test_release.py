"""A release says what it takes and gives, and changes its fingerprint with its contents."""

from __future__ import annotations

import pytest

from estafet import release
from estafet.errors import DataError
from estafet.records.manifest import WindowSpec
from estafet.release import Contract, Release, Smoke
from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema, TextFeature


def number(name: str) -> NumericFeature:
    return NumericFeature(name=name, mean=0, std=1, min=-1, max=1, missing_share=0)


def table(numeric=("x",), words=("c",), classes=("a", "b")) -> Contract:
    categorical = tuple(CategoricalFeature(name=name, categories=("u",), missing_share=0) for name in words)
    label = Label(name="y", classes=classes)
    schema = Schema(numeric=tuple(map(number, numeric)), categorical=categorical, label=label)
    task = Task.TABULAR_CLASSIFICATION if classes else Task.TABULAR_REGRESSION
    return Contract(task=task, data_schema=schema)


def series(lookback=24, horizon=3, calendar=()) -> Contract:
    window = WindowSpec(lookback=lookback, horizon=horizon, stride=1, season=12)
    schema = Schema(numeric=(number("level"), number("rain")), label=Label(name="level"), calendar=calendar)
    return Contract(task=Task.FORECASTING, data_schema=schema, window=window)


def images() -> Contract:
    return Contract(
        task=Task.IMAGE_CLASSIFICATION,
        data_schema=Schema(label=Label(name="label", classes=("0", "1", "2"))),
        image_shape=(8, 8, 1),
    )


def specs(tensors) -> list[tuple]:
    return [(spec.name, spec.dtype, spec.shape) for spec in tensors]


def papers(**more) -> Release:
    known = {"name": "tiny", "task": Task.FORECASTING, "model_version": "m", "dataset_version": "d",
             "headline": "mae", "metrics": {"mae": 1.5}, "fingerprint": "f", "created": release.now()}  # fmt: skip
    return Release(**{**known, **more})


def test_a_classifier_of_tables_takes_columns_and_gives_class_and_confidence():
    contract = table()

    assert specs(contract.inputs()) == [("x", "float32", ()), ("c", "string", ())]
    assert specs(contract.outputs()) == [
        ("probabilities", "float32", (2,)), ("class", "string", ()), ("confidence", "float32", ())
    ]  # fmt: skip


def test_a_model_that_reads_texts_takes_them_as_they_are_behind_the_other_columns():
    text = TextFeature(
        name="t", vocabulary=("a",), known_share=1, mean_words=1, words_95=1, mean_bytes=1, missing_share=0
    )
    of_texts = table().model_copy(update={"data_schema": table().data_schema.model_copy(update={"text": (text,)})})

    assert specs(of_texts.inputs()) == [("x", "float32", ()), ("c", "string", ()), ("t", "string", ())]


def test_the_other_tasks_take_files_and_windows_and_give_numbers():
    assert specs(images().inputs()) == [("image_bytes", "string", ())]
    assert specs(series().inputs()) == [("values", "float32", (24, 2))]
    assert specs(series(calendar=("hour",)).inputs()) == [("values", "float32", (24, 2)), ("time", "int64", (24,))]
    assert specs(series().outputs()) == [("forecast", "float32", (3,))]
    assert specs(table(classes=None).outputs()) == [("prediction", "float32", ())]


@pytest.mark.parametrize(
    ("candidate", "champion", "reason"),
    [
        (table(), table(), ""),
        (table(numeric=("x", "new")), table(), ""),
        (table(), table(numeric=("x", "old")), "takes inputs that these examples do not have (old: float32)"),
        (table(), table(classes=("a", "z")), "its classes are others (a, z in place of a, b)"),
        (table(), images(), "its task is image_classification, not tabular_classification"),
        (series(), series(lookback=12), "values: float32 [12, 2]"),
        (series(calendar=("hour",)), series(), ""),
        (series(), series(calendar=("hour",)), "time: int64 [24]"),
        (series(), series(horizon=6), "it forecasts 6 steps, not 3"),
    ],
)
def test_models_are_compared_only_where_the_same_examples_fit_both(candidate, champion, reason):
    found = candidate.difference(champion)

    assert reason in found
    assert bool(reason) == bool(found)


def test_papers_contract_and_smoke_test_are_read_as_they_were_written(tmp_path):
    smoke = Smoke(instances=({"values": [[1.0, 2.0]]},), output="forecast", expected=([3.0],))
    written = papers(hyperparameters={"units": 64, "dropout": 0.5, "bias": True})

    for part in (written, series(), smoke):
        part.save(tmp_path)

    assert Release.load(tmp_path) == written
    assert Contract.load(tmp_path) == series()
    assert Smoke.load(tmp_path) == smoke


@pytest.mark.parametrize("kind", [Release, Contract, Smoke])
def test_a_folder_without_papers_is_no_release(kind, tmp_path):
    with pytest.raises(DataError, match="is no release"):
        kind.load(tmp_path)


@pytest.mark.parametrize("text", ["{", '{"name": "x", "key_of_another_version": 1}'])
def test_papers_that_cannot_be_understood_are_named(text, tmp_path):
    """Damaged, or written by another version of Estafet."""
    papers().save(tmp_path)
    (tmp_path / "estafet" / "release.json").write_text(text)

    with pytest.raises(DataError, match=r"release\.json' cannot be understood") as caught:
        Release.load(tmp_path)
    assert "estafet run" in caught.value.hint


def test_the_headline_is_one_of_the_metrics():
    assert papers().headline_value == 1.5


def test_the_fingerprint_follows_names_and_contents_but_not_the_papers(tmp_path):
    (tmp_path / "estafet").mkdir()
    (tmp_path / "a").write_text("1")
    first = release.fingerprint(tmp_path)

    papers().save(tmp_path)
    assert release.fingerprint(tmp_path) == first

    (tmp_path / "a").write_text("2")
    assert release.fingerprint(tmp_path) != first

    (tmp_path / "a").write_text("1")
    (tmp_path / "a").rename(tmp_path / "b")
    assert release.fingerprint(tmp_path) != first


def test_a_byte_that_moves_from_one_file_to_the_next_changes_the_fingerprint(tmp_path):
    (tmp_path / "a").write_text("12")
    (tmp_path / "b").write_text("3")
    first = release.fingerprint(tmp_path)

    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("23")

    assert release.fingerprint(tmp_path) != first
