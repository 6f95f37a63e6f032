"""The outdoor temperature in the raw store: what is asked for, written, replaced, and left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse
from workflows_dagster.clients.open_meteo import OpenMeteoError
from workflows_dagster.evaluation.outdoor_temperature import OUTDOOR
from workflows_dagster.services import temperature_sync
from workflows_dagster.services.temperature_sync import TemperatureSync, sync_temperatures
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore

NOW = pd.Timestamp("2025-02-10 01:40", tz="Europe/Berlin").tz_convert("UTC")
GAS = "meters: [{meter_id: gas, type: physical, output_unit: m³, installation_date: 2023-12-20}]"


def hours(first: str, end: str, celsius: float) -> pd.Series:
    return pd.Series(celsius, pd.date_range(first, end, freq="h", inclusive="left", tz="UTC", unit="us"))


class Weather:
    """A service with an archive that lags, and a forecast."""

    def __init__(self) -> None:
        self.archive = hours("2023-12-01", "2025-02-05", 5.0)
        self.forecast = hours("2024-11-01", "2025-02-20", 7.0)
        self.asked: list[tuple[str, date, date]] = []
        self.away = False

    def archived(self, first: date, last: date) -> pd.Series:
        return self._part("archive", self.archive, first, last)

    def recent(self, first: date, last: date) -> pd.Series:
        return self._part("forecast", self.forecast, first, last)

    def _part(self, name: str, series: pd.Series, first: date, last: date) -> pd.Series:
        if self.away and name == "forecast":
            raise OpenMeteoError("Open-Meteo: away.", passing=True)
        self.asked.append((name, first, last))
        return series.loc[f"{first}" : f"{last} 23:59"]


@pytest.fixture
def settings(small_house) -> Settings:
    house: SmallHouse = small_house(GAS)
    return house.settings


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "weather.sqlite")
    yield store
    store.close()


def test_the_first_fetch_takes_all_since_the_houses_first_day_and_nothing_of_today(settings, store):
    weather = Weather()
    found = sync_temperatures(settings, weather, store, NOW)
    assert weather.asked == [
        ("archive", date(2023, 12, 20), date(2023, 12, 31)),
        ("archive", date(2024, 1, 1), date(2024, 12, 31)),
        ("archive", date(2025, 1, 1), date(2025, 2, 9)),
        ("forecast", date(2025, 2, 5), date(2025, 2, 9)),
    ]
    kept = store.readings(OUTDOOR)
    assert kept.index[0] == pd.Timestamp("2023-12-20", tz="UTC")
    # Local midnight, at which today begins.
    assert kept.index[-1] == pd.Timestamp("2025-02-09 22:00", tz="UTC")
    assert found == TemperatureSync(len(kept), 0, 0, kept.index[-1])
    assert kept.loc["2025-02-04"].eq(5.0).all()
    assert kept.loc["2025-02-05":].eq(7.0).all()


def test_the_hours_are_gone_through_a_few_times_a_year_of_them_not_once_a_day(settings, store, monkeypatch):
    """Ten years had taken a minute of computing at each fetch."""
    looked: list[int] = []

    def daily_means(hours: pd.Series) -> pd.Series:
        looked.append(len(hours))
        return found_means(hours)

    found_means = temperature_sync.daily_means
    monkeypatch.setattr(temperature_sync, "daily_means", daily_means)
    sync_temperatures(settings, Weather(), store, NOW)
    # December 2023, 2024 and 2025, what was stored before them and what is after.
    assert len(looked) <= 5


def test_a_look_the_same_day_writes_nothing_and_asks_once_for_two_weeks(settings, store):
    weather = Weather()
    sync_temperatures(settings, weather, store, NOW)
    weather.asked.clear()
    before = store.fingerprints([OUTDOOR])
    found = sync_temperatures(settings, weather, store, NOW + pd.Timedelta(hours=6))
    assert (found.written, found.corrected) == (0, 0)
    assert weather.asked == [
        ("archive", date(2025, 1, 27), date(2025, 2, 9)),
        ("forecast", date(2025, 2, 5), date(2025, 2, 9)),
    ]
    pd.testing.assert_frame_equal(store.fingerprints([OUTDOOR]), before)


def test_the_archive_replaces_the_forecast_once_and_a_later_forecast_corrects_nothing(settings, store):
    weather = Weather()
    sync_temperatures(settings, weather, store, NOW)
    weather.forecast += 1.0
    assert sync_temperatures(settings, weather, store, NOW).corrected == 0
    weather.archive = hours("2023-12-01", "2025-02-08", 5.0)
    assert sync_temperatures(settings, weather, store, NOW).corrected == 3 * 24
    assert store.readings(OUTDOOR).loc["2025-02-05":"2025-02-07"].eq(5.0).all()


def test_after_a_month_without_the_service_the_forecast_is_replaced_all_the_same(settings, store):
    weather = Weather()
    sync_temperatures(settings, weather, store, NOW)
    weather.archive = hours("2023-12-01", "2025-03-05", 5.0)
    weather.forecast = hours("2024-12-01", "2025-03-20", 7.0)
    sync_temperatures(settings, weather, store, NOW + pd.Timedelta(days=28))
    assert store.readings(OUTDOOR).loc[:"2025-03-04"].eq(5.0).all()


def test_changes_below_a_tenth_are_none(settings, store):
    weather = Weather()
    sync_temperatures(settings, weather, store, NOW)
    weather.archive.loc["2025-02-01"] += np.linspace(0.0, 0.09, 24)
    weather.archive.loc["2025-02-02 12:00"] += 0.1
    assert sync_temperatures(settings, weather, store, NOW).corrected == 1
    assert store.readings(OUTDOOR).loc["2025-02-01"].eq(5.0).all()


def test_a_gap_of_the_archive_is_asked_for_until_it_is_filled_and_known_days_of_its_year_stay(settings, store):
    weather = Weather()
    whole = weather.archive.copy()
    weather.archive = whole.drop(whole.loc["2024-05-03":"2024-05-04"].index)
    assert sync_temperatures(settings, weather, store, NOW).unknown_days == 2
    weather.archive = whole + 3.0
    weather.asked.clear()
    found = sync_temperatures(settings, weather, store, NOW)
    assert ("archive", date(2024, 5, 3), date(2024, 5, 4)) in weather.asked
    assert (found.written, found.unknown_days) == (48, 0)
    kept = store.readings(OUTDOOR)
    assert kept.loc["2024-05-03":"2024-05-04"].eq(8.0).all()
    assert kept.loc["2024-05-02"].eq(5.0).all()


def test_what_was_imported_stays_but_the_last_two_weeks_that_may_be_a_forecast(settings, store):
    imported = pd.Series(-1.0, pd.date_range("2024-01-10", "2024-02-10", freq="3h", tz="UTC", unit="us"))
    store.write_readings(OUTDOOR, imported)
    sync_temperatures(settings, Weather(), store, NOW)
    kept = store.readings(OUTDOOR)
    first = slice("2024-01-10", "2024-01-26")
    pd.testing.assert_series_equal(kept.loc[first], imported.loc[first], check_names=False, check_freq=False)
    assert kept.loc["2024-02-01":].ge(5.0).all()


def test_what_was_read_before_a_failure_is_kept_and_the_next_fetch_goes_on(settings, store):
    weather = Weather()
    weather.away = True
    with pytest.raises(OpenMeteoError):
        sync_temperatures(settings, weather, store, NOW)
    assert store.readings(OUTDOOR).index[-1] == pd.Timestamp("2025-02-04 23:00", tz="UTC")
    weather.away = False
    weather.asked.clear()
    sync_temperatures(settings, weather, store, NOW)
    assert [first.year for _, first, _ in weather.asked] == [2025, 2025]


def test_a_house_without_a_complete_day_asks_for_nothing(settings, store):
    weather = Weather()
    found = sync_temperatures(settings, weather, store, pd.Timestamp("2023-12-20 05:00", tz="UTC"))
    assert (found.written, weather.asked) == (0, [])
