"""Numbers, dates and durations as a German and an English reader write them."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from workflows_dagster.wording import Formatter

GERMAN = Formatter("de", ZoneInfo("Europe/Berlin"))
ENGLISH = Formatter("en", ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (46226.4, "46,226.4", "46.226,4"),
        (8510.0, "8,510", "8.510"),
        (0.25, "0.25", "0,25"),
        (-0.25, "-0.25", "-0,25"),
        (1.23456e-7, "0.000000123456", "0,000000123456"),
        (1e15, "1,000,000,000,000,000", "1.000.000.000.000.000"),
        (-1e-300 * 0, "0", "0"),
        (float("nan"), "–", "–"),
        (None, "–", "–"),
    ],
)
def test_a_number_has_the_marks_of_its_language_and_never_a_power_of_ten(value, english, german):
    assert (ENGLISH.number(value, 6), GERMAN.number(value, 6)) == (english, german)


def test_a_number_to_calculate_with_has_no_marks_between_the_thousands():
    assert (ENGLISH.plain_number(46226.43), GERMAN.plain_number(46226.43)) == ("46226.43", "46226,43")


@pytest.mark.parametrize(("value", "decimals", "german"), [(1234.5, 3, "1.234,500"), (-0.04, 1, "0,0"), (2.5, 0, "2")])
def test_fixed_decimals_round_as_python_does_and_never_show_a_negative_zero(value, decimals, german):
    assert GERMAN.fixed(value, decimals) == german


def test_money_stands_where_each_language_puts_it():
    assert (ENGLISH.money(1234.5, "EUR"), GERMAN.money(1234.5, "EUR")) == ("€1,234.50", "1.234,50\N{NO-BREAK SPACE}€")


@pytest.mark.parametrize(("share", "written"), [(0.0, "0 %"), (0.004, "0,40 %"), (0.38, "38 %"), (0.999, "99,90 %")])
def test_a_share_that_is_neither_none_nor_all_never_looks_like_it(share, written):
    assert GERMAN.percent(share) == written


def test_days_are_written_as_each_language_does():
    day = date(2026, 3, 6)
    assert [ENGLISH.day(day), ENGLISH.long_day(day), ENGLISH.weekday(day)] == ["2026-03-06", "6 March 2026", "Friday"]
    assert [GERMAN.day(day), GERMAN.long_day(day), GERMAN.weekday(day)] == ["06.03.2026", "6. März 2026", "Freitag"]


def test_a_range_of_days_is_one_day_or_the_first_and_the_last():
    first, last = date(2026, 3, 6), date(2026, 3, 8)
    assert GERMAN.day_range(first, first) == "06.03.2026"
    assert GERMAN.day_range(first, last) == "06.03.2026 bis 08.03.2026"
    assert ENGLISH.day_range(first, last) == "2026-03-06 to 2026-03-08"


def test_an_instant_is_written_in_the_readers_zone():
    at = pd.Timestamp("2026-07-01 22:30:01.5Z")
    assert GERMAN.moment(at) == "02.07.2026 00:30:01,5 MESZ"
    assert ENGLISH.moment(at) == "2026-07-02 00:30:01.5 CEST"
    assert ENGLISH.days_between(at, at) == "2026-07-02"


@pytest.mark.parametrize(
    ("hours", "english", "german"),
    [
        (0.001, "1 minute", "1 Minute"),
        (0.5, "30 minutes", "30 Minuten"),
        (1, "1 hour", "1 Stunde"),
        (47, "47 hours", "47 Stunden"),
        (48, "2 days", "2 Tage"),
        (24 * 1500, "1,500 days", "1.500 Tage"),
    ],
)
def test_a_duration_is_said_in_minutes_hours_or_days(hours, english, german):
    length = pd.Timedelta(hours=hours)
    assert (ENGLISH.duration(length), GERMAN.duration(length)) == (english, german)


@pytest.mark.parametrize(
    ("items", "german"), [([], ""), (["Gas"], "Gas"), (["Gas", "Wasser", "Wärme"], "Gas, Wasser und Wärme")]
)
def test_items_are_joined_as_a_sentence_does(items, german):
    assert GERMAN.listed(items) == german
