"""Costs over stored days, dated tariffs and prices of the hour, in small houses and the shipped one."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.evaluation.hour_prices import billing_differences, hourly_prices
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.repair.due import MadeFrom
from workflows_dagster.settings.load import load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, RawSeries
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence

MAIN = "      - {meter_id: main, type: physical, output_unit: kWh, utility: electricity}\n"
FLAT = "      - {meter_id: flat, type: physical, output_unit: kWh, utility: electricity}\n"
HOURLY = "    tariffs:\n      - utility: electricity\n        hourly_prices: tibber\n        prices: [%s]\n"
DATED = "{valid_from: 2024-01-01, unit_price: 0.30, per: kWh}"
TIBBER_METER = (
    "      - {meter_id: main, type: physical, output_unit: kWh, utility: electricity,\n"
    "         source: {kind: interval, measurement: energy, entity_id: main}}\n"
)
PRICES = RawSeries("energy", "main", "unit_price")


@pytest.fixture
def priced_house(small_house, tmp_path: Path) -> Callable[..., SmallHouse]:
    """Make small houses with tariffs."""

    def make(meters: str, tariffs: str, config: str = "tibber: {meter_id: main}\n") -> SmallHouse:
        (tmp_path / "config").mkdir(exist_ok=True)
        (tmp_path / "config" / "tariffs.yaml").write_text(dedent(tariffs), encoding="utf-8")
        return small_house("    meters:\n" + meters, config=config)

    return make


def store_days(house: SmallHouse, first: date, last: date, *meter_ids: str) -> None:
    """Compute and store days as a run does."""
    evaluation, zone = Evaluation(house.settings, house.store), house.settings.site.zone
    start, end = days.opening(first, zone), days.closing(last, zone)
    for meter_id in meter_ids:
        unit = house.settings.meters[meter_id].output_unit
        write_days(house.store, meter_id, unit, start, end, evaluation.days(meter_id, DayRange(first, last)).days)


def given_days(house: SmallHouse, meter_id: str, first: date, consumption: list[float]) -> pd.DatetimeIndex:
    """Store a meter's days as they are given."""
    last = date.fromordinal(first.toordinal() + len(consumption) - 1)
    openings = DayRange(first, last).openings(house.settings.site.zone)
    quality = ["missing" if math.isnan(amount) else "measured" for amount in consumption]
    frame = pd.DataFrame({"consumption": consumption, "quality": quality}, index=openings[:-1])
    unit = house.settings.meters[meter_id].output_unit
    write_days(house.store, meter_id, unit, openings[0], openings[-1], frame)
    return openings[:-1]


def hours(first: str, count: int) -> pd.DatetimeIndex:
    return pd.date_range(first, periods=count, freq="h", tz="Europe/Berlin", unit="us").tz_convert("UTC")


def register(house: SmallHouse, meter_id: str, first: str, consumption: list[float]) -> None:
    """Write a register that is read at each full hour."""
    shown = np.concatenate([[0.0], np.cumsum(consumption)])
    readings = pd.Series(shown, index=hours(first, len(shown)))
    house.store.write_readings(RawSeries("kWh", meter_id), readings)


def charge(house: SmallHouse, first: str, prices: list[float]) -> None:
    """Write the prices of hours, NaN for none."""
    house.store.write_readings(PRICES, pd.Series(prices, index=hours(first, len(prices))).dropna())


def cost(house: SmallHouse, meter_id: str, first: date, last: date) -> pd.DataFrame:
    return Costing(house.settings, house.store).of_meter(meter_id, DayRange(first, last))


TARIFF = """
    tariffs:
      - utility: electricity
        billed_meter: main
        prices:
          - {valid_from: 2024-01-02, unit_price: 0.25, per: kWh, standing_charge: 36.60, standing_charge_per: year,
             vat_percent: 20, prices_include_vat: false}
"""


def test_a_stored_day_is_priced_with_tax_and_its_share_of_the_leap_year(priced_house):
    house = priced_house(MAIN, TARIFF)
    index = given_days(house, "main", date(2024, 1, 1), [7.0, 10.0, math.nan, 0.0])
    found = cost(house, "main", date(2024, 1, 1), date(2024, 1, 4))
    # No price yet on the first day, no consumption on the third. 36.60 · 1.2 / 366 = 0.12 a day.
    pd.testing.assert_frame_equal(
        found,
        pd.DataFrame(
            {"cost": [3.12, 0.12], "unit_price": 0.30, "standing_charge": 0.12, "lower": math.nan, "upper": math.nan},
            index=index[[1, 3]].rename("start"),
        ),
        check_freq=False,
    )


