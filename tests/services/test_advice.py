"""Which meter to read next: the one that has been open for long, uses much, and is read by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse
from workflows_dagster.services.advice import advise
from workflows_dagster.stores.ports import RawSeries

METERS = """\
meters:
  - {meter_id: gas, type: physical, output_unit: m³, installation_date: 2023-01-01}
  - {meter_id: water, type: physical, output_unit: m³, installation_date: 2023-01-01}
  - {meter_id: sensor, type: physical, output_unit: kWh, installation_date: 2023-01-01}
  - {meter_id: gone, type: physical, output_unit: m³, installation_date: 2023-01-01, deinstallation_date: 2024-02-01}
  - {meter_id: new, type: physical, output_unit: m³, installation_date: 2024-09-01}
"""
NOW = pd.Timestamp("2024-10-01 10:00", tz="UTC")
DAYS = pd.date_range("2023-01-01", "2024-10-01", freq="D", tz="UTC", unit="us")


def house_of(small_house, last_gas: str, last_water: str) -> SmallHouse:
    house: SmallHouse = small_house(METERS)
    shown = np.cumsum(5.0 + 2.0 * np.sin(np.arange(len(DAYS)) / 11))
    series = pd.Series(np.round(shown, 2), DAYS)
    for meter, unit, until in (("gas", "m³", last_gas), ("water", "m³", last_water), ("gone", "m³", "2024-01-31")):
        house.store.write_readings(RawSeries(unit, meter), series.loc[:until].iloc[::-31].iloc[::-1])
    house.store.write_readings(RawSeries("kWh", "sensor"), series)
    house.store.write_readings(RawSeries("m³", "new"), series.iloc[[-30, -1]])
    return house


@pytest.mark.parametrize(
    ("last_gas", "last_water", "first"), [("2024-09-20", "2024-06-01", "water"), ("2024-05-10", "2024-09-20", "gas")]
)
def test_of_two_meters_the_one_that_was_not_read_for_long_comes_first(small_house, last_gas, last_water, first):
    house = house_of(small_house, last_gas, last_water)
    found = advise(house.settings, house.store, NOW)
    assert [advice.meter_id for advice in found] == [first, *({"gas", "water"} - {first})]
    for advice in found:
        assert 0 < advice.with_reading < advice.half_width


def test_the_advice_names_what_reading_it_gives(small_house):
    house = house_of(small_house, "2024-06-01", "2024-09-20")
    (advice, *_) = advise(house.settings, house.store, NOW)
    assert advice.last == pd.Timestamp("2024-06-01", tz="UTC")
    now = pd.DatetimeIndex([NOW]).as_unit("us")
    rate = 5.0
    reading = float(house.store.readings(RawSeries("m³", "gas")).iloc[-1]) + rate * (NOW - advice.last).days
    house.store.write_readings(RawSeries("m³", "gas"), pd.Series([round(reading, 1)], now))
    again = {one.meter_id: one for one in advise(house.settings, house.store, NOW + pd.Timedelta(minutes=1))}
    assert again["gas"].half_width == pytest.approx(advice.with_reading, rel=0.25)
