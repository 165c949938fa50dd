"""A page holds what it was given, escaped, and needs no other file."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import pytest
from PIL import Image

from estafet.reports import Page, shown

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Balance(HTMLParser):
    """Collects tags that are opened and never closed, and addresses that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.fetched += [value for name, value in attrs if name == "src" and not value.startswith("data:")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def full_page() -> Page:
    return (
        Page("Digits", "one run")
        .verdict("passed", "good")
        .facts({"accuracy": 0.98764, "examples": 1234})
        .heading("By class")
        .table([{"class": "a", "recall": 0.5}, {"class": "b"}])
        .figure(PNG, "Confusion")
        .text("words")
        .code("estafet run")
        .link("MLflow", "http://127.0.0.1:5000")
    )


def test_every_tag_is_closed_and_nothing_is_fetched():
    parser = Balance()

    parser.feed(full_page().html())

    assert parser.open == []
    assert parser.fetched == []


def test_everything_that_was_added_is_there():
    html = full_page().html()

    for piece in ("Digits", "one run", "passed", "0.9876", "1,234", "By class", "recall", "words", "estafet run"):
        assert piece in html
    assert base64.b64encode(PNG).decode() in html


@pytest.mark.parametrize("method", ["text", "verdict", "heading", "code"])
def test_text_is_escaped(method):
    page = Page("t")

    getattr(page, method)("<script>alert(1)</script>")

    assert "<script>" not in page.html()
    assert "&lt;script&gt;" in page.html()


def test_titles_cells_facts_captions_and_links_are_escaped():
    bad = '"><script>x</script>'
    page = Page(bad, bad).facts({bad: bad}).table([{bad: bad}], caption=bad).figure(PNG, bad).link(bad, bad)

    assert "<script>" not in page.html()


def test_a_link_that_would_run_a_script_is_plain_text():
    assert "href" not in Page("t").link("see", "JavaScript:alert(1)").html()


def test_numbers_stand_to_the_right_and_words_to_the_left():
    html = Page("t").table([["a", 1.5], ["b", 2]], ["name", "score"]).html()

    assert '<th>name</th><th class="number">score</th>' in html
    assert '<td>a</td><td class="number">1.5</td>' in html


def test_an_empty_table_is_still_a_table():
    assert "<tbody></tbody>" in Page("t").table([], ["name"]).html()


def test_a_figure_is_read_from_its_file(tmp_path):
    (tmp_path / "plot.png").write_bytes(PNG)

    assert base64.b64encode(PNG).decode() in Page("t").figure(tmp_path / "plot.png").html()


def test_a_saved_page_replaces_the_old_one(tmp_path):
    path = tmp_path / "deep" / "report.html"
    Page("old").save(path)

    Page("new").save(path)

    assert "<h1>new</h1>" in path.read_text()
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.98764, "0.9876"), (12345, "12,345"), (1234.56, "1,234.6"), (0.00001234, "1.23e-05"), (0.0, "0"),
        (float("nan"), "n/a"), (None, ""), (True, "yes"), ("word", "word"), (2_500_000.4, "2,500,000"),
    ],
)  # fmt: skip
def test_values_are_shown_as_people_read_them(value, expected):
    assert shown(value) == expected


def test_a_figure_with_a_resolution_keeps_its_size_on_screens():
    """288 pixels at 144 to the inch are 2 inches: 192 pixels of the page."""
    buffer = io.BytesIO()
    Image.new("L", (288, 10)).save(buffer, "PNG", dpi=(144, 144))

    assert 'width="192"' in Page("t").figure(buffer.getvalue()).html()


def test_a_drawing_and_its_style_are_part_of_the_page_as_they_are():
    html = Page("P", style=".mine { color: red }").drawing('<svg class="mine"></svg>').html()

    assert '<svg class="mine"></svg>' in html
    assert html.index(".mine { color: red }") < html.index("</style>")