def test_a_meter_without_a_tariff_has_an_empty_frame_and_is_not_named(priced_house):
    house = priced_house(MAIN + "      - {meter_id: tap, type: physical, output_unit: m³, utility: water}\n", TARIFF)
    given_days(house, "tap", date(2024, 1, 1), [1.0])
    costing = Costing(house.settings, house.store)
    found = costing.of_meter("tap", DayRange.single(date(2024, 1, 1)))
    assert costing.meters == ("main",)
    assert found.empty
    assert list(found) == ["cost", "unit_price", "standing_charge", "lower", "upper"]


def test_days_that_are_not_stored_have_no_cost(priced_house):
    house = priced_house(MAIN, TARIFF)
    assert cost(house, "main", date(2024, 1, 1), date(2024, 1, 31)).empty


def test_what_is_fed_in_is_paid_for(priced_house):
    house = priced_house(
        "      - {meter_id: feed, type: physical, output_unit: kWh, utility: solar}\n",
        """
        tariffs:
          - meter: feed
            feed_in: true
            prices: [{valid_from: 2024-01-01, unit_price: 0.08, standing_charge: 1, standing_charge_per: day}]
        """,
    )
    given_days(house, "feed", date(2024, 1, 1), [50.0])
    found = cost(house, "feed", date(2024, 1, 1), date(2024, 1, 1)).iloc[0]
    assert (found["cost"], found["unit_price"], found["standing_charge"]) == pytest.approx((-3.0, -0.08, 1.0))


GAS = "      - {meter_id: gas, type: physical, output_unit: m³, utility: gas}\n"
GAS_FACTORS = """
    gas_conversion:
      - {valid_from: 2023-01-01, energy_content: 11.0, z_factor: 0.9}
      - {valid_from: 2024-01-01, energy_content: 10.0, z_factor: 0.95}
"""


def test_gas_is_billed_by_the_factors_of_its_day_over_the_turn_of_the_year(priced_house):
    house = priced_house(
        GAS, "tariffs: [{utility: gas, prices: [{valid_from: 2020-01-01, unit_price: 0.1, per: kWh}]}]", GAS_FACTORS
    )
    given_days(house, "gas", date(2023, 12, 31), [10.0, 10.0])
    found = cost(house, "gas", date(2023, 12, 31), date(2024, 1, 1))
    assert found["cost"].tolist() == pytest.approx([9.9, 9.5])
    assert found["unit_price"].tolist() == pytest.approx([0.99, 0.95])


def test_a_later_price_leaves_the_costs_of_all_earlier_days_bit_for_bit(priced_house):
    house = priced_house(MAIN, TARIFF)
    used = (np.random.default_rng(4).random(366) * 20).tolist()
    given_days(house, "main", date(2024, 1, 1), used)
    before = cost(house, "main", date(2024, 1, 1), date(2024, 12, 31))
    later = (
        TARIFF
        + """\
          - {valid_from: 2024-07-01, unit_price: 0.21, per: kWh, standing_charge: 5, standing_charge_per: month}
"""
    )
    folder = house.settings.config_dir
    (folder / "tariffs.yaml").write_text(dedent(later), encoding="utf-8")
    after = Costing(load(folder, {}), house.store).of_meter("main", DayRange(date(2024, 1, 1), date(2024, 12, 31)))
    changed = days.opening(date(2024, 7, 1), house.settings.site.zone)
    earlier = before.index < changed
    pd.testing.assert_frame_equal(before[earlier], after[earlier], check_exact=True)
    assert (before["cost"][~earlier] != after["cost"][~earlier]).all()


def test_a_correction_prices_its_own_day_anew_and_no_other(priced_house):
    house = priced_house(MAIN, TARIFF)
    given_days(house, "main", date(2024, 1, 1), [3.3] * 31)
    before = cost(house, "main", date(2024, 1, 1), date(2024, 1, 31))
    given_days(house, "main", date(2024, 1, 17), [4.4])
    after = cost(house, "main", date(2024, 1, 1), date(2024, 1, 31))
    changed = (before != after).drop(columns=["lower", "upper"]).any(axis=1)
    assert changed[changed].index.tolist() == [days.opening(date(2024, 1, 17), house.settings.site.zone)]


