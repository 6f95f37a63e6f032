"""When a person says that a meter was read, and what a number that is typed in can mean."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.houses import CONFIG, fit_profiles
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.services.reading_entry import ReadingEntry, WrongMomentError, moment_of, readings_written
from workflows_dagster.settings.load import Settings, load

NOW = pd.Timestamp("2026-11-26 19:30:20", tz="UTC")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("none")
    return load(CONFIG, {"METERS_SECRETS_DIR": str(folder), "METERS_DATA_DIR": str(folder)})


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("24.11. 18:00", "2026-11-24 18:00"),
        ("24.11.", "2026-11-24 12:00"),
        ("24.11", "2026-11-24 12:00"),
        ("24.11.2026 7:05", "2026-11-24 07:05"),
        ("24.11.25", "2025-11-24 12:00"),
        ("2026-11-24", "2026-11-24 12:00"),
        ("2026-11-24 18:00", "2026-11-24 18:00"),
        ("18:00", "2026-11-26 18:00"),
        # Of the days of that name the last one that is not in the future.
        ("30.12.", "2025-12-30 12:00"),
    ],
)
def test_a_moment_is_read_as_a_person_writes_it(settings, text, local):
    assert moment_of(text, settings, NOW).tz_convert("Europe/Berlin") == pd.Timestamp(local, tz="Europe/Berlin")


def test_today_without_a_time_is_now_while_it_is_still_morning(settings):
    morning = pd.Timestamp("2026-11-26 07:30:20", tz="UTC")
    assert moment_of("26.11.", settings, morning) == pd.Timestamp("2026-11-26 07:30", tz="UTC")


@pytest.mark.parametrize("text", ["tomorrow", "31.11.", "25:00", "27.11.2026", "", "2026-03-29 02:30"])
def test_what_is_no_moment_or_not_over_is_refused(settings, text):
    with pytest.raises(WrongMomentError):
        moment_of(text, settings, NOW)


def test_a_number_with_one_mark_before_three_digits_has_two_meanings():
    assert [meaning.value for meaning in readings_written("48.700")] == [48700.0, 48.7]
    assert [meaning.value for meaning in readings_written("48700,5")] == [48700.5]
    assert readings_written("-5") == readings_written("gas") == ()


def test_what_is_expected_is_what_the_days_since_the_last_reading_add_up_to(small_house):
    """Read in January and again seven weeks later: the rate is that of the year, not of the weeks."""
    house = small_house("meters: [{meter_id: gas, type: physical, output_unit: m³, installation_date: 2022-01-01}]")
    house.read("gas", {"2022-01-10 00:00": 0.0, "2023-01-10 00:00": 1000.0, "2023-03-01 00:00": 1140.0}, "m³")
    fit_profiles(house.settings, house.store, NOW)
    at = pd.Timestamp("2023-04-20", tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
    found = ReadingEntry(house.settings, house.store).expected(house.settings.meters["gas"], at)
    since = DayRange(date(2023, 3, 1), date(2023, 4, 19))
    likely = Evaluation(house.settings, house.store).days("gas", since).days["consumption"].sum()
    assert likely == pytest.approx(50 * 1140 / 415, rel=0.002)
    assert (found.lower + found.upper) / 2 == pytest.approx(likely)
