"""Readings that are held for one computation are those that the store gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflows_dagster.evaluation.held_readings import HeldReadings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

GAS = RawSeries("m³", "gas")
START = pd.Timestamp("2024-01-01", tz="UTC")


class Counting:
    """A store that counts what it is asked for."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.inner, self.asked = store, 0

    def readings(self, *asked: object, **options: object) -> pd.Series:
        self.asked += 1
        return self.inner.readings(*asked, **options)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counting]:
    opened = EmbeddedStore(tmp_path / "store.sqlite")
    index = pd.date_range(START, periods=20, freq="D").as_unit("us")
    opened.write_readings(GAS, pd.Series(np.arange(20.0), index=index))
    yield Counting(opened)
    opened.close()


DAY = st.none() | st.integers(-5, 25)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(DAY, DAY, st.integers(0, 25)), min_size=1, max_size=6))
def test_law_ranges_and_neighbours_are_those_of_the_store(
    store: Counting, asked: list[tuple[int | None, int | None, int]]
) -> None:
    held = HeldReadings(store, hold=True)  # type: ignore[arg-type]
    for first, last, neighbours in asked:
        start, end = (None if day is None else START + pd.Timedelta(days=day, hours=6) for day in (first, last))
        wanted = store.inner.readings(GAS, start, end, before=neighbours, after=neighbours)
        pd.testing.assert_series_equal(held.read(GAS, start, end, neighbours=neighbours), wanted, check_freq=False)


def test_a_series_that_was_read_whole_is_not_asked_for_again(store: Counting) -> None:
    held = HeldReadings(store, hold=True)  # type: ignore[arg-type]
    middle = START + pd.Timedelta(days=10)
    held.read(GAS, middle, middle, neighbours=5)
    held.read(GAS, middle, middle, neighbours=15)
    assert store.asked == 2
    held.read(GAS, START, middle)
    held.read(GAS)
    assert store.asked == 2


def test_without_holding_what_was_written_meanwhile_is_seen(store: Counting) -> None:
    fresh = HeldReadings(store, hold=False)  # type: ignore[arg-type]
    assert len(fresh.read(GAS)) == 20
    store.inner.write_readings(GAS, pd.Series([99.0], index=pd.DatetimeIndex([START - pd.Timedelta(days=1)])))
    assert len(fresh.read(GAS)) == 21
