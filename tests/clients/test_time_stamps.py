"""Times of files in UTC: the hour that the autumn day has twice, 24:00, and dates that may be read two ways."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from workflows_dagster.clients.spreadsheets.time_stamps import is_day_first, placed, stamp
from workflows_dagster.clients.spreadsheets.verdicts import CellError

BERLIN = ZoneInfo("Europe/Berlin")


def instants(texts: list[str], zone: ZoneInfo = BERLIN) -> list[str]:
    """The times of a file, in UTC."""
    stamps = [stamp(text, None, day_first=None, alone=True) for text in texts]
    return [f"{one.at:%H:%M}" if one.at is not None else "none" for one in placed(stamps, zone, time(12))]


def remarks(texts: list[str], zone: ZoneInfo = BERLIN) -> list[str]:
    """What is said about the times of a file."""
    stamps = [stamp(text, None, day_first=None, alone=True) for text in texts]
    return [remark.code for one in placed(stamps, zone, time(12)) for remark in one.remarks]


def on_the_autumn_day(*clocks: str) -> list[str]:
    return [f"2024-10-27 {clock}" for clock in clocks]


@pytest.mark.parametrize(
    ("clocks", "utc"),
    [
        pytest.param(
            ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"],
            ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"],
            id="half hours",
        ),
        pytest.param(["01:00", "02:00", "02:00", "03:00"], ["23:00", "00:00", "01:00", "02:00"], id="hours"),
        pytest.param(["03:00", "02:00", "02:00", "01:00"], ["02:00", "01:00", "00:00", "23:00"], id="newest first"),
        pytest.param(
            ["01:45", "02:00", "02:15", "02:45", "02:00", "02:15", "02:30", "02:45", "03:00"],
            ["23:45", "00:00", "00:15", "00:45", "01:00", "01:15", "01:30", "01:45", "02:00"],
            id="one quarter of the first hour is missing",
        ),
        pytest.param(["02:00", "02:00", "02:30", "02:30"], ["00:00", "01:00", "00:30", "01:30"], id="in pairs"),
    ],
)
def test_the_order_tells_the_two_hours_of_the_autumn_day_apart(clocks: list[str], utc: list[str]) -> None:
    assert instants(on_the_autumn_day(*clocks)) == utc
    assert remarks(on_the_autumn_day(*clocks)) == []


def test_a_time_without_a_second_one_is_taken_as_the_first_and_said() -> None:
    alone = on_the_autumn_day("01:00", "02:30", "04:00")
    assert instants(alone) == ["23:00", "00:30", "03:00"]
    assert remarks(alone) == ["hour_twice"]


def test_the_order_decides_in_other_zones_too() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    assert instants([f"2024-11-03 {clock}" for clock in ("00:30", "01:30", "01:30", "02:30")], zone) == [
        "07:30",
        "08:30",
        "09:30",
        "10:30",
    ]


@pytest.mark.parametrize(
    ("day", "clock", "moment"),
    [
        pytest.param("2024/07/01", "24:00", "2024-07-02 00:00", id="the end of the day"),
        pytest.param("31.12.2024", "24:00", "2025-01-01 00:00", id="the end of the year"),
        pytest.param("01.07.2024 18:30 Uhr", None, "2024-07-01 18:30", id="Uhr"),
        pytest.param("01.07.2024", "18.30 Uhr", "2024-07-01 18:30", id="a dot between hour and minute"),
        pytest.param("01.07.2024", "7 Uhr", "2024-07-01 07:00", id="a whole hour"),
        pytest.param("2024-07-01", "12:15:00 AM", "2024-07-01 00:15", id="a quarter past midnight"),
        pytest.param("2024-07-01", "12:15 pm", "2024-07-01 12:15", id="a quarter past noon"),
        pytest.param("1.7.24, 08:05", None, "2024-07-01 08:05", id="a comma"),
    ],
)
def test_days_and_times_are_read_as_people_and_portals_write_them(day: str, clock: str | None, moment: str) -> None:
    assert stamp(day, clock, day_first=None, alone=False).moment == pd.Timestamp(moment)


@pytest.mark.parametrize(
    ("cells", "expected", "found"),
    [
        pytest.param(["01/02/2024", "31/01/2024"], None, True, id="a day above twelve comes first"),
        pytest.param(["01/02/2024", "01/31/2024"], True, False, id="a day above twelve comes second"),
        pytest.param(["01/02/2024", "01/02/2024 11:00 PM"], None, False, id="PM is American"),
        pytest.param(["01/02/2024", "02/02/2024"], True, True, id="the header's language"),
        pytest.param(["01/02/2024", "02/02/2024"], None, None, id="nothing tells"),
        pytest.param(["31/01/2024", "01/31/2024"], True, None, id="both"),
    ],
)
def test_a_column_of_dates_with_slashes_says_itself_which_number_is_the_day(
    cells: list[str], expected: bool | None, found: bool | None
) -> None:
    assert is_day_first(cells, expected=expected) is found


def test_a_date_that_may_be_two_days_is_refused_with_both() -> None:
    with pytest.raises(CellError) as caught:
        stamp("09/04/2024", None, day_first=None, alone=True)
    assert (caught.value.remark.code, caught.value.remark.figures["one"]) == ("day_or_month", "2024-04-09")
