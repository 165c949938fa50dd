"""A best value on a border is told, with a range to try; a border that nothing lies beyond is not."""

from __future__ import annotations

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from components.tune.study import space
from components.tune.study.border import on_border
from estafet.runfile.space import Range

RATE = FloatDistribution(1e-4, 1e-1, log=True)
UNITS = CategoricalDistribution([16, 32, 64])


def told(name, value, found) -> list[str]:
    return on_border({name: value, "other": 1}, {name: found})


@pytest.mark.parametrize(
    ("name", "value", "found", "said"),
    [
        ("rate", 9e-2, RATE, "the best rate, 0.09, lies on the upper border, 0.1; try tune.space.rate: "
         "{low: 0.0001, high: 1, scale: log}."),
        ("rate", 1.2e-4, RATE, "the lower border, 0.0001; try tune.space.rate: {low: 1e-05, high: 0.1, scale: log}."),
        ("weight", 9.9, FloatDistribution(0, 10), "the upper border, 10; try tune.space.weight: {low: 0, high: 20}."),
        ("weight", 5.0, FloatDistribution(5, 7), "{low: 3, high: 7}"),
        ("weight", 2.0, FloatDistribution(2, 7), "{low: 0, high: 7}"),
        ("layers", 8, IntDistribution(2, 8), "{low: 2, high: 14, integer: true}"),
        ("layers", 2, IntDistribution(2, 8), "{low: 1, high: 8, integer: true}"),
        ("units", 64, IntDistribution(8, 64, log=True), "{low: 8, high: 256, scale: log, integer: true}"),
        ("dropout", 0.5, FloatDistribution(0, 0.5), "{low: 0, high: 0.9}"),
        ("units", 64, UNITS, "lies at the largest of the choices; try tune.space.units: {choices: [32, 64, 128]}."),
        ("units", 16, UNITS, "lies at the smallest of the choices; try tune.space.units: {choices: [8, 16, 32]}."),
        ("l2", 1e-2, CategoricalDistribution([0.0, 1e-4, 1e-3, 1e-2]), "{choices: [0.0001, 0.001, 0.01, 0.1]}"),
    ],
)  # fmt: skip
def test_a_border_is_named_with_a_wider_range(name, value, found, said):
    (sentence,) = told(name, value, found)

    assert said in sentence


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("rate", 1e-2, RATE),
        ("rate", 7e-2, RATE),
        ("dropout", 0.0, FloatDistribution(0, 0.5)),
        ("dropout", 0.9, FloatDistribution(0, 0.9)),
        ("layers", 1, IntDistribution(1, 8)),
        ("layers", 1, CategoricalDistribution([1, 2, 3])),
        ("units", 0, CategoricalDistribution([0, 16, 32])),
        ("units", 32, UNITS),
        ("units", 32, CategoricalDistribution([0, 32])),
        ("kind", "c", CategoricalDistribution(["a", "b", "c"])),
        ("bias", True, CategoricalDistribution([True, False])),
        ("rate", 0.1, FloatDistribution(0.1, 0.1)),
    ],
)
def test_nothing_is_told_inside_or_where_nothing_lies_beyond(name, value, found):
    """7e-2 of 1e-4 to 1e-1 is 2.85 of 3 decades: 5 % away."""
    assert told(name, value, found) == []


@pytest.mark.parametrize("found", [RATE, FloatDistribution(0.1, 0.4), IntDistribution(2, 9), UNITS])
def test_what_it_says_to_write_is_a_range_that_the_run_file_takes(found):
    import yaml

    ends = (
        (found.choices[0], found.choices[-1]) if isinstance(found, CategoricalDistribution) else (found.low, found.high)
    )
    for value in ends:
        (sentence,) = told("x", value, found)
        written = yaml.safe_load(sentence.partition("tune.space.x: ")[2].rstrip("."))
        range_ = Range.model_validate(
            {key: float(one) if key in ("low", "high") else one for key, one in written.items()}
        )
        wider = space.distribution("x", range_)
        assert space.holds(wider, value)
        assert told("x", value, wider) == []
