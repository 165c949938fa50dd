"""How an inspection is shown: on narrow and wide terminals, in charts, and while it goes on."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from cli.inspection import charts, text
from cli.inspection.columns import number_card, word_card
from cli.inspection.progress import ProgressLine, described
from cli.inspection.sections import Findings, Section, in_bytes, in_percent


def printed(section, width):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    text.show(Findings("t", "s", "v", "good", {}, (section,)), console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [30, 40, 80, 160])
def test_no_line_is_wider_than_the_terminal_and_left_out_columns_are_named(width):
    row = {f"a rather long name {i}": "x" * 20 for i in range(6)}

    shown = printed(Section("S", rows=(row,)), width)

    assert max(map(len, shown.splitlines())) <= width
    assert ("more columns" in shown) == (width < 140)


def test_rows_above_the_limit_are_counted():
    assert "3 more rows are on the page" in printed(Section("S", rows=({"a": 1},) * 5, limit=2), 80)


def heights(markup):
    return [float(height) for height in re.findall(r'<rect [^>]*height="([\d.]+)"', markup)]


def test_the_bars_of_a_histogram_are_as_high_as_their_counts():
    """36 units for the largest count of 4, and so 9 for 1; an empty bin has no bar."""
    assert heights(charts.histogram([4, 1, 0], 0, 3)) == [36, 9]


def test_whole_numbers_of_few_values_get_a_bin_each():
    """Without it, 1 to 5 in 30 bins would leave most of them empty."""
    card = number_card("n", "integer", 0, np.array([1, 1, 2, 5, np.nan, np.inf]))

    assert heights(card.chart) == [36, 18, 18]


@pytest.mark.parametrize("values", [[-1.7e308, 1.7e308], [1e16, 1e16 + 2], [5e-324, 1e-323], [7.0, 7.0]])
def test_every_range_of_floats_can_be_drawn(values):
    drawn = heights(number_card("n", "number", 0, np.array(values)).chart)

    assert drawn == ([36] if values[0] == values[1] else [36, 36])


def test_words_beyond_the_first_are_put_together():
    """Of 100 rows 10 are missing, and 90 are of nine words, six of which are drawn."""
    card = word_card("w", 9, 0.1, {f"word {i}": 10 for i in range(9)}, 100)

    assert re.search(r"\(others\).*<b>30\.0 %</b>", card.chart) and card.text == "9 words, 10.0 % missing"


def test_names_in_charts_are_escaped():
    markup = (
        charts.bars({"<script>": 1}, 1) + charts.stacked_bars({"<script>": [1]}, ["<b>"]) + charts.strips({"<i>": b""})
    )

    assert not re.search(r"<(script|b>\W|i>)", markup.replace("<b>1", "").replace("<b>100", ""))


def test_a_line_breaks_where_a_value_is_missing():
    markup = charts.lines({"train": (np.arange(4), np.array([0, 1, np.nan, 3.0]))}, ("a", "b"))

    assert re.findall("[ML]", re.search(r'd="([^"]+)"', markup)[1]) == ["M", "L", "M"]


def test_progress_says_how_much_how_fast_and_how_long():
    """A quarter of 4 GB in 5 s is 3 GB left at 0.2 GB/s, which take 15 s."""
    assert described("reading", 5, 1e9, 4e9, 500_000, "bytes") == (
        "reading · 25 % · 1 GB of 4 GB · 100,000 rows/s · 15 s left"
    )


def test_progress_is_silent_where_nobody_looks():
    stream = io.StringIO()
    with ProgressLine(stream) as progress:
        progress._began -= 10
        progress("reading", 1, 2)

    assert stream.getvalue() == ""


@pytest.mark.parametrize(("number", "said"), [(0, "0 B"), (999, "999 B"), (999_700, "1 MB"), (12_345_678, "12.3 MB")])
def test_sizes_read_well(number, said):
    assert in_bytes(number) == said


@pytest.mark.parametrize(("share", "said"), [(0, "0 %"), (0.0001, "< 0.1 %"), (0.25, "25.0 %"), (1, "100.0 %")])
def test_a_small_share_is_not_shown_as_none(share, said):
    assert in_percent(share) == said
