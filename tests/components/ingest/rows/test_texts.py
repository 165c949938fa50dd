"""Columns of text: named or found, kept apart from categories, and read back."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pytest

from components.ingest import step
from components.ingest.rows import texts
from components.ingest.rows.rows import Rows
from estafet.errors import ConfigError, DataError
from estafet.records.manifest import Manifest
from estafet.records.reading import dataset, raw_examples

HEADER = ["id", "review", "town", "y"]


def rows(num=200):
    """Sentences, each of which is different, towns, and two classes."""
    return [
        [i, f"Visitor {i} found it\nvery {'good' if i % 2 else 'bad'}, ”ja”", ["Köln", "Łódź"][i % 3 % 2], "ab"[i % 2]]
        for i in range(num)
    ]


@pytest.fixture
def ingested(write_csv, settings, tmp_path):
    """Return a function that writes rows as CSV, ingests them and gives the manifest."""

    def ingest(data, out="out", **values):
        source = write_csv(HEADER, data, name=f"{out}.csv")
        given = {"label": "y", "ignore": ["id"], **values}
        return step.ingest(settings("tabular_classification", source, **given), tmp_path / out)

    return ingest


def columns(manifest):
    schema = manifest.data_schema
    return [feature.name for feature in schema.categorical], [feature.name for feature in schema.text]


@pytest.mark.parametrize(
    ("text", "expected"), [(None, ["review"]), ("review", ["review"]), ([], []), ("town", ["town"])]
)
def test_text_is_what_the_run_file_names_and_else_what_obviously_is(ingested, text, expected):
    assert columns(ingested(rows(), text=text)) == ([n for n in ("review", "town") if n not in expected], expected)


def test_the_step_says_which_columns_it_takes_for_text(ingested):
    assert step.summary(ingested(rows())).endswith(" test · text: review")


@pytest.mark.parametrize("layout", ["vectors", "columns"])
def test_texts_are_read_back_beside_categories_as_they_came(ingested, tmp_path, layout):
    data = rows()
    data[7][1] = ""
    ingested(data, layout=layout)
    of_town = {review: town for _, review, town, _ in data}

    features, _ = next(iter(dataset(tmp_path / "out", "train", batch_size=1000).as_numpy_iterator()))
    raw = raw_examples(tmp_path / "out", "test")

    assert features["text"].shape == features["categorical"].shape == (len(features["text"]), 1)
    pairs = zip(features["text"][:, 0], features["categorical"][:, 0], strict=True)
    read = {review.decode(): town.decode() for review, town in pairs}
    assert read.items() <= of_town.items() and len(read) > 100
    assert set(raw["review"]) <= set(of_town) and list(raw) == ["town", "review", "label"]


def test_the_vocabulary_is_that_of_the_training_split(ingested, tmp_path):
    manifest = ingested(rows())
    seen = " ".join(raw_examples(tmp_path / "out", "train")["review"]).lower().replace(",", "").split()

    (feature,) = manifest.data_schema.text

    assert set(feature.vocabulary) == {"visitor", "found", "it", "very", "good", "bad", "ja"}
    assert feature.known_share == pytest.approx(6 / 7)
    assert feature.vocabulary.index("good") < feature.vocabulary.index("bad") or seen.count("bad") >= seen.count("good")
    assert (feature.words_95, feature.missing_share) == (7, 0)


def test_the_data_set_is_the_same_whatever_the_order_of_the_rows(ingested, monkeypatch):
    """The rows that are looked at are drawn by their digests; so few of them that it counts which."""
    monkeypatch.setattr(texts, "NUM_LOOKED_AT", 30)
    data = rows()
    for row in data[::12]:
        row[1] = "the same sentence in several rows"
    mixed = random.Random(1).sample(data, len(data))

    first, second = ingested(data), ingested(mixed, out="mixed")

    assert (first.version, columns(first)) == (second.version, columns(second))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_rows_of_the_lowest_digests_decide_whenever_they_come(monkeypatch, order):
    """Thirty rows of low digests have one word, and thirty of high ones a sentence each."""
    monkeypatch.setattr(texts, "NUM_LOOKED_AT", 30)
    low = rows_of(range(30), ["often"] * 30)
    high = rows_of(range(100, 130), [f"a sentence of its own {i}" for i in range(30)])
    found = texts.TextSample(["w"], None)

    for which in order:
        found.add((low, high)[which])

    assert found.texts() == ()


def rows_of(digests, words):
    """Return rows with these digests, rising, and one column of words."""
    digests_N = np.array(digests, np.uint64)
    nothing_N0 = np.empty((len(digests_N), 0), np.float32)
    return Rows(np.stack([digests_N, digests_N], 1), digests_N, nothing_N0[:, :0].sum(1), nothing_N0,
                nothing_N0.astype(np.int64), (pa.array(words),))  # fmt: skip


def test_a_text_that_looks_like_numbers_at_first_is_text_where_it_is_named(ingested):
    """The first rows decide about the type of a column of a CSV file, unless it is named."""
    data = [[i, i, "x", "ab"[i % 2]] for i in range(100)]

    assert columns(ingested(data, text=["review"])) == (["town"], ["review"])


def test_a_column_of_texts_that_is_empty_is_no_reason_to_stop(ingested):
    (feature,) = ingested([[i, "", "xy"[i % 3 % 2], "ab"[i % 2]] for i in range(100)], text="review").data_schema.text

    assert (feature.vocabulary, feature.missing_share) == ((), 1)


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ({"text": ["reviews"]}, ConfigError, "no column 'reviews', which data.text names"),
        ({"text": ["y"]}, ConfigError, "'y' of data.text is no feature"),
        ({"text": ["review"], "ignore": ["id", "review"]}, ConfigError, "'review' of data.text is no feature"),
    ],
)
def test_text_that_cannot_be_learnt_from_is_refused(write_csv, settings, refused, values, kind, said):
    source = write_csv(HEADER, rows())

    message, _ = refused(settings("tabular_classification", source, **{"label": "y", **values}), kind)

    assert said in message


def test_numbers_of_a_parquet_file_are_no_text(tmp_path, settings, refused):
    from pyarrow import parquet

    parquet.write_table(pa.table({"x": [1.5, 2.5], "y": ["a", "b"]}), tmp_path / "data.parquet")

    message, _ = refused(settings("tabular_classification", tmp_path / "data.parquet", label="y", text="x"), DataError)

    assert message == "the column 'x' of data.text holds double, not text."


def test_the_manifest_of_a_data_set_from_before_there_was_text_can_still_be_read(ingested, tmp_path):
    manifest = ingested(rows(), text=[])
    path = tmp_path / "out" / "manifest.json"
    values = json.loads(path.read_text())
    del values["data_schema"]["text"]
    path.write_text(json.dumps(values))

    assert Manifest.load(tmp_path / "out") == manifest
