"""The page about a tuning: what it says first, and that it needs nothing but itself."""

from __future__ import annotations

import json
import re

import pytest

from components.tune.looking import interactive, page, picture
from components.tune.looking.charts import Chart
from estafet.reports import Page


@pytest.fixture
def html(proved) -> str:
    return page.page(proved).html()


def figures_of(html):
    """Return the figures that the page draws, as plotly is given them."""
    found = re.findall(r'<script type="application/json" class="figure">(.*?)</script>', html, re.DOTALL)
    return [json.loads(text) for text in found]


def test_the_verdict_the_cost_and_the_proof_come_in_words(html):
    assert "trial 5 wins: validation rmse 0.4<" in html
    assert "1,000 examples (20 % of the training split, random) for each trial" in html
    assert "would have taken 18 min, 11× as much" in html
    assert '<p class="good">The share was large enough.</p>' in html
    assert "<dt>95 % interval of ρ</dt><dd>0.78 to 0.97</dd>" in html


def test_a_slice_that_was_too_small_is_a_warning(proved):
    proof = proved.proof.model_copy(update={"enough": False, "verdict": "It was too small."})

    html = page.page(proved.model_copy(update={"proof": proof, "notes": ["the best units lies on its border"]})).html()

    assert '<p class="verdict warn">' in html
    assert '<p class="warn">It was too small.</p>' in html
    assert '<p class="warn">The best units lies on its border.</p>' in html


def test_the_page_holds_plotly_once_and_asks_the_network_for_nothing(html):
    outside = re.sub(r"<script>/\*\*.*?</script>", "", html, flags=re.DOTALL)

    assert html.count("plotly.js v") == 1
    assert len(figures_of(html)) == 7
    assert not re.findall(r"(?:src|href)=[\"']?https?:", outside)


def test_the_winner_comes_first_in_the_table_and_the_failed_one_last(html):
    rows = html.rpartition("<tbody>")[2].split("<tr>")[1:]
    numbers = [int(re.search(r'class="number">(\d+)', row)[1]) for row in rows]

    assert numbers == [5, 3, 11, 8, 9, 7, 4, 1, 0, 10, 6, 2], "a pruned trial's value is of fewer epochs"
    assert "ValueError: &lt;units&gt;" in rows[-1]


def test_a_trial_that_breaks_a_constraint_comes_after_those_that_break_none(make):
    trials = [make.trial(0, 0.5), make.trial(1, 0.3, violations={"size_mb <= 1": 0.5}), make.trial(2, 0.4)]

    rows = page.page(make.study(trials, best=2)).html().rpartition("<tbody>")[2].split("<tr>")[1:]

    assert ["size_mb &lt;= 1 (by 0.5)" in row for row in rows] == [False, False, True]


def test_names_and_choices_can_neither_end_the_script_nor_become_markup(make):
    evil = "</script><script>alert(1)</script>"
    space = {evil: {"choices": [evil, "plain"]}, "b": {"low": 0.0, "high": 1.0, "scale": "linear", "integer": False}}
    trials = [
        make.trial(n, 0.5 + n / 10, hyperparameters={evil: evil if n % 2 else "plain", "b": n / 10}) for n in range(6)
    ]

    html = page.page(make.study(trials, space=space, why=evil)).html()

    assert "<script>alert" not in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in json.dumps(figures_of(html)), "plotly shows entities as signs"


def test_a_study_of_one_trial_without_proof_has_a_page_of_sentences(make):
    html = page.page(make.study([make.trial(0, 0.5, hyperparameters={}, curve=[])], space={}, share=1.0)).html()

    assert figures_of(html) == []
    assert "There is no history of a single trial." in html
    assert "not proved on more data" in html


def test_of_many_trials_the_table_has_the_first(make, monkeypatch):
    monkeypatch.setattr(page, "MAX_ROWS", 3)

    html = page.page(make.study([make.trial(n, 0.5 + n) for n in range(5)])).html()

    assert "The first 3 of 5; study.json has all." in html
    assert html.rpartition("<tbody>")[2].count("<tr>") == 3


def test_page_and_picture_lie_in_the_studys_folder(proved, tmp_path):
    assert page.save(proved, tmp_path) == tmp_path / "report.html"
    assert picture.save(proved, tmp_path).read_bytes()[1:4] == b"PNG"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.png", "report.html"]


def test_dollars_in_a_name_begin_no_formula_in_the_picture(make, tmp_path):
    trials = [make.trial(n, 0.5 + n, hyperparameters={r"$\frac$": "$x$"}) for n in range(2)]

    assert picture.save(make.study(trials, space={}), tmp_path).is_file()


def test_the_numbers_below_a_panel_are_few_enough_to_read(make):
    """Two near learning rates would be given seven numbers of seven signs each, one over the other."""
    from matplotlib.figure import Figure

    rates = (0.001, 0.001, 0.002512, 0.002512)
    trials = [make.trial(n, 0.5, hyperparameters={"learning_rate": rate}) for n, rate in enumerate(rates)]
    panel = Figure(figsize=(4.2, 2.8)).add_subplot()

    picture._values(panel, make.study(trials), "learning_rate")

    low, high = panel.get_xlim()
    assert 2 <= sum(low <= tick <= high for tick in panel.get_xticks()) <= 5


def test_a_figure_cannot_end_the_script_that_it_stands_in():
    """Names are escaped before, so this is a second lock on the same door."""
    import plotly.graph_objects as go

    page_ = Page("A page")
    interactive.add(page_, Chart("A", "b", go.Figure(go.Scatter(x=[1], y=[1], name="</script><b>"))))

    [text] = re.findall(r'class="figure">(.*)</script></div>', page_.html())
    assert "<" not in text
    assert figures_of(page_.html())[0]["data"][0]["name"] == "</script><b>"
