"""The shipped 27 meters over a real InfluxDB, in four layouts of tags: the embedded store's days to the last bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import pandas as pd
import pytest

from tests.stores.influx_server import InfluxServer
from tests.stores.tag_layouts import LAYOUTS, write_as_home_assistant
from tests.stores.test_influx_real import raw_bucket
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation, raw_series
from workflows_dagster.repair.fingerprints import Fingerprints
from workflows_dagster.repair.snapshot import digests, periods_of
from workflows_dagster.services.raw_catalogue import discover, newest_by_meter
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.ports import RawSeries, Store

SINCE, UNTIL = pd.Timestamp("2024-10-20", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC")
WHOLE = DayRange(date(2024, 10, 25), date(2024, 12, 31))
# A day after which tags have changed.
NIGHTS = [date(2024, 12, 3)]


def days_of(settings: Settings, store: Store, asked: DayRange) -> dict[str, pd.DataFrame]:
    """Evaluate all meters, each from those that it is made from."""
    evaluation = Evaluation(settings, store)
    frames: dict[str, pd.DataFrame] = {}
    for meter in settings.meters.in_order():
        if isinstance(meter, PhysicalMeter):
            frames[meter.meter_id] = evaluation.physical(meter, asked).days
        else:
            frames[meter.meter_id] = evaluation.derived(meter, asked, frames).days
    return frames


def assert_same(found: dict[str, pd.DataFrame], wanted: dict[str, pd.DataFrame]) -> None:
    assert found.keys() == wanted.keys()
    for meter_id, frame in wanted.items():
        pd.testing.assert_frame_equal(found[meter_id], frame, check_exact=True, obj=meter_id)


@pytest.fixture(scope="module")
def a_winter(sample_store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path_factory.mktemp("layouts") / "store.sqlite")
    for row in sample_store.catalogue().itertuples():
        series = RawSeries(row.measurement, row.entity_id, row.field, row.domain)
        store.write_readings(series, sample_store.readings(series, SINCE, UNTIL))
    yield store
    store.close()


@pytest.fixture(scope="module")
def wanted(shipped: Settings, a_winter: EmbeddedStore) -> dict[DayRange, dict[str, pd.DataFrame]]:
    """The embedded store's days: of the whole range and of each night."""
    return {asked: days_of(shipped, a_winter, asked) for asked in ranges()}


def ranges() -> Iterable[DayRange]:
    return [WHOLE, *(DayRange(night, night) for night in NIGHTS)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_meters_have_the_embedded_stores_days_in_every_layout_of_tags(
    shipped: Settings,
    a_winter: EmbeddedStore,
    wanted: dict[DayRange, dict[str, pd.DataFrame]],
    influx_server: InfluxServer,
    layout: str,
) -> None:
    store = influx_server.store(timeout_ms=60_000)
    written = 0
    for row in a_winter.catalogue().itertuples():
        address = (row.measurement, row.entity_id, row.field, row.domain)
        readings = a_winter.readings(RawSeries(*address))
        write_as_home_assistant(influx_server, raw_bucket(store), address, readings, layout)
        written += len(readings)
    for asked, frames in wanted.items():
        assert_same(days_of(shipped, store, asked), frames)
    # What `meters discover` and `meters check --connect` count.
    pd.testing.assert_frame_equal(store.catalogue(), a_winter.catalogue())
    assert store.catalogue()["count"].sum() == written
    assert newest_by_meter(store.catalogue(), shipped.meters.physical) == newest_by_meter(
        a_winter.catalogue(), shipped.meters.physical
    )
    assert discover(store, shipped.meters.physical)[0] == []
    assert [one.series for one in discover(store, [])[0]] == [one.series for one in discover(a_winter, [])[0]]
    assert_a_new_reading_is_seen(shipped, store, influx_server, layout)
    store.close()


def assert_a_new_reading_is_seen(settings: Settings, store: InfluxStore, server: InfluxServer, layout: str) -> None:
    """Look as the sensor does, every 30 s, while readings arrive under the tags of the last ones."""
    now = pd.Timestamp("2025-01-02 12:00", tz="UTC")
    series = {raw_series(meter): meter.meter_id for meter in settings.meters.physical}
    known, rows, before = Fingerprints(), store.catalogue().set_index("entity_id"), {}
    for turn, meter_id in enumerate(["", "", "haupt_strom", "eg_strom"]):
        if meter_id:
            row = rows.loc[meter_id]
            later = pd.Series([99_999.0], index=pd.DatetimeIndex([now]))
            address = (row["measurement"], meter_id, row["field"], row["domain"])
            write_as_home_assistant(server, raw_bucket(store), address, later, layout)
        found = known.look(store, list(series), now + timedelta(seconds=30 * turn))
        after = {
            series[one]: digests(months, periods_of(months)) for one, months in found.groupby("series", sort=False)
        }
        if turn:
            assert [name for name in after if after[name] != before[name]] == ([meter_id] if meter_id else [])
        before = after
