"""Figures and changes of the monthly report, in words."""

from __future__ import annotations

from datetime import date

import pytest

from workflows_dagster.wording import Words
from workflows_dagster.wording.report import NARROW, ReportWords

ENGLISH, GERMAN = ReportWords(Words("en")), ReportWords(Words("de"))


def plain(text):
    return text.replace(NARROW, " ").replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.004, "<0.01"),
        (-0.004, ">-0.01"),
        (0.5, "0.50"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.94, "99.9"),
        (99.96, "100"),
        (1088.18, "1,088"),
        (-12.34, "-12.3"),
    ],
)
def test_a_figure_has_about_three_digits(value, said):
    assert plain(ENGLISH.number(value)) == said


@pytest.mark.parametrize(
    ("ratio", "in_the_table", "in_a_sentence"),
    [
        (0.0, "±0 %", "about as much"),
        (0.004, "±0 %", "about as much"),
        (0.08, "+8 %", "8 % more"),
        (-0.12, "-12 %", "12 % less"),
        (-1.0, "-100 %", "100 % less"),
        (2.4, "×3.4", "3.4 times as much"),
        (500.0, "far more", "far more"),
    ],
)
def test_a_change_is_a_percentage_a_multiple_or_far_more(ratio, in_the_table, in_a_sentence):
    assert plain(ENGLISH.change(ratio)) == in_the_table
    assert plain(ENGLISH.comparison(ratio)) == in_a_sentence


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (None, "-"),
        (0.0, "all measured"),
        (0.001, "under 1 % estimated"),
        (0.384, "38 % estimated"),
        (0.999, "99 % estimated"),
        (1.0, "all estimated"),
    ],
)
def test_neither_all_nor_nothing_is_said_of_what_is_not(share, said):
    assert plain(ENGLISH.known_by(share)) == said


@pytest.mark.parametrize(
    ("cost", "currency", "said"),
    [
        (None, "EUR", "-"),
        (1234.5, "EUR", "€1,234.50"),
        (-12.344, "EUR", "-€12.34"),
        (-0.001, "EUR", "€0.00"),
        (-1234.5, "CHF", "-1,234.50 CHF"),
    ],
)
def test_money_is_told_to_the_cent_and_what_is_earned_is_negative(cost, currency, said):
    assert plain(ENGLISH.money(cost, currency)) == said


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (None, None, ""),
        (date(2025, 3, 3), None, "3 March"),
        (date(2025, 3, 3), date(2025, 3, 3), "3 March"),
        (date(2025, 3, 3), date(2025, 3, 9), "3-9 March"),
        (date(2025, 2, 28), date(2025, 3, 3), "28 February - 3 March"),
        (date(2024, 12, 28), date(2025, 1, 3), "28 December 2024 - 3 January"),
        (date(2024, 12, 28), None, "28 December 2024"),
    ],
)
def test_days_are_told_without_the_year_that_goes_without_saying(first, last, said):
    assert plain(ENGLISH.span(first, last, 2025)) == said


def test_a_unit_stays_on_the_line_of_its_figure():
    assert ENGLISH.amount(12.0, "m³") == f"12.0{NARROW}m³"


def test_a_german_reader_gets_german_figures_and_changes():
    assert plain(GERMAN.number(1088.18)) == "1.088"
    assert plain(GERMAN.number(0.004)) == "<0,01"
    assert plain(GERMAN.money(-1234.5, "EUR")) == "-1.234,50 €"
    assert plain(GERMAN.change(2.4)) == "×3,4"
    assert plain(GERMAN.known_by(0.001)) == "unter 1 % geschätzt"
    assert plain(GERMAN.span(date(2025, 3, 3), date(2025, 3, 9), 2025)) == "3.-9. März"
    assert plain(GERMAN.span(date(2024, 12, 28), date(2025, 1, 3), 2025)) == "28. Dezember 2024 - 3. Januar"


@pytest.mark.parametrize(
    ("ratio", "english", "german"),
    [
        (0.01, "about as much a day as in May", "etwa so viel am Tag wie im May"),
        (0.2, "20 % more a day than in May", "20 % mehr am Tag als im May"),
        (-0.2, "20 % less a day than in May", "20 % weniger am Tag als im May"),
        (2.4, "3.4 times as much a day as in May", "3,4-mal so viel am Tag wie im May"),
        (20.0, "far more a day than in May", "viel mehr am Tag als im May"),
    ],
)
def test_a_change_says_with_what_it_compares(ratio, english, german):
    assert plain(ENGLISH.comparison(ratio, "of the day", month="May")) == english
    assert plain(GERMAN.comparison(ratio, "of the day", month="May")) == german


@pytest.mark.parametrize(
    ("meters", "without", "english", "german"),
    [
        (2, [], "Both heat meters together", "Beide Wärmezähler zusammen"),
        (5, [], "All five heat meters together", "Alle fünf Wärmezähler zusammen"),
        (13, [], "All 13 heat meters together", "Alle 13 Wärmezähler zusammen"),
        (2, ["A"], "One of two heat meters, without A", "Einer von zwei Wärmezählern, ohne A"),
        (
            5,
            ["A", "B"],
            "Three of five heat meters together, without A and B",
            "Drei von fünf Wärmezählern zusammen, ohne A und B",
        ),
    ],
)
def test_the_sum_of_meters_says_which_are_in_it(meters, without, english, german):
    assert ENGLISH.sum_of_meters("heat", meters, without) == english
    assert GERMAN.sum_of_meters("heat", meters, without) == german