def test_a_day_costs_what_its_hours_cost(priced_house):
    house = priced_house(MAIN, HOURLY % DATED)
    used = [0.1 * hour for hour in range(24)]
    paid = [0.20 + 0.01 * (hour % 7) for hour in range(24)]
    register(house, "main", "2024-05-10", used)
    charge(house, "2024-05-10", paid)
    store_days(house, date(2024, 5, 10), date(2024, 5, 10), "main")
    found = cost(house, "main", date(2024, 5, 10), date(2024, 5, 10)).iloc[0]
    assert found["cost"] == pytest.approx(sum(u * p for u, p in zip(used, paid, strict=True)), rel=1e-9)
    assert found["unit_price"] == pytest.approx(found["cost"] / sum(used), rel=1e-9)


def test_each_hour_of_the_25_hour_day_has_its_own_price(priced_house):
    house = priced_house(MAIN, HOURLY % DATED)
    # Dear only in the second of the two hours that begin at two.
    paid = [0.10] * 25
    paid[3] = 1.10
    register(house, "main", "2024-10-27", [1.0] * 25)
    charge(house, "2024-10-27", paid)
    store_days(house, date(2024, 10, 27), date(2024, 10, 27), "main")
    found = cost(house, "main", date(2024, 10, 26), date(2024, 10, 28))
    assert found["cost"].tolist() == pytest.approx([3.50])


def test_the_23_hour_day_has_23_prices(priced_house):
    house = priced_house(MAIN, HOURLY % DATED)
    register(house, "main", "2024-03-31", [1.0] * 23)
    # The next day's first price is not this day's.
    charge(house, "2024-03-31", [0.10] * 23 + [9.0])
    store_days(house, date(2024, 3, 31), date(2024, 3, 31), "main")
    assert cost(house, "main", date(2024, 3, 31), date(2024, 3, 31))["cost"].tolist() == pytest.approx([2.30])


def test_hours_without_a_price_cost_the_mean_of_the_others_and_days_without_any_the_dated_price(priced_house):
    house = priced_house(MAIN, HOURLY % DATED)
    register(house, "main", "2024-05-10", [1.0] * 24 + [2.0] * 24)
    charge(house, "2024-05-10", [0.20] * 6 + [0.40] * 6 + [math.nan] * 12)
    store_days(house, date(2024, 5, 10), date(2024, 5, 11), "main")
    found = cost(house, "main", date(2024, 5, 10), date(2024, 5, 11))
    assert found["cost"].tolist() == pytest.approx([24 * 0.30, 48 * 0.30])
    assert found["unit_price"].tolist() == pytest.approx([0.30, 0.30])
    charge(house, "2024-05-10", [0.20] * 12)
    found = cost(house, "main", date(2024, 5, 10), date(2024, 5, 11))
    assert found["cost"].tolist() == pytest.approx([24 * 0.20, 48 * 0.30])


def test_hours_that_were_not_measured_cost_the_mean_of_the_days_prices(priced_house):
    house = priced_house(MAIN, HOURLY % DATED)
    house.read("main", {"2024-05-01": 0.0, "2024-05-31": 300.0})
    charge(house, "2024-05-10", [0.20] * 12 + [0.40] * 12)
    store_days(house, date(2024, 5, 10), date(2024, 5, 10), "main")
    assert cost(house, "main", date(2024, 5, 10), date(2024, 5, 10))["cost"].tolist() == pytest.approx([10 * 0.30])


def test_what_was_used_in_hours_that_were_not_measured_costs_the_mean_of_those_that_were(priced_house):
    house = priced_house(MAIN, HOURLY % DATED)
    register(house, "main", "2024-05-10", [1.0] * 12)
    house.read("main", {"2024-05-20 12:00": 12.0 + 240.0})
    charge(house, "2024-05-10", [0.20] * 12 + [0.40] * 12)
    store_days(house, date(2024, 5, 10), date(2024, 5, 10), "main")
    assert cost(house, "main", date(2024, 5, 10), date(2024, 5, 10))["cost"].tolist() == pytest.approx([24 * 0.20])


