"""Figures and changes as a family member reads them."""

from __future__ import annotations

from datetime import date

import pytest

from workflows_dagster.reports import wording
from workflows_dagster.reports.content import Amount, Money
from workflows_dagster.reports.wording import NARROW


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
    assert plain(wording.number(value)) == said


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
    assert plain(wording.change(ratio)) == in_the_table
    assert plain(wording.more_or_less(ratio)) == in_a_sentence


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
    assert plain(wording.known_by(share)) == said


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (None, "-"),
        (Money(1234.5, "EUR"), "€1,234.50"),
        (Money(-12.344, "EUR"), "-€12.34"),
        (Money(-0.001, "EUR"), "€0.00"),
        (Money(-1234.5, "CHF"), "-1,234.50 CHF"),
    ],
)
def test_money_is_told_to_the_cent_and_what_is_earned_is_negative(cost, said):
    assert plain(wording.money(cost)) == said


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
    assert plain(wording.span(first, last, 2025)) == said


def test_a_unit_stays_on_the_line_of_its_figure():
    assert wording.amount(Amount(12.0, "m³")) == f"12.0{NARROW}m³"


def test_words_are_joined_as_in_a_sentence():
    assert wording.listed(["gas"]) == "gas"
    assert wording.listed(["gas", "water", "heat"]) == "gas, water and heat"
