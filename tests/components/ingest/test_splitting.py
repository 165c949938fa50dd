"""Which part an example falls into hangs on its own digest alone, or on its rank within its class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.splitting import Divider, digests, draws
from estafet.runfile.data import Split

MANY = [b"%d" % i for i in range(3000)]


def parts_of(contents, seed=0, **shares):
    """Return for each content the name of its part."""
    divider = Divider(Split(seed=seed, **shares))
    numbers = divider.parts(draws(digests(contents, seed)))
    return {content: divider.names[number] for content, number in zip(contents, numbers, strict=True)}


def counts_of(parts):
    return {name: list(parts.values()).count(name) for name in parts.values()}


def test_the_shares_are_those_asked_for():
    """Of 3,000 draws with p = 0.2 the standard deviation is 22, and with p = 0.3 it is 25; four of them are enough."""
    counts = counts_of(parts_of(MANY, train=0.5, validation=0.2, test=0.3))

    assert counts["validation"] == pytest.approx(600, abs=88)
    assert counts["test"] == pytest.approx(900, abs=100)
    assert sum(counts.values()) == 3000


@settings(max_examples=20, deadline=None)
@given(num_before=st.integers(1500, 2900), order=st.integers(0, 2**32))
def test_adding_examples_in_any_order_never_moves_an_old_one(num_before, order):
    before = parts_of(MANY[:num_before])

    after = parts_of([MANY[i] for i in np.random.default_rng(order).permutation(3000)])

    assert all(after[content] == part for content, part in before.items())


def test_another_share_of_validation_moves_nothing_into_the_test_split_or_out_of_it():
    few, many = (parts_of(MANY, train=0.9 - share, validation=share, test=0.1) for share in (0.1, 0.3))

    assert [few[content] == "test" for content in MANY] == [many[content] == "test" for content in MANY]


def test_another_seed_gives_another_split():
    assert parts_of(MANY, seed=0) != parts_of(MANY, seed=1)


def test_folds_are_of_one_size_and_leave_the_test_split_as_it_is():
    """2,700 examples over five folds: 540 each, with a standard deviation of 22."""
    folded = parts_of(MANY, k_folds=5)

    counts = counts_of(folded)
    assert set(counts) == {"fold-0", "fold-1", "fold-2", "fold-3", "fold-4", "test"}
    assert all(count == pytest.approx(540, abs=88) for name, count in counts.items() if name != "test")
    plain = parts_of(MANY)
    assert [folded[content] == "test" for content in MANY] == [plain[content] == "test" for content in MANY]


def test_a_stratified_split_has_the_exact_shares_in_each_class():
    """Of 1,000 and of 50 examples a tenth each for validation and test, also when they come in two goes."""
    labels = np.r_[np.zeros(1000, int), np.ones(50, int)]
    rising = np.sort(np.random.default_rng(0).integers(0, 2**64, 1050, dtype=np.uint64))
    shuffled = np.random.default_rng(1).permutation(labels)
    divider = Divider(Split(by="stratified"), class_totals=[1000, 50])

    parts = np.r_[divider.parts(rising[:600], shuffled[:600]), divider.parts(rising[600:], shuffled[600:])]

    for label, expected in ((0, [800, 100, 100]), (1, [40, 5, 5])):
        assert np.bincount(parts[shuffled == label]).tolist() == expected


def test_in_a_stratified_split_too_duplicates_stay_together():
    """Twenty examples of one class, each five times: whatever the ranks, equal draws have one part."""
    rising = np.repeat(np.arange(20, dtype=np.uint64) << np.uint64(58), 5)

    parts = Divider(Split(by="stratified"), class_totals=[100]).parts(rising, np.zeros(100, int))

    assert all(len(set(parts[5 * i : 5 * i + 5])) == 1 for i in range(20))
    assert set(parts) == {0, 1, 2}