def test_what_is_fed_in_by_the_hour_is_paid_for_but_not_at_a_negative_price(priced_house):
    house = priced_house(MAIN, "tariffs: [{meter: main, feed_in: true, hourly_prices: tibber}]")
    register(house, "main", "2024-05-10", [1.0] * 48)
    charge(house, "2024-05-10", [0.05] * 24 + [-0.01] * 24)
    store_days(house, date(2024, 5, 10), date(2024, 5, 11), "main")
    assert cost(house, "main", date(2024, 5, 10), date(2024, 5, 11))["cost"].tolist() == pytest.approx([-1.20, 0.24])


def test_a_zone_that_is_shifted_by_half_an_hour_has_half_an_hours_price_at_either_end(priced_house):
    house = priced_house(MAIN, HOURLY % DATED, "timezone: Asia/Kolkata\ntibber: {meter_id: main}\n")
    index = pd.date_range("2024-05-09 18:00", periods=26, freq="h", tz="UTC", unit="us")
    house.store.write_readings(RawSeries("kWh", "main"), pd.Series(np.arange(26.0), index=index))
    # Midnight is 18:30 UTC: half of the dear hour is this day's, and half of the one that is paid for.
    prices = pd.Series([1.10, *[0.10] * 23, -0.90], index=index[:25])
    house.store.write_readings(PRICES, prices)
    store_days(house, date(2024, 5, 10), date(2024, 5, 10), "main")
    found = cost(house, "main", date(2024, 5, 10), date(2024, 5, 10))
    assert found["cost"].tolist() == pytest.approx([0.55 + 2.30 - 0.45])
    # All that the next day has is the second half of that last hour.
    store_days(house, date(2024, 5, 11), date(2024, 5, 11), "main")
    assert cost(house, "main", date(2024, 5, 11), date(2024, 5, 11))["unit_price"].tolist() == pytest.approx([-0.90])


def test_where_no_price_of_the_hour_and_no_dated_price_is_known_there_is_no_cost(priced_house):
    house = priced_house(MAIN, "tariffs: [{meter: main, hourly_prices: tibber}]")
    register(house, "main", "2024-05-10", [1.0] * 48)
    charge(house, "2024-05-11", [0.20] * 24)
    store_days(house, date(2024, 5, 10), date(2024, 5, 11), "main")
    found = cost(house, "main", date(2024, 5, 10), date(2024, 5, 11))
    assert found["cost"].tolist() == pytest.approx([4.80])


def test_prices_of_the_hour_are_per_kilowatt_hour_whatever_the_meter_counts_in(priced_house):
    house = priced_house(
        "      - {meter_id: main, type: physical, output_unit: Wh, utility: electricity}\n", HOURLY % DATED
    )
    readings = pd.Series(np.arange(25) * 1000.0, index=hours("2024-05-10", 25))
    house.store.write_readings(RawSeries("Wh", "main"), readings)
    charge(house, "2024-05-10", [0.20] * 24)
    store_days(house, date(2024, 5, 10), date(2024, 5, 10), "main")
    found = cost(house, "main", date(2024, 5, 10), date(2024, 5, 10)).iloc[0]
    assert (found["cost"], found["unit_price"]) == pytest.approx((4.80, 0.0002))


def test_tibbers_own_hours_are_priced_hour_by_hour(priced_house):
    source = "source: {kind: interval, measurement: energy}"
    house = priced_house(
        f"      - {{meter_id: main, type: physical, output_unit: kWh, utility: electricity, {source}}}\n",
        HOURLY % DATED,
    )
    used = pd.Series([1.0, 3.0] * 12, index=hours("2024-05-10", 24))
    house.store.write_readings(RawSeries("energy", "main", "consumption"), used)
    charge(house, "2024-05-10", [0.20, 0.40] * 12)
    store_days(house, date(2024, 5, 10), date(2024, 5, 10), "main")
    found = cost(house, "main", date(2024, 5, 10), date(2024, 5, 10))
    assert found["cost"].tolist() == pytest.approx([12 * (0.20 + 1.20)])


