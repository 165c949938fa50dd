"""Comparisons of columns: what counts as drift, what as broken data, and what as nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from monitoring.detection.baseline import CategoricalBaseline, NumericBaseline, baseline_of
from monitoring.detection.drift import MAX_CHUNKS, compare, effect_floor, findings_among


def checks_of(reference_N, current_N, min_effect=0.1, known=()):
    baseline = baseline_of(reference_N, known)
    checks = compare({"x": baseline}, {"x": baseline.profile(current_N)}, {"x": min_effect})
    return {check.check: check for check in checks}


def test_the_distance_is_that_of_kolmogorov_and_smirnov_up_to_a_bin():
    """64 quantile bins see the exact statistic from below, at most 1/64 away."""
    rng = np.random.default_rng(0)
    reference_N, current_N = rng.normal(size=4000), rng.normal(0.5, 1, size=2000)

    check = checks_of(reference_N, current_N)["ks"]

    exact = ks_2samp(reference_N, current_N).statistic
    assert exact - 1 / 64 <= check.effect <= exact + 1e-9


def test_the_distance_between_categories_is_the_share_that_changed_place():
    """From 50 % red to 80 % red, 30 % of the requests are elsewhere."""
    reference_N = np.array(["red", "blue"] * 500, dtype=object)
    current_N = np.array(["red"] * 800 + ["blue"] * 200, dtype=object)

    check = checks_of(reference_N, current_N)["chi2"]

    assert check.effect == pytest.approx(0.3)
    assert check.p < 1e-20


def test_half_of_the_values_missing_is_broken_data_and_not_drift():
    """The values that are there have not moved."""
    rng = np.random.default_rng(1)
    current_N = rng.normal(size=1000)
    current_N[::2] = np.nan

    found = findings_among(list(checks_of(rng.normal(size=2000), current_N).values()), alpha=0.001)

    assert [(check.check, check.kind) for check in found] == [("missing_or_invalid", "data_quality")]
    assert found[0].effect == pytest.approx(0.5)


def test_one_absurd_value_neither_hides_a_shift_nor_makes_one():
    """1e12 is invalid, so it is counted, and no bin is stretched by it."""
    rng = np.random.default_rng(2)
    reference_N, moved_N = rng.normal(size=2000), rng.normal(1, 1, size=1000)

    with_it = checks_of(reference_N, np.append(moved_N, 1e12))

    assert with_it["ks"].effect == pytest.approx(checks_of(reference_N, moved_N)["ks"].effect, abs=0.01)
    assert findings_among([with_it["missing_or_invalid"]], alpha=0.001) == []


def test_a_word_among_numbers_is_invalid():
    """The server logs what it was sent; a word where a number belongs is a fault of the sender."""
    baseline = NumericBaseline(np.arange(100.0))

    profile = baseline.profile(np.array(["n/a", None, 3.0], dtype=object))

    assert (profile.num_invalid, profile.num_missing, profile.num_valid) == (1, 1, 1)


def test_a_number_that_float32_rounds_is_not_out_of_range():
    """0.1 is logged as 0.10000000149."""
    baseline = NumericBaseline(np.linspace(0, 0.1, 200))

    assert baseline.profile(np.array([np.float32(0.1)])).num_out_of_range == 0


def test_a_category_that_only_training_saw_is_rare_and_not_new():
    """The reference is a sample; the schema knows the words of the training split."""
    baseline = CategoricalBaseline(np.array(["red"] * 50, dtype=object), known=("green",))

    profile = baseline.profile(np.array(["green", "violet", None], dtype=object))

    assert profile.counts.tolist() == [0, 1, 1]
    assert profile.num_missing == 1
    assert dict(profile.new_levels) == {"violet": 1}


def test_a_new_category_in_a_tenth_of_the_requests_is_found():
    """100 of 1,000 requests have a word that none of 2,000 held-out rows has."""
    reference_N = np.array(["red", "blue"] * 1000, dtype=object)
    current_N = np.array(["red", "blue"] * 450 + ["violet"] * 100, dtype=object)

    found = findings_among(list(checks_of(reference_N, current_N).values()), alpha=0.001)

    assert "new_category" in [check.check for check in found]
    assert "'violet'" in next(check.detail for check in found if check.check == "new_category")


def test_a_column_that_is_gone_is_a_finding_of_the_largest_effect():
    """It cannot be compared, and it cannot be passed over either."""
    baseline = NumericBaseline(np.arange(100.0))

    found = findings_among(compare({"x": baseline}, {}, {"x": 0.1}), alpha=0.001)

    assert [(check.check, check.effect) for check in found] == [("column_absent", 1.0)]


def test_small_references_raise_no_false_alarm():
    """A hundred references of 300 rows, each with a window of 500 from the same source: heavy tails, many words."""
    rng = np.random.default_rng(3)
    words = np.array([f"w{i}" for i in range(60)], dtype=object)
    share = 1 / np.arange(1, 61)
    num_alarms = 0
    for _ in range(100):
        checks = []
        for draw in (
            lambda size: rng.standard_t(2, size),
            lambda size: rng.exponential(size=size),
            lambda size: rng.integers(0, 5, size).astype(float),
            lambda size: rng.choice(words, size, p=share / share.sum()),
        ):
            checks += checks_of(draw(300), draw(500)).values()
        num_alarms += bool(findings_among(checks, alpha=0.001))
    assert num_alarms == 0


def test_a_shift_of_half_a_standard_deviation_is_found_in_nearly_every_window():
    """With 1,000 requests and 20 checks of which one moved; measured 62 to 100 % already at 200 requests."""
    rng = np.random.default_rng(4)
    num_found = 0
    for _ in range(50):
        reference = {f"c{i}": rng.normal(size=2000) for i in range(10)}
        baselines = {name: baseline_of(values) for name, values in reference.items()}
        current = {name: rng.normal(0.5 if name == "c3" else 0, 1, 1000) for name in reference}
        profiles = {name: baselines[name].profile(values) for name, values in current.items()}
        found = findings_among(compare(baselines, profiles, dict.fromkeys(reference, 0.1)), alpha=0.001)
        num_found += [check.column for check in found] == ["c3"]
    assert num_found >= 48


def test_a_difference_that_is_certain_and_small_is_no_finding():
    """0.05 standard deviations among 40,000 requests: p is below 1e-4, the effect is 0.02."""
    rng = np.random.default_rng(6)

    check = checks_of(rng.normal(size=20_000), rng.normal(0.05, 1, 40_000))["ks"]

    assert check.p < 1e-4
    assert findings_among([check], alpha=0.001) == []


def test_a_reference_that_moves_by_itself_asks_for_a_larger_effect():
    """Its parts lie two standard deviations apart, so a window between them is nothing new."""
    drifting_N = np.concatenate([np.random.default_rng(5).normal(i / 2, 1, 500) for i in range(MAX_CHUNKS)])
    steady_N = np.random.default_rng(5).permutation(drifting_N)

    assert effect_floor(baseline_of(drifting_N), drifting_N, 0.1, 500) > 0.5
    assert effect_floor(baseline_of(steady_N), steady_N, 0.1, 500) < 0.13
    assert effect_floor(baseline_of(drifting_N), drifting_N[:1500], 0.1, 500) == 0.1


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=60),
    st.integers(0, 60),
)
def test_profiles_of_parts_add_up_to_the_profile_of_the_whole(values, cut):
    """Whatever the values are; so a window can be profiled part by part."""
    baseline = NumericBaseline(np.linspace(-1, 1, 200))
    values_N = np.array(values)

    parts = baseline.profile(values_N[:cut]) + baseline.profile(values_N[cut:])
    whole = baseline.profile(values_N)

    assert parts.counts.tolist() == whole.counts.tolist()
    assert (parts.num_rows, parts.num_missing, parts.num_invalid, parts.num_out_of_range) == (
        whole.num_rows,
        whole.num_missing,
        whole.num_invalid,
        whole.num_out_of_range,
    )
    assert whole.num_valid + whole.num_unusable == whole.num_rows


@pytest.mark.parametrize("values", [np.full(50, np.nan), np.full(50, 3.0), np.array([None] * 5, dtype=object)])
def test_a_reference_without_variety_is_compared_without_error(values):
    """An empty column, a constant one: there is little to say, and that is said."""
    checks = checks_of(values, values)

    assert findings_among(list(checks.values()), alpha=0.001) == []
