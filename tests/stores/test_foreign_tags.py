"""A meter whose points carry tags that its address does not name: one series to us, several to InfluxDB."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stores.influx_server import InfluxServer
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.influx.stored_series import StoredSeries, merged
from workflows_dagster.stores.ports import RawSeries

GAS = RawSeries("m³", "gas_zahler", domain="sensor")
ANY_DOMAIN = RawSeries("m³", "gas_zahler")
START = pd.Timestamp("2024-01-20", tz="UTC")
# What stands behind the tags of a point: nothing, a name, another name after a rename, an owner's own tag.
TAGS = ("", ",friendly_name=Gas", ",friendly_name=Gas\\ im\\ Keller", ",floor=cellar,friendly_name=Gas")


@pytest.fixture
def opened(influx_server: InfluxServer) -> Iterator[InfluxStore]:
    store = influx_server.store()
    try:
        yield store
    finally:
        store.close()


def write(server: InfluxServer, store: InfluxStore, readings: pd.Series, tags: list[str]) -> None:
    lines = [
        f"m³,domain=sensor,entity_id=gas_zahler{tag} value={value!r} {time.value // 1000}"
        for (time, value), tag in zip(readings.items(), tags, strict=True)
    ]
    server.lines(store._raw, *lines)


def hourly(count: int) -> pd.Series:
    index = pd.date_range(START, periods=count, freq="9h", tz="UTC").as_unit("us")
    return pd.Series(1000.0 + 0.137 * np.arange(count), index=index)


@pytest.mark.parametrize("order", list(itertools.permutations(TAGS, 3)), ids=lambda order: " then ".join(order) or "-")
def test_tags_that_appear_change_and_disappear_leave_one_meter(
    influx_server: InfluxServer, opened: InfluxStore, tmp_path: Path, order: tuple[str, ...]
) -> None:
    readings = hourly(60)
    write(influx_server, opened, readings, [order[k // 20] for k in range(60)])
    plain = EmbeddedStore(tmp_path / "plain.sqlite")
    plain.write_readings(GAS, readings)
    for series, day, reach in itertools.product((GAS, ANY_DOMAIN), (0, 7, 12, 22), (1, 3, 12)):
        start = START + pd.Timedelta(days=day)
        window = {"start": start, "end": start + pd.Timedelta(days=1), "before": reach, "after": reach}
        pd.testing.assert_series_equal(opened.readings(series, **window), plain.readings(series, **window))
    months, wanted = opened.fingerprints([GAS]), plain.fingerprints([GAS])
    pd.testing.assert_frame_equal(months.drop(columns="sum"), wanted.drop(columns="sum"))
    np.testing.assert_allclose(months["sum"], wanted["sum"], rtol=1e-12)
    pd.testing.assert_frame_equal(opened.catalogue(), plain.catalogue())
    plain.close()


def test_of_two_stored_series_at_one_instant_the_one_with_the_newest_point_wins_whatever_range_is_asked_for(
    influx_server: InfluxServer, opened: InfluxStore
) -> None:
    readings = hourly(3)
    write(influx_server, opened, readings, [TAGS[2]] * 3)
    # By its tags' text it would lose; it goes on longer.
    write(influx_server, opened, readings.iloc[:1] + 5.0, [TAGS[1]])
    write(influx_server, opened, hourly(4).iloc[3:], [TAGS[1]])
    first = opened.readings(GAS, START, START + pd.Timedelta(hours=1))
    assert first.tolist() == [1005.0]
    assert opened.readings(GAS).tolist() == [1005.0, *hourly(4).tolist()[1:]]


def test_a_reading_that_we_write_wins_over_what_another_stored_series_holds(
    influx_server: InfluxServer, opened: InfluxStore
) -> None:
    readings = hourly(4)
    write(influx_server, opened, readings, [TAGS[1], TAGS[1], TAGS[2], TAGS[1]])
    corrected = readings.iloc[[1, 2]] + 0.5
    opened.write_readings(GAS, corrected)
    wanted = readings.copy()
    wanted.iloc[[1, 2]] += 0.5
    assert opened.readings(GAS).tolist() == wanted.tolist()
    # Fingerprints count a corrected reading once.
    assert opened.fingerprints([GAS])["count"].tolist() == [4]


def test_deleting_takes_a_reading_from_every_stored_series(influx_server: InfluxServer, opened: InfluxStore) -> None:
    readings = hourly(6)
    write(influx_server, opened, readings, [TAGS[k % 3] for k in range(6)])
    opened.delete_readings(GAS, readings.index[1], readings.index[4])
    assert opened.readings(GAS).tolist() == readings.iloc[[0, 4, 5]].tolist()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tags=st.lists(st.sampled_from(TAGS), min_size=1, max_size=25),
    start=st.integers(-5, 250),
    length=st.integers(0, 100),
    before=st.integers(0, 6),
    after=st.integers(0, 6),
)
def test_law_neighbours_and_ranges_are_those_of_the_merged_series(
    influx_server: InfluxServer, tags: list[str], start: int, length: int, before: int, after: int
) -> None:
    store = influx_server.store()
    readings = hourly(len(tags))
    write(influx_server, store, readings, tags)
    lo = START + pd.Timedelta(hours=start)
    hi = lo + pd.Timedelta(hours=length)
    first = max(int((readings.index < lo).sum()) - before, 0)
    last = int((readings.index < max(lo, hi)).sum()) + after
    found = store.readings(GAS, lo, hi, before=before, after=after)
    store.close()
    assert found.tolist() == readings.iloc[first:last].tolist()


def test_stored_series_merge_without_a_server() -> None:
    old = StoredSeries((("domain", "sensor"), ("friendly_name", "z")), np.array([1, 3]), np.array([10.0, 30.0]))
    new = StoredSeries((("domain", "sensor"), ("friendly_name", "a")), np.array([2, 3]), np.array([20.0, 31.0]))
    by_hand = StoredSeries((("domain", "input_number"),), np.array([3]), np.array([32.0]))
    assert merged([old, new], {old.tags: 3, new.tags: 9}).values.tolist() == [10.0, 20.0, 31.0]
    assert merged([new, old], {old.tags: 9, new.tags: 3}).values.tolist() == [10.0, 20.0, 30.0]
    assert merged([old, new], {old.tags: 9, new.tags: 9}).values.tolist() == [10.0, 20.0, 30.0], (
        "the tags' text decides"
    )
    assert merged([by_hand, old, new], {old.tags: 9, new.tags: 3}).values.tolist() == [10.0, 20.0, 32.0]