DERIVED = """\
      - {meter_id: old, type: physical, output_unit: kWh, deinstallation_date: 2024-05-10}
      - {meter_id: new, type: physical, output_unit: Wh, utility: electricity, installation_date: 2024-05-10}
      - meter_id: total
        type: master
        output_unit: kWh
        periods:
          - {start_date: 2024-01-01, end_date: 2024-05-10, composition_type: single, source_meters: [old]}
          - {start_date: 2024-05-11, composition_type: single, source_meters: [new],
             apply_offset_from_previous_period: true}
      - {meter_id: rest, type: virtual, output_unit: kWh, base_meter: total, subtract_meters: [flat]}
"""


def test_a_master_and_a_virtual_meter_pay_for_the_hours_of_the_meters_that_they_are_made_from(priced_house):
    """On the day of replacement the master has the hours of both meters; the parts cost what the whole does."""
    house = priced_house(FLAT + DERIVED, HOURLY % DATED, "tibber: {meter_id: main}\n")
    rng = np.random.default_rng(7)
    total, flat = 1.0 + rng.random(72), rng.random(72)
    paid = rng.random(72) - 0.3
    register(house, "old", "2024-05-09", total[:36].tolist())
    new = pd.Series(np.concatenate([[0.0], np.cumsum(total[36:])]) * 1000, index=hours("2024-05-10 12:00", 37))
    house.store.write_readings(RawSeries("Wh", "new"), new)
    register(house, "flat", "2024-05-09", flat.tolist())
    charge(house, "2024-05-09", paid.tolist())
    span = DayRange(date(2024, 5, 9), date(2024, 5, 11))
    store_days(house, span.first, span.last, "old", "new", "flat", "total", "rest")
    costing = Costing(house.settings, house.store)
    found = {meter_id: costing.of_meter(meter_id, span)["cost"].to_numpy() for meter_id in ("total", "flat", "rest")}
    assert found["total"] == pytest.approx((total * paid).reshape(3, 24).sum(axis=1), rel=1e-6)
    assert found["flat"] + found["rest"] == pytest.approx(found["total"], rel=1e-6)


@pytest.fixture(scope="module")
def sample_year(tmp_path_factory: pytest.TempPathFactory, shipped, sample_store):
    """The shipped house's days over its replacements, with prices of the hour from the new meter on."""
    store = EmbeddedStore(tmp_path_factory.mktemp("costs") / "costs.sqlite")
    evaluation, zone = Evaluation(shipped, sample_store), shipped.site.zone
    first, last = date(2024, 10, 20), date(2025, 1, 10)
    start, end = days.opening(first, zone), days.closing(last, zone)
    for meter in shipped.meters:
        frame = evaluation.days(meter.meter_id, DayRange(first, last)).days
        write_days(store, meter.meter_id, meter.output_unit, start, end, frame)
    # Hours of the whole history are what the days hang on.
    for row in sample_store.catalogue().itertuples():
        series = RawSeries(row.measurement, row.entity_id, row.field, row.domain)
        store.write_readings(series, sample_store.readings(series))
    index = pd.date_range("2024-11-26 23:00", "2025-01-05", freq="h", tz="UTC", unit="us")
    prices = pd.Series(0.3 + 0.1 * np.sin(np.arange(len(index))), index=index)
    store.write_readings(RawSeries("energy", "haupt_strom", "unit_price", "sensor"), prices)
    yield Costing(shipped, store), store, DayRange(first, last)
    store.close()


def test_every_shipped_meter_costs_what_its_day_its_price_and_its_standing_charge_say(sample_year, shipped):
    costing, store, span = sample_year
    assert len(costing.meters) == 26
    zone = shipped.site.zone
    for meter_id in costing.meters:
        found = costing.of_meter(meter_id, span)
        stored = read_days(store, meter_id, *span.bounds(zone))
        assert len(found) == stored["consumption"].notna().sum() > 0
        expected = stored["consumption"].reindex(found.index) * found["unit_price"] + found["standing_charge"]
        np.testing.assert_array_equal(found["cost"], expected)
        assert found.index.name == "start"


