"""The past that Home Assistant's own InfluxDB integration has written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from workflows_dagster.live.recorder import Recorder
from workflows_dagster.live.states import Watched
from workflows_dagster.records.events import read_correlations, read_events
from workflows_dagster.records.power import read_power
from workflows_dagster.services.power_past import copy_past
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

HOUSE, KETTLE = "sensor.house_power", "switch.kettle"
START, END = pd.Timestamp("2026-05-01", tz="UTC"), pd.Timestamp("2026-06-01", tz="UTC")


def series(texts: list[str], values: list[float]) -> pd.Series:
    return pd.Series(values, pd.DatetimeIndex(texts).tz_localize("UTC").as_unit("us"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(tmp_path / "past.sqlite")
    opened.write_readings(
        RawSeries("W", "house_power", domain="sensor"),
        series(["2026-05-10 10:00", "2026-05-10 10:01"], [200.0, 2200.0]),
    )
    # Its unit was another one earlier.
    opened.write_readings(RawSeries("kW", "house_power", domain="sensor"), series(["2026-05-09 10:00"], [0.25]))
    switched = series(
        ["2026-05-10 09:00", "2026-05-10 10:00:30", "2026-05-10 10:00:40", "2026-05-10 10:05"], [0, 1, 1, 0]
    )
    opened.write_readings(RawSeries(KETTLE, "kettle", domain="switch"), switched.astype(float))
    yield opened
    opened.close()


def test_numbers_become_power_and_changes_of_state_events(store: EmbeddedStore) -> None:
    begun = copy_past(store, {HOUSE}, {KETTLE, "climate.hall", "light.none"}, START, END)
    assert begun == pd.Timestamp("2026-05-09 10:00", tz="UTC")
    assert read_power(store, START, END)["power_w"].tolist() == [250.0, 200.0, 2200.0]
    events = read_events(store, START, END)
    assert events[["state", "previous_state"]].to_numpy().tolist() == [["on", "off"], ["off", "on"]]
    assert events["time"].iloc[0] == pd.Timestamp("2026-05-10 10:00:30", tz="UTC")
    copy_past(store, {HOUSE}, {KETTLE}, START, END)
    assert len(read_power(store, START, END)) == 3


def test_nothing_there_is_nothing_copied(store: EmbeddedStore) -> None:
    assert copy_past(store, {"sensor.other"}, {"switch.other"}, START, END) is None


def test_the_first_start_copies_it_once_and_its_days_are_judged(shipped: Settings, store: EmbeddedStore) -> None:
    now = pd.Timestamp("2026-05-20 12:00", tz="UTC")
    settings = replace(shipped, data_dir=shipped.data_dir)
    recorder = Recorder(settings, lambda _: store)
    watched = Watched(HOUSE, {}, None, frozenset({KETTLE}))
    recorder.copy_past(watched, now)
    assert len(read_power(store, START, END, HOUSE)) == 3
    recorder.work(HOUSE, {}, now)
    assert recorder.problem is None
    assert len(read_correlations(store, START, END)) == 2
    # With a stream of its own there, the raw bucket is not asked again.
    store.write_readings(RawSeries("W", "house_power", domain="sensor"), series(["2026-05-11 10:00"], [90.0]))
    recorder.copy_past(watched, now)
    assert len(read_power(store, START, END, HOUSE)) == 3
