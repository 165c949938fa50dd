"""A classifier sees what no column shows by itself, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from monitoring.detection.domain import domain_check


def table(rng, num_rows, correlation, num_others=6):
    """Two columns that go together, and others that do not."""
    pair = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], num_rows)
    others = {f"c{number}": rng.normal(size=num_rows) for number in range(num_others)}
    return {"price": pair[:, 0], "size": pair[:, 1], **others}


def test_a_dependence_that_turned_is_seen_though_no_column_moved():
    rng = np.random.default_rng(0)
    reference, requests = table(rng, 5000, 0.8), table(rng, 1000, -0.8)

    check = domain_check(reference, requests, ())

    assert min(ks_2samp(reference[name], requests[name]).pvalue for name in reference) > 0.01
    assert check.effect > 0.2
    assert check.p < 1e-12
    assert (check.kind, check.column) == ("drift", "all columns together")


def test_without_drift_it_finds_nothing_in_thirty_windows():
    rng = np.random.default_rng(1)
    reference = table(rng, 5000, 0.8)

    checks = [domain_check(reference, table(rng, 1000, 0.8), ()) for _ in range(30)]

    assert max(check.effect for check in checks) < 0.06
    assert all(check.p == 1.0 for check in checks)


def test_words_take_part():
    """Red ones were the large ones, and are the small ones now."""
    rng = np.random.default_rng(2)

    def side(num_rows, sign):
        size = rng.normal(size=num_rows)
        return {"size": size, "colour": np.where(sign * size > 0, "red", "blue").astype(object)}

    assert domain_check(side(3000, 1), side(1000, -1), ()).effect > 0.4
    assert domain_check(side(3000, 1), side(1000, 1), ()).p == 1.0


def test_a_column_that_is_known_to_be_broken_says_nothing_here():
    """Half of its values are missing, which a classifier would tell at once."""
    rng = np.random.default_rng(3)
    reference, requests = table(rng, 3000, 0.8), table(rng, 1000, 0.8)
    requests["c0"][::2] = np.nan

    assert domain_check(reference, requests, ()).p < 1e-6
    assert domain_check(reference, requests, {"c0"}).p == 1.0


def test_a_reference_that_differs_from_itself_raises_the_bar():
    """Its last quarter is another season: requests of that season are nothing new."""
    rng = np.random.default_rng(4)
    reference = {
        name: np.concatenate([table(rng, 1500, 0.0)[name], table(rng, 500, 0.0)[name] + 1]) for name in table(rng, 1, 0)
    }
    requests = {name: values + 1 for name, values in table(rng, 1000, 0.0).items()}

    check = domain_check(reference, requests, ())

    assert check.floor > 0.4
    assert check.effect < check.floor


@pytest.mark.parametrize(("names", "num_rows"), [(("price",), 1000), (("price", "size"), 199), ((), 1000)])
def test_too_little_is_not_judged(names, num_rows):
    rng = np.random.default_rng(5)
    reference, requests = table(rng, 1000, 0.5), table(rng, num_rows, 0.5)

    assert domain_check(reference, {name: requests[name] for name in names}, ()) is None


def test_infinities_absurd_and_missing_columns_do_not_stop_it():
    rng = np.random.default_rng(6)
    reference, requests = table(rng, 2000, 0.8), table(rng, 1000, 0.8)
    requests["c0"][:] = np.nan
    requests["c1"][::3] = np.inf
    requests["c2"][0] = 1e300
    requests["c3"] = np.array(["\ud800\x00", None] * 500, dtype=object)

    assert domain_check(reference, requests, ()) is not None