@pytest.mark.parametrize("meter_id", ["strom_total", "haupt_strom", "eg_strom", "strom_allgemein", "gas_total"])
def test_a_day_alone_costs_what_it_costs_in_a_range_to_the_last_bit(meter_id, sample_year, shipped):
    costing, store, span = sample_year
    whole = costing.of_meter(meter_id, span)
    for day in (date(2024, 10, 27), date(2024, 11, 26), date(2024, 11, 27), date(2024, 12, 24), date(2025, 1, 5)):
        alone = Costing(shipped, store).of_meter(meter_id, DayRange.single(day))
        there = whole.index.intersection([days.opening(day, shipped.site.zone)])
        pd.testing.assert_frame_equal(alone, whole.loc[there], check_exact=True, check_freq=False)


def test_the_hours_prices_show_in_the_days_that_have_them(sample_year, shipped):
    costing, _, span = sample_year
    prices = costing.of_meter("strom_total", span)["unit_price"]
    civil = np.array(days.civil_days(pd.DatetimeIndex(prices.index), shipped.site.zone))
    assert set(prices[civil < date(2024, 11, 27)]) == {0.3587}
    hourly = prices[(civil >= date(2024, 11, 27)) & (civil <= date(2025, 1, 4))]
    assert hourly.nunique() == len(hourly)
    assert set(prices[civil > date(2025, 1, 5)]) == {0.3215}


# Register by register

HT_AND_NT = """\
      - {meter_id: ht, type: physical, output_unit: kWh, utility: electricity}
      - {meter_id: nt, type: physical, output_unit: kWh, utility: electricity}
      - meter_id: both
        type: master
        output_unit: kWh
        periods:
          - {start_date: 2024-01-01, end_date: 9999-12-31, composition_type: sum, source_meters: [ht, nt],
             source_unit: kWh}
"""
A_TARIFF_EACH = """\
    tariffs:
      - meter: ht
        prices:
          - {valid_from: 2024-02-01, unit_price: 0.35, per: kWh, standing_charge: 366, standing_charge_per: year}
          - {valid_from: 2024-02-16, unit_price: 0.30, per: kWh, vat_percent: 16, prices_include_vat: false}
      - meter: nt
        prices:
          - {valid_from: 2024-02-01, unit_price: 0.25, per: kWh}
          - {valid_from: 2024-02-16, unit_price: 0.20, per: kWh, vat_percent: 16, prices_include_vat: false}
"""


def day_and_night(priced_house, tariffs: str = A_TARIFF_EACH) -> SmallHouse:
    house = priced_house(HT_AND_NT, tariffs)
    for name, used in (("ht", 6.0), ("nt", 3.0), ("both", 9.0)):
        given_days(house, name, date(2024, 1, 31), [used] * 20)
    return house


def test_a_master_costs_what_its_day_and_night_registers_cost_together(priced_house):
    house = day_and_night(priced_house)
    costing = Costing(house.settings, house.store)
    assert costing.meters == ("ht", "nt", "both")
    found = costing.of_meter("both", DayRange(date(2024, 1, 31), date(2024, 2, 19)))
    # None on 31 January: no price held yet.
    assert len(found) == 19
    assert found["cost"].iloc[0] == pytest.approx(6 * 0.35 + 3 * 0.25 + 1)
    assert found["standing_charge"].iloc[0] == pytest.approx(1.0)
    assert found["cost"].iloc[-1] == pytest.approx(2.784)
    assert np.allclose(found["cost"], 9.0 * found["unit_price"] + found["standing_charge"])


def test_a_register_without_a_price_leaves_the_master_without_a_cost(priced_house):
    late = A_TARIFF_EACH.replace("valid_from: 2024-02-01, unit_price: 0.25", "valid_from: 2024-02-10, unit_price: 0.25")
    house = day_and_night(priced_house, late)
    found = Costing(house.settings, house.store).of_meter("both", DayRange(date(2024, 2, 8), date(2024, 2, 11)))
    assert len(found) == 2


def test_the_tariff_of_the_master_itself_goes_before_those_of_its_registers(priced_house):
    own = "      - meter: both\n        prices: [{valid_from: 2024-01-01, unit_price: 1, per: kWh}]\n"
    house = day_and_night(priced_house, A_TARIFF_EACH + own)
    found = Costing(house.settings, house.store).of_meter("both", DayRange.single(date(2024, 2, 4)))
    assert found["cost"].tolist() == [9.0]


