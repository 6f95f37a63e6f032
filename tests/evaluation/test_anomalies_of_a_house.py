"""Anomalies of whole houses, from their readings to the sentences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.houses import SAMPLE_DAYS, SmallHouse
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.anomalies import Anomalies
from workflows_dagster.records.days import write_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries
from workflows_dagster.wording import Words
from workflows_dagster.wording.anomalies import anomaly_sentence

COARSE = """
meters:
  - meter_id: heat_pump
    type: physical
    output_unit: kWh
    installation_date: 2024-01-01
    measured_max_gap_hours: 2
"""
GARDEN = """
meters:
  - {meter_id: tap, type: physical, output_unit: m³, utility: water, installation_date: 2024-01-01}
"""
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
    cuts = DayRange(first, last).openings(settings.site.zone)
    for meter in settings.meters.in_order():
        if isinstance(meter, PhysicalMeter):
            frames[meter.meter_id] = evaluation.physical(meter, DayRange(first, last)).days
        else:
            frames[meter.meter_id] = evaluation.derived(meter, DayRange(first, last), frames).days
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
    write_all_days(shipped, store, SAMPLE_DAYS.first, SAMPLE_DAYS.last)
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
        found = anomalies.of_meter(meter, DayRange(date(2024, 1, 1), date(2024, 3, 30))).days
        told = found[found["severity"].notna()]
        assert list(told.index) == [pd.Timestamp("2024-03-20 23:00", tz="UTC")]
        assert told["severity"].iloc[0] == "alert"
        assert "usual for a Thursday at this season 0." in anomaly_sentence(told["reason"].iloc[0], "m³", Words())


def test_a_dripping_tap_is_told_as_a_base_load(small_house: Callable[..., SmallHouse]):
    house = small_water_house(small_house, lambda day: taps(day) + (4 if day >= 80 else 0), 90)
    found = (
        Anomalies(house.settings, house.store)
        .of_meter("water", DayRange(date(2024, 3, 1), date(2024, 3, 30)))
        .base_load
    )
    told = found[found["severity"].notna()]
    assert list(told.index) == [pd.Timestamp("2024-03-22 23:00", tz="UTC")]
    assert told["base_load"].iloc[0] == pytest.approx(0.004)
    assert anomaly_sentence(told["reason"].iloc[0], "m³", Words()).startswith(
        "at least 0.0040 m³/h flowed all day for the 3rd day running"
    )


def test_a_meter_read_by_hand_is_judged_when_it_is_read(small_house: Callable[..., SmallHouse]):
    house = small_house(HAND)
    readings = {"2024-01-01 10:00": 0.0, "2024-02-10 10:00": 10.0, "2024-03-20 10:00": 20.0, "2024-05-01 10:00": 30.5}
    house.read("garden", {**readings, "2024-06-10 10:00": 60.0, "2024-07-20 10:00": 70.0}, unit="m³")
    write_all_days(house.settings, house.store, date(2024, 1, 1), date(2024, 8, 1))
    anomalies = Anomalies(house.settings, house.store)
    found = anomalies.of_meter("garden", DayRange(date(2024, 1, 1), date(2024, 8, 1)))
    assert [f"{moment:%m-%d}" for moment in found.days.index.tz_convert("Europe/Berlin")] == ["06-10", "07-20"]
    assert found.days["severity"].tolist() == ["alert", None]
    reason = anomaly_sentence(found.days["reason"].iloc[0], "m³", Words())
    assert reason.startswith("30 m³ in the 40 days to 10 June, usual for this time of year 10 (")
    assert found.base_load.empty
    alone = anomalies.of_meter("garden", DayRange.single(date(2024, 6, 10))).days
    pd.testing.assert_frame_equal(alone, found.days.iloc[:1], check_exact=True)


def hourly_with_gaps(
    make: Callable[..., SmallHouse],
    *gaps: tuple[str, str],
    first: date = date(2024, 1, 1),
    last: date = date(2024, 3, 31),
) -> SmallHouse:
    """A heat pump with 24 kWh a day, thrice as much in the gaps, that says nothing strictly between their ends."""
    house = make(COARSE)
    cuts = DayRange(first, last).openings(house.settings.site.zone)
    index = pd.date_range(cuts[0], cuts[-1] + pd.Timedelta(hours=2), freq="h", unit="us")
    heard, fast = np.ones(len(index), dtype=bool), np.zeros(len(index), dtype=bool)
    for start, end in gaps:
        opening, closing = (pd.Timestamp(moment, tz="Europe/Berlin") for moment in (start, end))
        heard &= ~((index > opening) & (index < closing))
        fast |= (index > opening) & (index <= closing)
    day = (np.arange(len(index)) - 1) // 24
    used = np.where(fast, 3.0, 1.0) * (1 + 0.05 * (day % 3 - 1))
    used[0] = 0.0
    house.store.write_readings(RawSeries("kWh", "heat_pump"), pd.Series(np.cumsum(used), index=index)[heard])
    write_all_days(house.settings, house.store, first, last)
    return house


def alone_and_together(anomalies: Anomalies, meter: str, first: date, last: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge each day by itself, and all of them at once."""
    each = [anomalies.days(meter, DayRange.single(day.date())) for day in pd.date_range(first, last)]
    together = anomalies.days(meter, DayRange(first, last))
    return pd.concat([frame for frame in each if len(frame)] or [together.iloc[:0]]), together


