"""Texts are watched by their lengths and unknown words, and labelled requests bring them back to be learnt from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from estafet.release import Contract
from estafet.request_log import REQUEST_ID, TS
from estafet.runfile.data import Data
from estafet.runfile.tasks import Task
from estafet.schema import Label, Schema, TextFeature
from monitoring.detection.columns import features, reference_columns, request_columns
from monitoring.retraining.labelled import write_labelled
from monitoring.retraining.labels import LABELLED
from monitoring.testing import NOW

TEXTS = ["Good, very good\nfilm", "", "Schlecht", None]


@pytest.fixture
def contract():
    text = TextFeature(
        name="review", vocabulary=("good", "film"), known_share=0.9, mean_words=3, words_95=5, mean_bytes=20,
        missing_share=0.1,
    )  # fmt: skip
    schema = Schema(text=(text,), label=Label(name="stars", classes=("few", "many")))
    return Contract(task=Task.TABULAR_CLASSIFICATION, data_schema=schema)


def test_requests_are_described_as_the_reference_is(contract):
    """Four words of which one is unknown, none, one that is unknown, none."""
    requests = pa.table({"review": TEXTS, "prediction": ["few"] * 4, "confidence": [0.5] * 4})

    watched = request_columns(requests, contract)

    assert list(watched) == [*features(contract), "prediction", "confidence"]
    np.testing.assert_array_equal(watched["review (words)"], [4, np.nan, 1, np.nan])
    np.testing.assert_array_equal(watched["review (unknown words)"], [0.25, np.nan, 1, np.nan])


def test_a_reference_holds_the_descriptors_under_the_same_names(contract):
    stored = {"review (words)": [4.0, None], "review (unknown words)": [0.25, None], "prediction": ["few", "few"]}

    watched = reference_columns(pa.table(stored), contract)

    np.testing.assert_array_equal(watched["review (words)"], [4, np.nan])
    assert list(watched) == [*features(contract), "prediction"]


def test_texts_of_labelled_requests_are_written_beside_the_old_ones_as_they_came(contract, tmp_path):
    (tmp_path / "old.csv").write_text("stars,review\nfew,Bad\n")
    requests = pa.table({REQUEST_ID: list("abcd"), TS: [NOW] * 4, "review": TEXTS, LABELLED: ["many", "few"] * 2})

    made = write_labelled(
        tmp_path / "labelled", requests, contract, Data(source="old.csv", label="stars"), [str(tmp_path / "old.csv")]
    )

    (file,) = made.folder.glob("labelled.csv")
    written = csv.read_csv(
        file,
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),
    )
    assert written.column_names == ["stars", "review"]
    assert written["review"].to_pylist() == ["Good, very good\nfilm", None, "Schlecht", None]


def test_where_the_old_data_are_not_at_hand_texts_are_written_by_the_contract(contract, tmp_path):
    requests = pa.table({REQUEST_ID: ["a"], TS: [NOW], "review": ["Good"], LABELLED: ["many"]})

    made = write_labelled(
        tmp_path / "labelled", requests, contract, Data(source="gone.csv", label="stars", format="csv"), ["gone.csv"]
    )

    assert csv.read_csv(made.folder / "labelled.csv").to_pylist() == [{"review": "Good", "stars": "many"}]