def test_the_tariff_of_the_utility_prices_a_master_whose_registers_have_none_of_their_own(priced_house):
    tariffs = (
        "    tariffs:\n      - {utility: electricity, prices: [{valid_from: 2024-01-01, unit_price: 1, per: kWh}]}\n"
    )
    house = day_and_night(priced_house, tariffs)
    found = Costing(house.settings, house.store).of_meter("both", DayRange.single(date(2024, 2, 4)))
    assert found["cost"].tolist() == [9.0]


def test_a_changed_price_of_one_register_makes_the_masters_cost_due(priced_house):
    def numbers(tariffs: str) -> np.ndarray:
        house = priced_house(HT_AND_NT, tariffs)
        return MadeFrom(house.settings)._dated(DayRange(date(2024, 2, 14), date(2024, 2, 17)))["both"]

    before, after = numbers(A_TARIFF_EACH), numbers(A_TARIFF_EACH.replace("unit_price: 0.20", "unit_price: 0.21"))
    assert (before != after).tolist() == [False, False, True, True]


# What Tibber billed


def test_where_tibber_says_what_an_hour_cost_that_is_what_the_day_costs(priced_house):
    house = priced_house(TIBBER_METER, HOURLY % DATED)
    day = hours("2025-11-15 00:00", 24)
    for name, value in (("consumption", 4.0), ("unit_price", 0.30), ("cost", 0.40)):
        house.store.write_readings(RawSeries("energy", "main", name), pd.Series(value, day))
    store_days(house, date(2025, 11, 15), date(2025, 11, 15), "main")
    found = Costing(house.settings, house.store).of_meter("main", DayRange.single(date(2025, 11, 15)))
    assert found["cost"].tolist() == pytest.approx([9.60])
    (finding,) = billing_differences(
        house.settings, house.store, *DayRange(date(2025, 11, 1), date(2025, 11, 30)).bounds(house.settings.site.zone)
    )
    assert finding.figures == {"billed": pytest.approx(9.60), "priced": pytest.approx(28.80), "currency": "EUR"}
    assert "€9.60" in finding_sentence(finding, "kWh", Words("en"))


def test_a_bill_that_agrees_with_the_prices_within_two_percent_is_no_finding(priced_house):
    house = priced_house(TIBBER_METER, HOURLY % DATED)
    day = hours("2025-11-15 00:00", 24)
    for name, value in (("consumption", 4.0), ("unit_price", 0.30), ("cost", 1.21)):
        house.store.write_readings(RawSeries("energy", "main", name), pd.Series(value, day))
    bounds = DayRange(date(2025, 11, 1), date(2025, 11, 30)).bounds(house.settings.site.zone)
    assert billing_differences(house.settings, house.store, *bounds) == []


def test_an_hour_in_which_next_to_nothing_was_used_keeps_its_price(priced_house):
    house = priced_house(TIBBER_METER, HOURLY % DATED)
    day = hours("2025-11-15 00:00", 2)
    for name, values in (("consumption", [0.001, 2.0]), ("unit_price", [0.30, 0.30]), ("cost", [0.01, 0.8])):
        house.store.write_readings(RawSeries("energy", "main", name), pd.Series(values, day))
    assert hourly_prices(house.settings, house.store, day[0], day[-1] + pd.Timedelta("1h")).tolist() == [0.30, 0.40]


# Prices by the time of day

DAY_AND_NIGHT = """
    tariffs:
      - utility: electricity
        prices:
          - valid_from: 2024-01-01
            unit_price: 0.30
            per: kWh
            times:
              - {when: {from: "22:00", to: "06:00"}, unit_price: 0.20}
              - {when: {weekdays: sun, from: "06:00", to: "22:00"}, unit_price: 0.25}
"""


def test_each_measured_hour_of_a_day_costs_the_price_of_its_time(priced_house):
    """Monday, 1 kWh in each hour: eight hours of night at 0.20, sixteen of day at 0.30."""
    house = priced_house(MAIN, DAY_AND_NIGHT)
    register(house, "main", "2024-01-08 00:00", [1.0] * 72)
    store_days(house, date(2024, 1, 8), date(2024, 1, 9), "main")
    found = cost(house, "main", date(2024, 1, 8), date(2024, 1, 9))
    assert found["cost"].tolist() == pytest.approx([8 * 0.20 + 16 * 0.30] * 2)


