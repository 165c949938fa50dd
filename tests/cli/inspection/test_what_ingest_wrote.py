"""What `ingest` says of its data sets is what is counted when their shards are read back."""

from __future__ import annotations

import io
import re

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from cli.inspection import dataset
from components.ingest import step

SPLITS = ("train", "validation", "test")


@pytest.fixture
def ingested(tmp_path):
    """Return a function that ingests data and reads the data set back."""

    def made(source, **settings):
        settings = {"source": str(source), **settings}
        step.ingest(step.Settings.model_validate(settings), tmp_path / "dataset")
        return dataset.inspect(tmp_path / "dataset")

    return made


@pytest.fixture
def repeating_table(tmp_path):
    """Six hundred rows of which many are equal: two numbers of eight values each, a word that may be missing."""
    random = np.random.default_rng(0)
    columns = {
        "height": random.integers(0, 8, 600) / 8,
        "visits": random.integers(0, 8, 600),
        "city": pa.array(random.choice(["Jakarta", "Bandung", None], 600).tolist()),
        "ill": random.choice(["yes", "no"], 600).tolist(),
        "day": np.arange(600),
        "patient": random.integers(0, 60, 600),
    }
    parquet.write_table(pa.table(columns), tmp_path / "patients.parquet")
    return tmp_path / "patients.parquet", columns


@pytest.mark.parametrize("layout", ["vectors", "columns"])
def test_texts_are_shown_by_their_frequent_words_and_by_their_lengths(ingested, tmp_path, layout):
    rows = [f"It was my visit number {i} there,{'ab'[i % 2]}" for i in range(99)]
    (tmp_path / "visits.csv").write_text("\n".join(["review,y", *rows]))

    seen = ingested(tmp_path / "visits.csv", task="tabular_classification", label="y", layout=layout)

    sections = {section.title: section for section in dataset.findings(seen, 5).sections}
    (row,), (card,) = sections["Columns"].rows, sections["Columns"].cards
    assert (row["column"], row["type"], row["most frequent"]) == ("review", "text", "it, my, number, there, visit")
    assert card.text == "text, a vocabulary of 6; words in a text:" and "<svg" in card.chart
    assert sections["Sample"].rows[0]["review"].startswith("It was my visit number ")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"layout": "columns", "compression": "gzip", "shard_mb": 0.005},
        {"split": {"by": "stratified"}},
        {"split": {"k_folds": 3}},
    ],
    ids=["vectors", "columns", "stratified", "folds"],
)
def test_splits_by_content_have_no_overlap_though_rows_repeat(ingested, repeating_table, settings):
    seen = ingested(
        repeating_table[0], task="tabular_classification", label="ill", ignore=["day", "patient"], **settings
    )

    assert (seen.leak.num_shared, seen.leak.num_compared, seen.problems) == (0, 600, [])
    assert seen.manifest.num_duplicates > 100


def test_charts_of_folds_show_the_rows_that_the_statistics_are_of(ingested, repeating_table):
    """Training is all folds but the first one: neither that nor the test split."""
    settings = {"ignore": ["day", "patient"], "split": {"k_folds": 3}}

    seen = ingested(repeating_table[0], task="tabular_classification", label="ill", **settings)
    (columns,) = (section for section in dataset.findings(seen, 3).sections if section.title == "Columns")

    num_train = sum(fold.num_examples for fold in seen.manifest.folds[1:])
    assert f"show {num_train} of its records" in columns.text


def test_a_split_by_time_tells_truly_how_many_rows_repeat_across_it(ingested, repeating_table):
    """Counted by hand of the columns: rows of which an equal one lies in another split."""
    path, columns = repeating_table
    settings = {"time": "day", "ignore": ["patient"], "split": {"by": "time"}}

    seen = ingested(path, task="tabular_classification", label="ill", **settings)

    split_of = np.repeat(["train", "validation", "test"], [seen.manifest.splits[s].num_examples for s in SPLITS])
    where: dict[tuple, set] = {}
    rows = list(zip(columns["height"], columns["visits"], columns["city"].to_pylist(), columns["ill"], strict=True))
    for row, split in zip(rows, split_of, strict=True):
        where.setdefault(row, set()).add(split)
    assert seen.leak.num_shared == sum(len(where[row]) > 1 for row in rows) > 0
    assert seen.problems == [] and dataset.findings(seen, 3).tone == "warn"


def test_windows_of_several_series_with_gaps_share_no_step(ingested, tmp_path):
    hours = np.r_[0:100, 103:400]
    lines = ["hour,store,load"]
    for store, start in (("a", 0), ("b", 50)):
        lines += [f"{np.datetime64('2024-01-01T00') + hour},{store},{hour % 24}" for hour in hours + start]
    (tmp_path / "load.csv").write_text("\n".join(lines))

    seen = ingested(
        tmp_path / "load.csv", task="forecasting", label="load", time="hour", series_by="store",
        window={"lookback": 12, "horizon": 6}, gaps="fill",
    )  # fmt: skip
    found = dataset.findings(seen, 3)
    (series,) = (section for section in found.sections if section.title == "Series")

    assert found.facts["filled in"] == 2 * 3
    assert "6 steps were filled in." in [section.text for section in found.sections]
    assert (seen.leak.num_shared, seen.problems) == (0, [])
    assert seen.leak.num_compared > 300
    assert [row["series"] for row in series.rows] == ["a", "b"]
    assert [row["from"] for row in series.rows] == ["2024-01-01", "2024-01-03 02:00"]


def test_images_are_compared_by_their_files_and_counted_by_class(ingested, tmp_path):
    """Forty pictures of each class, each of them there twice."""
    for name, base in (("dark", 0), ("light", 120)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(80):
            file = io.BytesIO()
            Image.new("L", (6, 4), base + i // 2).save(file, "PNG")
            (tmp_path / "data" / name / f"{i}.png").write_bytes(file.getvalue())

    seen = ingested(tmp_path / "data", task="image_classification")

    assert (seen.leak.num_shared, seen.leak.num_compared, seen.problems) == (0, 160, [])
    assert np.sum([part.class_counts for part in seen.parts], axis=0).tolist() == [80, 80]
    assert re.search(r"80 examples are exact duplicates", " ".join(s.text for s in dataset.findings(seen, 3).sections))
