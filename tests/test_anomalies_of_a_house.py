"""Anomalies of whole houses, from their readings to the sentences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.conftest import SAMPLE_FIRST, SAMPLE_LAST, SmallHouse
from workflows_dagster.domain import days
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.anomalies import Anomalies
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.day_frames import write_days
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

WATER = """
meters:
  - {meter_id: water, type: physical, output_unit: m³, utility: water, installation_date: 2024-01-01}
  - {meter_id: cellar, type: physical, output_unit: m³, utility: water, installation_date: 2024-01-01}
  - meter_id: flat
    type: virtual
    output_unit: m³
    utility: water
    calculation_type: subtraction
    base_meter: water
    subtract_meters: [cellar]
"""
HAND = """
meters:
  - meter_id: garden
    type: physical
    output_unit: m³
    utility: water
    installation_date: 2024-01-01
    reading_interval_days: 42
"""


def write_all_days(settings: Settings, store: EmbeddedStore, first: date, last: date) -> None:
    """Compute and store every meter's days, as the graph does."""
    evaluation, frames = Evaluation(settings, store), {}
    cuts = days.openings(first, last, settings.site.zone)
    for meter in settings.meters.in_order():
        if isinstance(meter, PhysicalMeter):
            frames[meter.meter_id] = evaluation.physical(meter, first, last).days
        else:
            frames[meter.meter_id] = evaluation.derived(meter, first, last, frames).days
        write_days(store, meter.meter_id, meter.output_unit, cuts[0], cuts[-1], frames[meter.meter_id])


@pytest.fixture(scope="module")
def sample_house(
    shipped: Settings, sample_store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory
) -> EmbeddedStore:
    """The sample household with its days, in a store of its own."""
    store = EmbeddedStore(tmp_path_factory.mktemp("anomalies") / "house.sqlite")
    for row in sample_store.catalogue().itertuples():
        series = RawSeries(row.measurement, row.entity_id, row.field, row.domain)
        store.write_readings(series, sample_store.readings(series))
    write_all_days(shipped, store, SAMPLE_FIRST, SAMPLE_LAST)
    yield store
    store.close()


def small_water_house(make: Callable[..., SmallHouse], litres: Callable[[int], np.ndarray], count: int) -> SmallHouse:
    """A house whose water meter sends its hours from 2024-01-01 on, and whose cellar uses a tenth of it."""
    house = make(WATER)
    index = pd.date_range("2023-12-31 23:00", periods=24 * count + 1, freq="h", tz="UTC", unit="us")
    used = np.concatenate([litres(day) for day in range(count)])
    for meter, part in (("water", 1.0), ("cellar", 0.1)):
        register = np.concatenate([[0.0], np.cumsum(used * part)]) / 1000
        house.store.write_readings(RawSeries("m³", meter), pd.Series(register, index=index))
    write_all_days(house.settings, house.store, date(2024, 1, 1), date(2024, 1, 1) + timedelta(days=count - 1))
    return house


def taps(day: int) -> np.ndarray:
    """Litres of each hour: nothing at night, a little more or less from day to day."""
    hours = np.array([0, 0, 0, 0, 0, 0, 40, 60, 30, 5, 5, 10, 30, 5, 5, 5, 10, 20, 40, 30, 20, 10, 5, 0], dtype=float)
    return hours * (1 + 0.1 * (day % 3 - 1))


def test_a_burst_pipe_is_told_for_the_meter_and_for_what_is_made_from_it(small_house: Callable[..., SmallHouse]):
    house = small_water_house(small_house, lambda day: taps(day) * (4 if day == 80 else 1), 90)
    anomalies = Anomalies(house.settings, house.store)
    for meter in ("water", "flat"):
        found = anomalies.of_meter(meter, date(2024, 1, 1), date(2024, 3, 30)).days
        told = found[found["severity"].notna()]
        assert list(told.index) == [pd.Timestamp("2024-03-20 23:00", tz="UTC")]
        assert told["severity"].iloc[0] == "alert"
        assert "usual for a Thursday at this season 0." in told["reason"].iloc[0]


