"""Members that see some of the features: who sees what, and that the others have no say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import pytest

from estafet.errors import ConfigError
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema
from estafet.training import feeding
from estafet.training.company import features
from estafet.training.feeding import Position
from estafet.training.models import ModelSpec

NUMBERS = tuple(NumericFeature(name=n, mean=0, std=1, min=-1, max=1, missing_share=0) for n in "abcde")
TABLE = ModelSpec(Task.TABULAR_REGRESSION, Schema(numeric=NUMBERS, label=Label(name="p", mean=0, std=1)))
SERIES = ModelSpec(
    Task.FORECASTING,
    Schema(numeric=NUMBERS[:3], label=Label(name="a", mean=0, std=1), calendar=("hour",)),
    lookback=4,
    horizon=2,
)


def test_all_features_are_seen_equally_often_give_or_take_one():
    """3 of 5 features for each of 4 members are 12 seats: two features get three of them, three get two."""
    drawn = features.draw(TABLE, 0.6, 4, seed=0)

    assert [len(names) for names in drawn] == [3, 3, 3, 3]
    assert sorted(Counter(name for names in drawn for name in names).values()) == [2, 2, 2, 3, 3]
    assert drawn == features.draw(TABLE, 0.6, 4, seed=0) != features.draw(TABLE, 0.6, 4, seed=1)


def test_the_series_that_is_forecast_is_seen_by_all():
    drawn = features.draw(SERIES, 0.6, 4, seed=0)

    assert {names[0] for names in drawn} == {"a"}
    assert sorted(Counter(names[1] for names in drawn).values()) == [2, 2]


def test_a_series_alone_has_nothing_to_leave_out():
    alone = replace(SERIES, schema=SERIES.schema.model_copy(update={"numeric": NUMBERS[:1]}))

    with pytest.raises(ConfigError, match="by features"):
        features.draw(alone, 0.5, 2, seed=0)


def test_a_member_of_a_series_gets_its_channels_and_all_of_the_calendar():
    spec, columns = features.narrow(SERIES, ("a", "c"))

    assert columns == {"values": [0, 2, 3, 4]}
    assert spec.input_shapes == {"values": (4, 4)}


def test_what_a_member_does_not_see_changes_nothing():
    """The member sums what it sees, b and d: columns 1 and 3."""
    spec, columns = features.narrow(TABLE, ("b", "d"))
    inputs = spec.inputs()
    total = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(inputs["numeric"])
    wide = features.widen(keras.Model(inputs, total), TABLE, columns)

    answers = wide({"numeric": np.float32([[9, 1, 9, 2, 9], [7, 1, np.nan, 2, 0]])})

    np.testing.assert_allclose(answers, [[3], [3]])


def test_a_table_whose_words_are_all_hidden_has_one_input_less():
    words = (CategoricalFeature(name="w", categories=("x",), missing_share=0.0),)
    spec, columns = features.narrow(
        replace(TABLE, schema=TABLE.schema.model_copy(update={"categorical": words})), ("e", "a")
    )

    assert columns == {"numeric": [0, 4]} and list(spec.input_shapes) == ["numeric"]


@pytest.mark.parametrize("max_bytes", [0, 2**20], ids=["from the shards", "from memory"])
def test_a_source_gives_the_same_examples_with_fewer_columns(table, max_bytes):
    spec = ModelSpec.from_manifest(Manifest.load(table))
    whole = feeding.load(table, "train", max_bytes_in_memory=max_bytes)
    some = features.SomeColumns.of(whole, features.narrow(spec, ("x2", "c0"))[1])

    (all_of_them, labels), (found, found_labels) = (s.first(16, seed=3) for s in (whole, some))

    assert set(found) == {"numeric", "categorical"} and some.num_examples == whole.num_examples
    np.testing.assert_array_equal(found["numeric"], all_of_them["numeric"][:, 2:3])
    np.testing.assert_array_equal(found["categorical"], all_of_them["categorical"])
    np.testing.assert_array_equal(found_labels, labels)
    batches = some.scheduled_batches(Position.start(50), 0)
    assert [len(labels) for _, labels in batches] == [50, 50, 50, 50]
