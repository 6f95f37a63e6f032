"""Readings that expire by a bucket's retention are not readings that were deleted."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from tests.houses import small
from tests.repair.repaired_house import WITHIN, compute, plan
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.repair.expiry import Expiry
from workflows_dagster.repair.repairs import Repair, plan_repairs
from workflows_dagster.stores.ports import RawSeries, Store

NOW = pd.Timestamp("2025-01-01", tz="UTC")
YEAR = pd.Timedelta(days=366)
HORIZON = NOW - YEAR


class Keeping:
    """A store that keeps readings for a year."""

    def __init__(self, store: Store) -> None:
        self.inner = store

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def retention(self) -> pd.Timedelta:
        return YEAR


@pytest.fixture
def house(small_house):  # type: ignore[no-untyped-def]
    """Two years of a main meter and a flat, read every day, computed; then all of the first year expires."""
    house = small_house(small("2023-01-01"))
    stamps = pd.date_range("2023-01-01 11:00", "2024-12-31", freq="D")
    for meter_id, step in (("main", 2.2), ("flat", 1.4)):
        house.read(meter_id, {f"{stamp:%Y-%m-%d %H:%M}": step * k for k, stamp in enumerate(stamps)})
    compute(house, [Repair(WITHIN, tuple(meter.meter_id for meter in house.settings.meters.in_order()))])
    house.before = plan(house, None).snapshot
    for meter_id in ("main", "flat"):
        house.store.delete_readings(RawSeries("kWh", meter_id), pd.Timestamp("2022-01-01", tz="UTC"), HORIZON)
    return house


def planned(house, before=None, store=None):  # type: ignore[no-untyped-def]
    return plan_repairs(house.settings, store or Keeping(house.store), before, WITHIN, lambda _: list(WITHIN))


def test_nothing_is_computed_anew_for_readings_that_have_expired(house) -> None:  # type: ignore[no-untyped-def]
    assert planned(house, house.before).repairs == ()
    assert planned(house).repairs == (), "the nightly comparison"
    deleted = planned(house, house.before, house.store)
    assert deleted.repairs[0].days.first < date(2023, 2, 1), "without a retention the readings were deleted"


def test_what_changes_among_the_readings_that_are_left_is_repaired(house) -> None:  # type: ignore[no-untyped-def]
    settled = planned(house, house.before).snapshot
    # Days so near to the first reading that is left are not compared, whatever is written there.
    house.read("flat", {"2024-09-03 11:00": 856.0, "2024-01-05 11:00": 516.0})
    (repair,) = planned(house, settled).repairs
    assert repair.meters == ("flat", "rest")
    assert (repair.days.first, repair.days.last) == (date(2024, 9, 2), date(2024, 9, 4))


def test_a_backfill_leaves_the_days_whose_readings_have_expired_and_computes_the_others(house) -> None:  # type: ignore[no-untyped-def]
    expiry = Expiry(house.settings, Keeping(house.store), NOW)
    asked = DayRange(date(2023, 6, 1), date(2024, 12, 20))
    bounds = asked.bounds(house.settings.site.zone)
    meter = house.settings.meters["flat"]
    stored = read_days(house.store, "flat", *bounds)
    house.read("flat", {"2024-09-03 11:00": 856.0})
    evaluated = Evaluation(house.settings, house.store).physical(meter, asked)
    kept = expiry.kept(meter, asked, evaluated).days
    pd.testing.assert_index_equal(kept.index, stored.index)
    differing = kept.index[kept["consumption"].to_numpy() != stored["consumption"].to_numpy()]
    # Openings in local time lie before midnight UTC.
    assert [f"{opening:%m-%d}" for opening in differing] == ["09-01", "09-02", "09-03"]
    # Of what is left alone, the days of the first year would be another number, or none.
    assert not evaluated.days["consumption"].reindex(kept.index).equals(kept["consumption"])


def test_days_that_are_not_stored_are_computed_from_what_is_left(house) -> None:  # type: ignore[no-untyped-def]
    asked = DayRange(date(2024, 1, 1), date(2024, 3, 1))
    meter = house.settings.meters["flat"]
    evaluated = Evaluation(house.settings, house.store).physical(meter, asked)
    start, end = asked.bounds(house.settings.site.zone)
    write_days(house.store, "flat", "kWh", start, end, evaluated.days.iloc[:0])
    kept = Expiry(house.settings, Keeping(house.store), NOW).kept(meter, asked, evaluated)
    pd.testing.assert_frame_equal(kept.days, evaluated.days)


def test_in_a_house_that_is_younger_than_the_retention_all_days_are_compared(house) -> None:  # type: ignore[no-untyped-def]
    old = Expiry(house.settings, Keeping(house.store), NOW)
    young = Expiry(house.settings, Keeping(house.store), pd.Timestamp("2023-06-01", tz="UTC"))
    assert (old.horizon, young.horizon) == (HORIZON, None)
    assert young.sure_days("flat") == DayRange(date.min, date.max)
    sure = old.sure_days("rest")
    assert sure is not None
    # The day of a year ago is where scaling by a year would begin: what comes after the last reading is not sure.
    assert (sure.first, sure.last) == (date(2024, 6, 22), date(2024, 12, 29))
    assert old.remaining(["2022", "2023", "2023-12", "2024", "2024-01", "2024-11"]) == ["2024", "2024-01", "2024-11"]
