"""The split depends on each example's content alone, and any first part of it is stratified."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.examples import Examples
from components.ingest.splitting import digests, split_examples
from estafet.errors import ConfigError, DataError
from estafet.runfile.data import Data, Split


def examples_of(contents, labels=None, num_classes=2, times=None, seed=0):
    labels = np.arange(len(contents)) % num_classes if labels is None else np.asarray(labels)
    return Examples(
        digests=digests(contents, seed),
        labels=labels,
        classes=tuple(map(str, range(num_classes))),
        columns=lambda chosen: {},
        chunk=1,
        times=times,
    )


def split_of(contents, asked=None, **values):
    """Return for each content the split that it fell into."""
    parts = split_examples(examples_of(contents, **values), asked or Data(source="x"))
    return {contents[i]: split for split, members in parts.items() for i in members}


MANY = [b"%d" % i for i in range(3000)]


def test_every_example_falls_into_one_split():
    parts = split_examples(examples_of(MANY), Data(source="x"))

    assert sorted(np.concatenate(list(parts.values()))) == list(range(3000))


def test_the_shares_are_those_asked_for():
    """Of 3,000 draws with p = 0.2 the standard deviation is 22; four of them are 88."""
    asked = Data(source="x", split=Split(train=0.5, validation=0.2, test=0.3))

    parts = split_examples(examples_of(MANY), asked)

    assert len(parts["validation"]) == pytest.approx(600, abs=88)
    assert len(parts["test"]) == pytest.approx(900, abs=100)


@settings(max_examples=20, deadline=None)
@given(num_before=st.integers(1500, 2900), order=st.integers(0, 2**32))
def test_adding_rows_in_any_order_never_moves_an_old_one(num_before, order):
    before = split_of(MANY[:num_before])

    after = split_of([MANY[i] for i in np.random.default_rng(order).permutation(3000)])

    assert all(after[content] == split for content, split in before.items())


def test_exact_duplicates_fall_together():
    contents = MANY[:200] * 5
    parts = split_examples(examples_of(contents), Data(source="x"))

    held = [{contents[i] for i in members} for members in parts.values()]
    assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])


def test_another_seed_gives_another_split():
    assert split_of(MANY, seed=0) != split_of(MANY, seed=1)


def test_any_first_part_of_a_split_is_stratified():
    """One example in ten is of the second class: each first part of a hundred holds ten of them, give or take one."""
    labels = (np.arange(3000) % 10 == 0).astype(int)
    examples = examples_of(MANY, labels=labels)

    train = split_examples(examples, Data(source="x"))["train"]

    share = labels[train].mean()
    for end in (10, 100, 500, 1000):
        assert labels[train[:end]].sum() == pytest.approx(share * end, abs=1)
    assert set(labels[train[:2]]) == {0, 1}


def test_a_split_by_time_holds_out_the_newest():
    times = np.random.default_rng(0).permutation(100)
    asked = Data(source="x", split=Split(by="time"))

    parts = split_examples(examples_of(MANY[:100], times=times), asked)

    assert {split: len(members) for split, members in parts.items()} == {"train": 80, "validation": 10, "test": 10}
    assert times[parts["train"]].max() == 79
    assert times[parts["validation"]].min() == 80
    assert times[parts["test"]].min() == 90


def test_a_split_by_time_needs_times():
    with pytest.raises(ConfigError, match="no column holds the time") as caught:
        split_examples(examples_of(MANY), Data(source="x", split=Split(by="time")))
    assert "data.time" in caught.value.hint


def test_an_empty_split_is_an_error_that_says_what_to_change():
    with pytest.raises(DataError, match="split is empty: 3 examples are too few") as caught:
        split_examples(examples_of(MANY[:3]), Data(source="x"))
    assert "larger share" in caught.value.hint


def test_a_split_of_share_zero_may_be_empty():
    asked = Data(source="x", split=Split(train=0.5, validation=0, test=0.5))

    assert len(split_examples(examples_of(MANY), asked)["validation"]) == 0


def test_one_class_in_training_is_an_error_that_names_it():
    with pytest.raises(DataError, match=r"holds 1 class in the training split \('0'\)"):
        split_examples(examples_of(MANY, labels=np.zeros(3000, int)), Data(source="x", label="y"))
