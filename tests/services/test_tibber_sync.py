"""Tibber's hours in the raw store: what is asked for, written, corrected and given up, and nothing kept in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.sentences import said
from workflows_dagster.clients.tibber.client import TibberError, TibberHours
from workflows_dagster.clients.tibber.query import Home
from workflows_dagster.services.tibber_sync import (
    CONSUMPTION,
    PRICES,
    SyncResult,
    raw_hours,
    reader_of_hours,
    sync_hours,
)
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries, StoreError

NAN = float("nan")
HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)
SERIES = {name: RawSeries("energy", "haupt_strom", name) for name in (*PRICES, CONSUMPTION)}
NOW = pd.Timestamp("2024-06-01 00:05", tz="UTC")


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


class Billing:
    """What Tibber has, and from when on it was asked."""

    def __init__(self, first: str, end: str) -> None:
        index = pd.date_range(first, end, freq="h", inclusive="left", tz="UTC", unit="us", name="start")
        self.table = pd.DataFrame({"consumption": index.hour / 10 + 0.1, "unit_price": 0.25}, index=index)
        self.asked: list[pd.Timestamp | None] = []

    def hours(self, since: pd.Timestamp | None) -> TibberHours:
        self.asked.append(since)
        given = self.table if since is None else self.table[self.table.index >= since]
        known = given[given["consumption"].notna()]
        columns = {
            "consumption": known["consumption"],
            "cost": known["consumption"] * known["unit_price"],
            "unit_price": known["unit_price"],
            "unit_price_vat": known["unit_price"] * 0.19,
        }
        unknown = pd.DatetimeIndex(given.index[given["consumption"].isna()])
        return TibberHours(Home("id", "Haus", "running"), pd.DataFrame(columns), unknown)


class Breaking:
    """A store that breaks before a write of one field."""

    def __init__(self, store: EmbeddedStore, field: str) -> None:
        self.store, self.field = store, field

    def readings(self, *args: Any, **options: Any) -> pd.Series:
        return self.store.readings(*args, **options)

    def write_readings(self, series: RawSeries, readings: pd.Series) -> None:
        if series.field == self.field:
            raise StoreError("the disk is full")
        self.store.write_readings(series, readings)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "raw.sqlite")
    yield store
    store.close()


@pytest.fixture
def tibber() -> Billing:
    """Hours of 90 days, up to an hour before now."""
    return Billing("2024-03-03", "2024-05-31 23:00")


Look = Callable[..., SyncResult]


@pytest.fixture
def look(store: EmbeddedStore, tibber: Billing) -> Look:
    def at(now: pd.Timestamp = NOW, into: Any = store) -> SyncResult:
        return sync_hours(tibber, into, SERIES, "haupt_strom", now, 2 * DAY)

    return at


def stored(store: EmbeddedStore, field: str = CONSUMPTION) -> pd.Series:
    return store.readings(SERIES[field])


def test_the_first_look_takes_every_hour_with_its_prices(store: EmbeddedStore, tibber: Billing, look: Look) -> None:
    result = look()
    assert tibber.asked == [None]
    assert result == SyncResult(90 * 24 - 1, 0, 0, utc("2024-05-31 22:00"), ())
    pd.testing.assert_series_equal(
        stored(store), tibber.table["consumption"], check_names=False, check_freq=False, check_exact=True
    )
    assert stored(store, "unit_price").eq(0.25).all()
    assert len(stored(store, "cost")) == len(stored(store, "unit_price_vat")) == 90 * 24 - 1


def test_a_look_with_nothing_new_asks_for_two_days_and_writes_nothing(
    store: EmbeddedStore, tibber: Billing, look: Look
) -> None:
    look()
    before = store.fingerprints(list(SERIES.values()))
    assert look(into=Breaking(store, CONSUMPTION)) == SyncResult(0, 0, 0, utc("2024-05-31 22:00"), ())
    assert tibber.asked[1] == utc("2024-05-29 22:00")
    pd.testing.assert_frame_equal(store.fingerprints(list(SERIES.values())), before)


def test_new_hours_are_written_and_corrected_ones_written_over(
    store: EmbeddedStore, tibber: Billing, look: Look
) -> None:
    look()
    tibber.table.loc[utc("2024-05-31 23:00")] = [4.0, 0.5]
    tibber.table.loc[utc("2024-05-30 07:00"), "consumption"] = 9.5
    tibber.table.loc[utc("2024-05-30 08:00"), "unit_price"] = 0.75
    result = look(NOW + HOUR)
    assert (result.written, result.corrected, result.newest) == (1, 2, utc("2024-05-31 23:00"))
    assert stored(store)[utc("2024-05-31 23:00")] == 4.0
    assert stored(store)[utc("2024-05-30 07:00")] == 9.5
    assert stored(store, "unit_price")[utc("2024-05-30 08:00")] == 0.75
    assert len(stored(store)) == 90 * 24


def test_a_null_is_no_zero_and_is_asked_for_until_it_is_known(
    store: EmbeddedStore, tibber: Billing, look: Look
) -> None:
    late = utc("2024-05-20 06:00")
    tibber.table.loc[late, "consumption"] = NAN
    assert look().unknown == 1
    assert late not in stored(store).index
    assert look().unknown == 1
    assert tibber.asked[-1] == late
    tibber.table.loc[late, "consumption"] = 3.25
    result = look()
    assert (result.written, result.corrected, result.unknown) == (1, 0, 0)
    assert stored(store)[late] == 3.25
    look()
    assert tibber.asked[-1] == utc("2024-05-29 22:00")


def test_hours_at_the_end_that_are_null_are_asked_for_though_nothing_known_lies_behind_them(
    store: EmbeddedStore, tibber: Billing, look: Look
) -> None:
    tibber.table.loc[utc("2024-05-31 12:00") :, "consumption"] = NAN
    result = look()
    assert (result.unknown, result.newest) == (11, utc("2024-05-31 11:00"))
    assert not result.findings


def test_what_is_unknown_after_30_days_is_a_finding_for_30_more_and_no_longer_asked_for(
    store: EmbeddedStore, tibber: Billing, look: Look
) -> None:
    gap = [utc("2024-05-02 06:00"), utc("2024-05-02 07:00")]
    tibber.table.loc[gap, "consumption"] = NAN
    assert look(utc("2024-06-01 05:30")).unknown == 2
    day_31 = look(utc("2024-06-02 00:05"))
    assert day_31.unknown == 0
    (finding,) = day_31.findings
    assert (finding.start, finding.end) == (gap[0], gap[1] + HOUR)
    assert "2 hours, 2024-05-02 08:00 to 2024-05-02 10:00," in said(finding)
    look(utc("2024-06-02 01:05"))
    assert tibber.asked[-1] == utc("2024-05-29 22:00")
    assert len(look(utc("2024-06-25")).findings) == 1
    assert not look(utc("2024-07-15")).findings


def test_the_first_look_names_every_hole_however_old(tibber: Billing, look: Look) -> None:
    tibber.table.loc[utc("2024-03-10 06:00"), "consumption"] = NAN
    tibber.table = tibber.table.drop(utc("2024-03-15 09:00"))
    assert [finding.start for finding in look().findings] == [utc("2024-03-10 06:00"), utc("2024-03-15 09:00")]


@pytest.mark.parametrize("field", [*PRICES, CONSUMPTION])
def test_after_half_a_write_the_next_look_begins_again(
    store: EmbeddedStore, tibber: Billing, look: Look, field: str
) -> None:
    with pytest.raises(StoreError):
        look(into=Breaking(store, field))
    assert stored(store).empty
    assert look().written == 90 * 24 - 1
    assert tibber.asked == [None, None]
    assert all(len(stored(store, name)) == 90 * 24 - 1 for name in SERIES)


def test_a_price_that_tibber_does_not_give_leaves_the_consumption(
    store: EmbeddedStore, tibber: Billing, look: Look
) -> None:
    tibber.table["unit_price"] = NAN
    assert look().written == 90 * 24 - 1
    assert stored(store, "unit_price").empty


def test_what_cannot_be_had_writes_nothing(store: EmbeddedStore) -> None:
    class Closed:
        def hours(self, since: pd.Timestamp | None) -> TibberHours:
            raise TibberError("Tibber: closed.", passing=True)

    with pytest.raises(TibberError):
        sync_hours(Closed(), store, SERIES, "haupt_strom", NOW, DAY)
    assert store.catalogue().empty


def test_an_account_without_a_known_hour_is_no_error(look: Look, tibber: Billing) -> None:
    tibber.table = tibber.table.iloc[-2:]
    tibber.table["consumption"] = NAN
    assert look() == SyncResult(0, 0, 2, None, ())


METER = "{{meter_id: main, type: physical, output_unit: kWh, source: {{{source}}}}}"


@pytest.mark.parametrize(
    ("source", "domain"),
    [
        ("kind: interval, measurement: energy, entity_id: haupt_strom", None),
        ("kind: interval, measurement: energy, entity_id: haupt_strom, domain: sensor", "sensor"),
    ],
    ids=["any domain", "one domain"],
)
def test_the_hours_go_where_the_meter_reads_them(small_house: Any, source: str, domain: str | None) -> None:
    settings = small_house(f"meters: [{METER.format(source=source)}]").settings
    assert reader_of_hours(settings) == settings.meters["main"]
    assert raw_hours(settings)[CONSUMPTION] == RawSeries("energy", "haupt_strom", "consumption", domain)


@pytest.mark.parametrize(
    "source",
    [
        "entity_id: haupt_strom",
        "kind: interval, entity_id: haupt_strom",
        "kind: interval, measurement: energy",
        "kind: interval, measurement: energy, entity_id: haupt_strom, field: cost",
    ],
    ids=["a register", "another measurement", "another entity", "another field"],
)
def test_a_meter_with_another_source_does_not_read_the_hours(small_house: Any, source: str) -> None:
    settings = small_house(f"meters: [{METER.format(source=source)}]").settings
    assert reader_of_hours(settings) is None
    assert raw_hours(settings)[CONSUMPTION] == SERIES[CONSUMPTION]