def test_a_night_price_of_saturday_holds_on_sunday_morning_too(priced_house):
    only_saturdays = DAY_AND_NIGHT.replace(
        '{from: "22:00", to: "06:00"}', '{weekdays: sat, from: "22:00", to: "06:00"}'
    )
    house = priced_house(MAIN, only_saturdays)
    register(house, "main", "2024-01-12 00:00", [1.0] * 97)
    store_days(house, date(2024, 1, 13), date(2024, 1, 14), "main")
    found = cost(house, "main", date(2024, 1, 13), date(2024, 1, 14))
    assert found["cost"].tolist() == pytest.approx([22 * 0.30 + 2 * 0.20, 6 * 0.20 + 16 * 0.25 + 2 * 0.30])


def test_a_day_read_by_hand_is_priced_evenly_over_its_hours(priced_house):
    house = priced_house(MAIN, DAY_AND_NIGHT)
    given_days(house, "main", date(2024, 1, 8), [24.0, 0.0])
    found = cost(house, "main", date(2024, 1, 8), date(2024, 1, 9))
    assert found["unit_price"].tolist() == pytest.approx([(8 * 0.20 + 16 * 0.30) / 24] * 2)


def test_what_was_not_measured_counts_evenly_over_the_hours_that_are_missing(priced_house):
    """Measured until noon; ten hours of day and two of night share the rest."""
    house = priced_house(MAIN, DAY_AND_NIGHT)
    shown = pd.Series(
        [*np.arange(13.0), 30.0, 90.0],
        index=[*hours("2024-01-08 00:00", 13), *hours("2024-01-10 00:00", 1), *hours("2024-01-12 00:00", 1)],
    )
    house.store.write_readings(RawSeries("kWh", "main"), shown)
    store_days(house, date(2024, 1, 8), date(2024, 1, 8), "main")
    used = house.store.read(CONSUMPTION_DAILY, "main")["consumption"].iloc[0]
    found = cost(house, "main", date(2024, 1, 8), date(2024, 1, 8))
    rest = used - 12
    assert found["cost"].iloc[0] == pytest.approx(6 * 0.20 + 6 * 0.30 + rest * (10 * 0.30 + 2 * 0.20) / 12)


def test_the_days_of_march_and_october_have_the_hours_that_their_clocks_show(priced_house):
    house = priced_house(MAIN, DAY_AND_NIGHT)
    for first in ("2024-03-30 00:00", "2024-10-26 00:00"):
        shown = np.arange(74.0) + (1000 if "10-" in first else 0)
        house.store.write_readings(RawSeries("kWh", "main"), pd.Series(shown, index=hours(first, 74)))
    for day in (date(2024, 3, 31), date(2024, 10, 27)):
        store_days(house, day, day, "main")
    short, long = (cost(house, "main", day, day)["cost"].iloc[0] for day in (date(2024, 3, 31), date(2024, 10, 27)))
    assert short == pytest.approx(5 * 0.20 + 16 * 0.25 + 2 * 0.20)
    assert long == pytest.approx(7 * 0.20 + 16 * 0.25 + 2 * 0.20)


def test_a_day_costs_the_same_alone_and_in_a_range(priced_house):
    house = priced_house(MAIN, DAY_AND_NIGHT)
    register(house, "main", "2024-01-01 00:00", [0.1 + 0.7 * (k % 7) for k in range(24 * 20)])
    store_days(house, date(2024, 1, 2), date(2024, 1, 18), "main")
    together = cost(house, "main", date(2024, 1, 2), date(2024, 1, 18))
    alone = pd.concat([cost(house, "main", date(2024, 1, day), date(2024, 1, day)) for day in range(2, 19)])
    pd.testing.assert_frame_equal(together, alone, check_exact=True)


def test_a_changed_price_of_the_night_makes_only_its_own_days_due(priced_house):
    def numbers(tariffs: str) -> np.ndarray:
        house = priced_house(MAIN, tariffs)
        return MadeFrom(house.settings)._dated(DayRange(date(2023, 12, 31), date(2024, 1, 2)))["main"]

    changed = numbers(DAY_AND_NIGHT) != numbers(DAY_AND_NIGHT.replace("unit_price: 0.20", "unit_price: 0.21"))
    assert changed.tolist() == [False, True, True]
