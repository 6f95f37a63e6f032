"""Civil days are cut from the zone, not from 24 hours."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from tests.domain.house import BERLIN
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2024, 3, 31), 23), (date(2024, 10, 27), 25), (date(2024, 7, 1), 24)],
    ids=["march change", "october change", "ordinary"],
)
def test_a_day_has_as_many_hours_as_the_zone_gives_it(day, hours):
    cuts = DayRange.single(day).openings(BERLIN)
    assert cuts[1] - cuts[0] == pd.Timedelta(hours=hours)


def test_a_year_of_openings_is_the_same_as_each_day_alone():
    year = DayRange(date(2024, 1, 1), date(2024, 12, 31)).openings(BERLIN)
    assert [days.opening(day.date(), BERLIN) for day in pd.date_range("2024-01-01", "2024-12-31")] == list(year[:-1])


def test_a_midnight_that_the_zone_skips_opens_at_the_first_instant_after_it():
    beirut = ZoneInfo("Asia/Beirut")
    assert days.opening(date(2024, 3, 31), beirut) == pd.Timestamp("2024-03-30 22:00", tz="UTC")


def test_a_last_day_before_the_first_is_refused():
    with pytest.raises(ValueError, match="2024-01-01 lies before the first, 2024-01-02"):
        DayRange(date(2024, 1, 2), date(2024, 1, 1))


def test_a_range_counts_holds_and_gives_its_days_first_and_last_included():
    found = DayRange(date(2024, 2, 28), date(2024, 3, 1))
    assert found.count == 3
    assert list(found) == [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
    assert [day in found for day in (date(2024, 2, 27), *found, date(2024, 3, 2))] == [False, True, True, True, False]
    assert found.bounds(BERLIN) == (
        pd.Timestamp("2024-02-27 23:00", tz="UTC"),
        pd.Timestamp("2024-03-01 23:00", tz="UTC"),
    )


def test_a_range_is_clipped_to_what_it_shares_with_another():
    january, february = DayRange(date(2024, 1, 1), date(2024, 1, 31)), DayRange(date(2024, 2, 1), date(2024, 2, 29))
    around = DayRange(date(2024, 1, 31), date(2024, 2, 1))
    assert around.clipped(january) == DayRange.single(date(2024, 1, 31))
    assert around.clipped(february) == DayRange.single(date(2024, 2, 1))
    assert january.clipped(february) is None


def test_ranges_that_overlap_or_touch_are_merged_and_one_inside_another_shortens_none():
    third = DayRange(date(2024, 1, 3), date(2024, 1, 4))
    ranges = [third, DayRange(date(2024, 1, 1), date(2024, 1, 9)), DayRange(date(2024, 1, 10), date(2024, 1, 10))]
    assert days.merged(ranges) == [DayRange(date(2024, 1, 1), date(2024, 1, 10))]
    assert days.merged([third, DayRange.single(date(2024, 1, 6))]) == [third, DayRange.single(date(2024, 1, 6))]


def test_a_configured_date_is_the_whole_day_and_a_time_is_itself():
    assert days.instant(date(2024, 11, 12), BERLIN, end=True) == pd.Timestamp("2024-11-12 23:00", tz="UTC")
    assert days.instant(date(2024, 11, 12), BERLIN, end=False) == pd.Timestamp("2024-11-11 23:00", tz="UTC")
    assert days.instant(datetime(2024, 11, 12, 11), BERLIN, end=True) == pd.Timestamp("2024-11-12 10:00", tz="UTC")


def test_openings_are_stored_to_the_microsecond_in_utc():
    cuts = DayRange.single(date(2024, 1, 1)).openings(BERLIN)
    assert str(cuts.dtype) == "datetime64[us, UTC]"
    assert (days.instants(days.microseconds(cuts)) == cuts).all()
    assert [days.microsecond(cut) for cut in cuts] == list(days.microseconds(cuts))


def test_a_day_that_the_zone_skips_has_no_opening():
    apia = ZoneInfo("Pacific/Apia")
    around = DayRange(date(2011, 12, 29), date(2011, 12, 31))
    assert [f"{cut:%m-%d %H}" for cut in around.openings(apia)] == ["12-29 10", "12-30 10", "12-31 10"]
    assert [f"{cut:%m-%d %H}" for cut in around.midnights(apia)] == ["12-29 10", "12-30 10", "12-30 10", "12-31 10"]
    for day in around:
        alone = DayRange.single(day).midnights(apia)
        assert list(alone) == list(around.midnights(apia)[day.day - 29 : day.day - 27])


def test_the_date_line_the_other_way_makes_no_day_twice():
    kwajalein = DayRange(date(1993, 8, 19), date(1993, 8, 23)).openings(ZoneInfo("Pacific/Kwajalein"))
    assert kwajalein.is_monotonic_increasing
    assert kwajalein.is_unique