def test_six_silent_hours_within_a_day_leave_it_a_day(small_house: Callable[..., SmallHouse]):
    house = hourly_with_gaps(
        small_house, ("2024-03-13 10:00", "2024-03-13 16:00"), ("2024-03-20 22:00", "2024-03-21 03:00")
    )
    anomalies = Anomalies(house.settings, house.store)
    alone = anomalies.days("heat_pump", DayRange.single(date(2024, 3, 13)))
    assert alone["consumption"].tolist() == pytest.approx([18 * 0.95 + 6 * 3 * 0.95])
    together = anomalies.days("heat_pump", DayRange(date(2024, 3, 1), date(2024, 3, 31)))
    pd.testing.assert_frame_equal(alone, together[together.index == alone.index[0]], check_exact=True)
    # Five hours over midnight are no level of consumption: neither day was measured, so neither is judged.
    judged = set(together.index.tz_convert("Europe/Berlin").day)
    assert judged == set(range(1, 32)) - {20, 21}


def test_each_day_of_a_meter_with_gaps_is_judged_alone_as_in_a_range(small_house: Callable[..., SmallHouse]):
    house = hourly_with_gaps(
        small_house,
        ("2024-03-05 10:00", "2024-03-05 16:00"),
        ("2024-03-08 22:00", "2024-03-09 03:00"),
        ("2024-03-12 06:00", "2024-03-14 09:00"),
        ("2024-03-14 15:00", "2024-03-17 09:00"),
        ("2024-03-20 00:00", "2024-03-21 00:00"),
        ("2024-03-25 01:00", "2024-03-25 23:00"),
    )
    alone, together = alone_and_together(
        Anomalies(house.settings, house.store), "heat_pump", date(2024, 1, 1), date(2024, 3, 31)
    )
    pd.testing.assert_frame_equal(alone, together, check_exact=True)
    told = together["reason"].dropna()
    # The second silence follows the first within hours, and as much was used in it: that is told once.
    assert [anomaly_sentence(reason, "kWh", Words()).split(",")[0] for reason in told] == [
        "152 kWh in the 2 days to 14 March",
        "72 kWh in the 1 day to 20 March",
        "65 kWh",
    ]


def test_a_silence_of_23_hours_within_the_long_day_of_october_leaves_it_a_day(small_house: Callable[..., SmallHouse]):
    span = date(2024, 8, 1), date(2024, 10, 31)
    gaps = ("2024-10-21 22:00", "2024-10-22 03:00"), ("2024-10-27 01:00", "2024-10-27 23:00")
    house = hourly_with_gaps(small_house, *gaps, first=span[0], last=span[1])
    alone, together = alone_and_together(Anomalies(house.settings, house.store), "heat_pump", *span)
    pd.testing.assert_frame_equal(alone, together, check_exact=True)
    assert together.loc[pd.Timestamp("2024-10-26 22:00", tz="UTC"), "consumption"] == pytest.approx(71, abs=4)


def test_each_day_of_the_sample_household_is_judged_alone_as_in_a_range(shipped: Settings, sample_house: EmbeddedStore):
    anomalies = Anomalies(shipped, sample_house)
    for meter in shipped.meters:
        alone, together = alone_and_together(anomalies, meter.meter_id, date(2025, 1, 12), date(2025, 1, 22))
        pd.testing.assert_frame_equal(alone, together, check_exact=True)


def test_a_garden_tap_is_left_in_peace_all_summer(small_house: Callable[..., SmallHouse]):
    """Read once a week: nothing from October to March, something every week of the summer."""
    house = small_house(GARDEN)
    sundays = pd.date_range("2024-01-07 18:00", "2025-12-28 18:00", freq="7D", tz="UTC", unit="us")
    watered = np.resize([0.3, 0.5, 0.2, 0.8, 0.4, 0.6], len(sundays)) * np.isin(sundays.month, range(4, 10))
    house.store.write_readings(RawSeries("m³", "tap"), pd.Series(np.cumsum(watered), index=sundays))
    write_all_days(house.settings, house.store, date(2024, 1, 1), date(2025, 12, 28))
    found = Anomalies(house.settings, house.store).days("tap", DayRange(date(2024, 1, 1), date(2025, 12, 28)))
    assert found["severity"].isna().all()
    assert (found["expected"] > 0).any()


def test_a_meter_without_any_day_has_no_anomalies(small_house: Callable[..., SmallHouse]):
    house = small_house(WATER)
    for meter in ("water", "flat"):
        found = Anomalies(house.settings, house.store).of_meter(meter, DayRange(date(2024, 1, 1), date(2024, 3, 1)))
        assert found.days.empty
        assert found.base_load.empty


def test_the_sample_household_is_left_in_peace(shipped: Settings, sample_house: EmbeddedStore):
    anomalies = Anomalies(shipped, sample_house)
    told = {meter.meter_id: 0 for meter in shipped.meters}
    for meter in told:
        found = anomalies.of_meter(meter, SAMPLE_DAYS)
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
        full = anomalies.of_meter(meter.meter_id, SAMPLE_DAYS)
        part = anomalies.of_meter(meter.meter_id, DayRange(first, last))
        for whole, alone in ((full.days, part.days), (full.base_load, part.base_load)):
            inside = whole[(whole.index >= since) & (whole.index < until)]
            pd.testing.assert_frame_equal(
                alone, inside, check_exact=True, check_freq=False, check_dtype=len(inside) > 0
            )