def test_a_dripping_tap_is_told_as_a_base_load(small_house: Callable[..., SmallHouse]):
    house = small_water_house(small_house, lambda day: taps(day) + (4 if day >= 80 else 0), 90)
    found = Anomalies(house.settings, house.store).of_meter("water", date(2024, 3, 1), date(2024, 3, 30)).base_load
    told = found[found["severity"].notna()]
    assert list(told.index) == [pd.Timestamp("2024-03-22 23:00", tz="UTC")]
    assert told["base_load"].iloc[0] == pytest.approx(0.004)
    assert told["reason"].iloc[0].startswith("at least 0.0040 m³/h flowed all day for the 3rd day running")


def test_a_meter_read_by_hand_is_judged_when_it_is_read(small_house: Callable[..., SmallHouse]):
    house = small_house(HAND)
    readings = {"2024-01-01 10:00": 0.0, "2024-02-10 10:00": 10.0, "2024-03-20 10:00": 20.0, "2024-05-01 10:00": 30.5}
    house.read("garden", {**readings, "2024-06-10 10:00": 60.0, "2024-07-20 10:00": 70.0}, unit="m³")
    write_all_days(house.settings, house.store, date(2024, 1, 1), date(2024, 8, 1))
    anomalies = Anomalies(house.settings, house.store)
    found = anomalies.of_meter("garden", date(2024, 1, 1), date(2024, 8, 1))
    assert [f"{moment:%m-%d}" for moment in found.days.index.tz_convert("Europe/Berlin")] == ["06-10", "07-20"]
    assert found.days["severity"].tolist() == ["alert", None]
    assert found.days["reason"].iloc[0].startswith("30 m³ in the 40 days to 10 June, usual for this time of year 10 (")
    assert found.base_load.empty
    alone = anomalies.of_meter("garden", date(2024, 6, 10), date(2024, 6, 10)).days
    pd.testing.assert_frame_equal(alone, found.days.iloc[:1], check_exact=True)


def test_a_meter_without_any_day_has_no_anomalies(small_house: Callable[..., SmallHouse]):
    house = small_house(WATER)
    for meter in ("water", "flat"):
        found = Anomalies(house.settings, house.store).of_meter(meter, date(2024, 1, 1), date(2024, 3, 1))
        assert found.days.empty
        assert found.base_load.empty


def test_the_sample_household_is_left_in_peace(shipped: Settings, sample_house: EmbeddedStore):
    anomalies = Anomalies(shipped, sample_house)
    told = {meter.meter_id: 0 for meter in shipped.meters}
    for meter in told:
        found = anomalies.of_meter(meter, SAMPLE_FIRST, SAMPLE_LAST)
        told[meter] = int(found.days["severity"].notna().sum() + found.base_load["severity"].notna().sum())
    months = 14
    assert sum(told.values()) <= 4 * months, told
    # Both flats are away for a fortnight in summer and a week in autumn, and nothing else happens to them.
    assert 1 <= told["og1_strom"] <= 4
    assert told["strom_total"] == 0


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2024, 8, 9), date(2024, 8, 9)),
        (date(2024, 9, 1), date(2024, 11, 30)),
        (date(2024, 2, 1), date(2024, 2, 2)),
    ],
)
def test_a_day_alone_and_a_range_are_judged_as_in_a_full_backfill(
    shipped: Settings, sample_house: EmbeddedStore, first: date, last: date
):
    anomalies = Anomalies(shipped, sample_house)
    since, until = days.opening(first, shipped.site.zone), days.closing(last, shipped.site.zone)
    for meter in shipped.meters:
        full = anomalies.of_meter(meter.meter_id, SAMPLE_FIRST, SAMPLE_LAST)
        part = anomalies.of_meter(meter.meter_id, first, last)
        for whole, alone in ((full.days, part.days), (full.base_load, part.base_load)):
            inside = whole[(whole.index >= since) & (whole.index < until)]
            pd.testing.assert_frame_equal(
                alone, inside, check_exact=True, check_freq=False, check_dtype=len(inside) > 0
            )
