"""The page and the Markdown: whole, safe, the same every time, and readable by all."""

from __future__ import annotations

import base64
import re
from collections import Counter
from datetime import date
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from tests.reports.stored import store_days
from workflows_dagster.reports import Note, monthly_report
from workflows_dagster.reports.content import Bar, Series
from workflows_dagster.reports.markdown import escaped, render_markdown
from workflows_dagster.reports.palette import DARK, LIGHT, colours
from workflows_dagster.reports.plots import svg
from workflows_dagster.wording import Formatter, Words
from workflows_dagster.wording.report import ReportWords

NOTES = [Note("38 kWh <usual> & a | 24_19_.", "strom", date(2025, 2, 4))]
_EMPTY = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Tags with their attributes, all text, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def made(flat):
    store_days(flat.settings, flat.store, "strom", date(2024, 2, 1), [2.0] * 29)
    store_days(flat.settings, flat.store, "strom", date(2025, 1, 10), [3.0] * 22)
    store_days(flat.settings, flat.store, "strom", date(2025, 2, 1), [3.0] * 28, share=0.25)
    return monthly_report(flat.settings, flat.store, "2025-02", NOTES)


@pytest.fixture
def page(made):
    return Page(made.html)


def test_the_page_opens_by_itself(made, page):
    assert {"script", "link", "iframe", "img", "object"}.isdisjoint(tag for tag, _ in page.tags)
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "src", tag
            assert name not in ("href", "xlink:href") or (value or "").startswith("#")
    assert "@import" not in made.html
    assert all(reference.startswith("#") for reference in re.findall(r"url\(([^)]*)\)", made.html))


def test_every_tag_is_closed_and_every_id_is_there_once(page):
    assert page.open == []
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert [name for name, times in ids.items() if times > 1] == []


def test_what_the_owner_wrote_is_text(made, page):
    assert "Power | <b>Main & more</b> *" in page.text
    assert "38 kWh <usual> & a | 24_19_." in page.text
    assert "<b>Main" not in made.html


def test_the_table_has_headers_and_the_pictures_have_words(page):
    headers = [attributes.get("scope") for tag, attributes in page.tags if tag == "th"]
    assert headers == ["col"] * 6 + ["row"]
    words = [attributes.get("aria-label") for _, attributes in page.tags if attributes.get("role") == "img"]
    assert sum(word is not None and word.startswith("Bars: electricity in kWh") for word in words) == 2
    assert [attributes["lang"] for tag, attributes in page.tags if tag == "html"] == ["en"]
    assert [tag for tag, _ in page.tags if tag in ("h1", "h2")] == ["h1", "h2", "h2"]


def test_equal_days_give_equal_bytes(flat, made):
    again = monthly_report(flat.settings, flat.store, "2025-02", NOTES)
    assert again is not made
    assert again.html == made.html
    assert again.markdown == made.markdown


def test_the_page_of_the_whole_household_is_one_that_can_be_mailed(shipped, household):
    whole = monthly_report(shipped, household, "2025-01")
    assert len(whole.html.encode()) < 250_000
    assert len(whole.markdown.encode()) < 200_000
    found = Page(whole.html)
    assert found.open == []
    ids = Counter(attributes["id"] for _, attributes in found.tags if "id" in attributes)
    assert max(ids.values()) == 1
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", found.text.lower())


SERIES = Series("kWh", [Bar(date(2025, month, 1), 10.0 + month, 0.0) for month in (1, 2, 3)], "caption", "words")


def test_a_plot_takes_its_colours_and_its_font_from_the_page():
    drawing = svg(SERIES, "months", "electricity-months", Formatter("en"))
    ElementTree.fromstring(drawing)
    assert "var(--accent)" in drawing
    assert "var(--mid)" in drawing
    assert "var(--soft)" in drawing
    assert "#0a0b0" not in drawing
    assert not re.search(r"<svg[^>]*\b(width|height)=", drawing)
    assert ">Feb<" in drawing


@pytest.mark.parametrize(("share", "hatched"), [(0.0, False), (0.3, True), (1.0, True)])
def test_what_is_estimated_is_hatched(share, hatched):
    bars = [Bar(date(2025, 1, day), 5.0, share) for day in (1, 2)]
    assert ("<pattern" in svg(Series("kWh", bars, "", ""), "days", "x", Formatter("en"))) == hatched


def test_a_month_of_some_days_is_an_outline():
    some = [*SERIES.bars[:1], Bar(date(2025, 2, 1), 3.0, 0.0, whole=False), SERIES.bars[2]]
    assert "stroke-dasharray" in svg(Series("kWh", some, "", ""), "months", "x", Formatter("en"))
    assert "stroke-dasharray" not in svg(SERIES, "months", "x", Formatter("en"))


@pytest.mark.parametrize("values", [[None, None], [0.0, 0.0], [-3.0, 2.0], [None, 1e6]])
def test_unusual_values_are_drawn_too(values):
    bars = [Bar(date(2025, 1, day), value, 0.0) for day, value in enumerate(values, start=1)]
    ElementTree.fromstring(svg(Series("kWh", bars, "", ""), "days", "x", Formatter("en")))


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_its_paper(theme):
    texts = {"ink": theme.ink, "quiet": theme.quiet, **theme.accents}
    assert {name for name, colour in texts.items() if _contrast(colour, theme.paper) < 4.5} == set()
    assert colours(theme, "gas").strong == theme.accents["gas"]


def test_the_markdown_says_the_same_and_what_the_owner_wrote_is_text(made):
    assert "# The house in February 2025" in made.markdown
    assert r"\| \<b\>Main & more\</b\> \*" in made.markdown
    assert "## What you should know" in made.markdown
    rows = [row for row in made.markdown.splitlines() if row.startswith("|")]
    columns = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert columns == {7}
    assert "50\N{NARROW NO-BREAK SPACE}%" in made.markdown


def test_the_pictures_of_the_markdown_are_whole(made):
    (picture,) = re.findall(r"data:image/png;base64,([^)]*)\)", made.markdown)
    assert base64.b64decode(picture, validate=True).startswith(b"\x89PNG")
    assert "data:image" not in render_markdown(made.content, ReportWords(made.words), pictures=False)


def test_a_line_of_markdown_stands_for_itself():
    assert escaped("a|b\n# c `d` [e](f) $x$") == r"a\|b \# c \`d\` \[e\](f) \$x\$"


def test_the_page_and_the_markdown_are_german_for_a_german_reader(flat, made):
    german = monthly_report(flat.settings, flat.store, "2025-02", NOTES, Words("de"))
    page = Page(german.html)
    assert [attributes["lang"] for tag, attributes in page.tags if tag == "html"] == ["de"]
    expected = ("Das Haus im", "Februar 2025", "Was Sie wissen sollten", "Am Tag gegenüber Januar")
    for said in (*expected, "25\u202f% geschätzt", "84,0\u202fkWh Strom"):
        assert said in page.text
        assert said in german.markdown
    english = re.search(r"\b(the|of|and|used|estimated|February|day)\b", german.markdown.replace(NOTES[0].sentence, ""))
    assert english is None
    words = [attributes.get("aria-label") or "" for _, attributes in page.tags if attributes.get("role") == "img"]
    assert words[0].startswith("Balken: Strom in kWh in jedem der letzten dreizehn Monate; Februar 2024 58,0,")
    assert ">Mär<" in german.html
    assert made.html == monthly_report(flat.settings, flat.store, "2025-02", NOTES).html
