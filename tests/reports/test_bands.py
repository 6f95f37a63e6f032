"""What a report says of numbers that the readings leave open."""

from __future__ import annotations

from datetime import date

import pytest

from tests.reports.stored import store_days, store_month_bands
from workflows_dagster.reports import Report, monthly_report
from workflows_dagster.reports.content import Bar, Series
from workflows_dagster.reports.plots import svg
from workflows_dagster.wording import Formatter, Words

FEBRUARY_2024, FEBRUARY, JANUARY = date(2024, 2, 1), date(2025, 2, 1), date(2025, 1, 1)


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.fixture
def report_of(flat):
    """Report February 2025, 103 kWh, with half widths of it and of February 2024, 101.5 kWh."""

    def make(half: float, before: float, language: str = "en") -> Report:
        store_days(flat.settings, flat.store, "strom", FEBRUARY_2024, [3.5] * 29, share=1.0)
        store_days(flat.settings, flat.store, "strom", JANUARY, [9.0] * 31)
        store_days(flat.settings, flat.store, "strom", FEBRUARY, [103 / 28] * 28, share=1.0)
        bands = {FEBRUARY_2024: (101.5, before), FEBRUARY: (103.0, half)}
        ends = {first: (used, used - width, used + width) for first, (used, width) in bands.items()}
        store_month_bands(flat.settings, flat.store, "strom", ends)
        words = Words(language, flat.settings.site.zone) if language != "en" else None
        return monthly_report(flat.settings, flat.store, "2025-02", words=words)

    return make


def test_an_estimated_month_is_written_with_its_band_and_without_digits_that_this_does_not_cover(report_of):
    made = report_of(6.4, 5.0)
    (section,) = made.content.sections
    assert section.headline.used.band == pytest.approx((96.6, 109.4))
    assert "103 kWh (96–110)" in plain(made.html)
    assert "103 kWh (96–110) of electricity" in plain(made.content.summary)
    assert "100 kWh (40–170)" in plain(report_of(62.0, 5.0).html)


def test_months_whose_bands_meet_are_not_compared(report_of):
    unclear, clear = report_of(6.4, 5.0), report_of(0.5, 0.2)
    said = plain(unclear.content.sections[0].sentence)
    assert said == "3.68 against 3.50 kWh a day in February 2024: no difference that the readings could show."
    assert "no difference a day from February 2024 that the readings could show" in unclear.content.summary
    line = unclear.content.sections[0].lines[0]
    assert line.is_open == (False, True)
    assert "≈" in unclear.html
    assert clear.content.sections[0].lines[0].is_open == (False, False)
    assert plain(clear.content.sections[0].sentence).startswith("5 % more than in February 2024")


def test_a_month_that_is_known_to_two_percent_is_not_called_estimated(report_of):
    well, badly = report_of(2.1, 0.2), report_of(20.0, 0.2)
    assert "known to ± 2.1 kWh" in plain(well.html)
    assert "is estimated" not in well.content.summary
    assert "all estimated" in badly.html
    assert "Electricity is estimated" in badly.content.summary


def test_it_says_so_in_german(report_of):
    made = report_of(6.4, 5.0, "de")
    assert "103 kWh (96–110)" in plain(made.html)
    assert "kein Unterschied, den die Ablesungen zeigen könnten" in made.content.sections[0].sentence
    assert "auf ± 2,1 kWh genau" in plain(report_of(2.1, 0.2, "de").html)


def test_a_stored_band_that_is_not_of_this_number_is_not_shown(report_of, flat):
    report_of(6.4, 5.0)
    store_days(flat.settings, flat.store, "strom", FEBRUARY, [5.0] * 28, share=1.0)
    (section,) = monthly_report(flat.settings, flat.store, "2025-02").content.sections
    assert section.headline.used.band is None


def test_an_estimated_bar_has_an_error_bar_within_the_picture():
    bars = [Bar(date(2025, month, 1), 10.0, 1.0, band=(8.0, 40.0) if month == 2 else None) for month in (1, 2)]
    with_band = svg(Series("kWh", bars, "", ""), "months", "x", Formatter("en"))
    without = svg(Series("kWh", [Bar(bar.first, 10.0, 1.0) for bar in bars], "", ""), "months", "x", Formatter("en"))
    assert "LineCollection" in with_band or with_band.count("<path") > without.count("<path")
    assert ">30<" in with_band
    assert ">30<" not in without
