"""A look at changed readings: what it reads, and that it gives what the whole store gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflows_dagster.repair.fingerprints import Fingerprints
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import READINGS_CHANGED, WRITING, Measurement, RawSeries, StoreError

NOW = pd.Timestamp("2026-11-26 12:00", tz="UTC").as_unit("us")
GAS, POWER = RawSeries("m³", "gas"), RawSeries("kWh", "power")
SERIES = [GAS, POWER]
HALF_A_MINUTE = pd.Timedelta(seconds=30)


class Watched:
    """A store that notes which months are read, and may hide the marks as if somebody else had written."""

    def __init__(self, path: Path) -> None:
        self.inner = EmbeddedStore(path)
        self.read: list[tuple[Sequence[RawSeries], str | None, str | None]] = []
        self.by_others = False

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def fingerprints(
        self, series: Sequence[RawSeries], start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        self.read.append((series, f"{start:%Y-%m}" if start else None, f"{end:%Y-%m}" if end else None))
        return self.inner.fingerprints(series, start, end)

    def texts(self, measurement: Measurement, field: str) -> dict[str, pd.Series]:
        return {} if self.by_others else self.inner.texts(measurement, field)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "store.sqlite")
    index = pd.date_range(pd.Timestamp("2022-11-20 12:00", tz="UTC"), NOW, freq="9h").as_unit("us")
    for one in SERIES:
        watched.inner.write_readings(one, pd.Series(np.arange(len(index)) * 1.1, index=index))
    yield watched
    watched.inner.close()


def assert_true(found: pd.DataFrame, store: Watched) -> None:
    wanted = store.inner.fingerprints(SERIES)
    rows = [[tuple(map(str, row)) for row in frame.itertuples(index=False)] for frame in (found, wanted)]
    assert rows[0] == rows[1]


def reading(text: str, value: float = 7.0) -> pd.Series:
    return pd.Series([value], index=pd.DatetimeIndex([pd.Timestamp(text, tz="UTC")]).as_unit("us"))


def test_the_first_look_reads_everything_and_a_quiet_one_the_running_month_and_one_more(store: Watched) -> None:
    known = Fingerprints()
    assert_true(known.look(store, SERIES, NOW), store)
    assert store.read == [(SERIES, None, None)]
    store.read.clear()
    for turn in range(1, 4):
        assert_true(known.look(store, SERIES, NOW + turn * HALF_A_MINUTE), store)
    running = (SERIES, "2026-11", None)
    parts = [(SERIES, None, "2022-11"), (SERIES, "2022-11", "2022-12"), (SERIES, "2022-12", "2023-01")]
    assert store.read == [running, parts[0], running, parts[1], running, parts[2]]


def test_in_a_new_month_the_old_one_is_still_read_for_a_few_days(store: Watched) -> None:
    known = Fingerprints()
    known.look(store, SERIES, NOW)
    for day, first in (("2026-12-03 11:59:30", "2026-11"), ("2026-12-04 00:00:30", "2026-12")):
        now = pd.Timestamp(day, tz="UTC").as_unit("us")
        known.look(store, SERIES, now - HALF_A_MINUTE)
        store.read.clear()
        known.look(store, SERIES, now)
        assert store.read[0] == (SERIES, first, None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(SERIES), st.integers(-300, 1500), st.booleans(), st.integers(0, 1300)), max_size=8
    )
)
def test_law_a_look_gives_what_the_store_gives_whatever_we_write_or_delete(
    store: Watched, changes: list[tuple[RawSeries, int, bool, int]]
) -> None:
    known = Fingerprints()
    now = NOW
    known.look(store, SERIES, now)
    for series, days, delete, seconds in changes:
        at = NOW - pd.Timedelta(days=days)
        if delete:
            store.inner.delete_readings(series, at, at + pd.Timedelta(days=40))
        else:
            store.inner.write_readings(series, pd.Series([float(days)], index=pd.DatetimeIndex([at])))
        now += pd.Timedelta(seconds=seconds)
        assert_true(known.look(store, SERIES, now), store)


@pytest.mark.parametrize("when", ["2019-05-04", "2022-11-20", "2024-02-29", "2026-10-31"])
def test_what_somebody_else_writes_into_an_older_month_is_seen_within_an_hour(store: Watched, when: str) -> None:
    known = Fingerprints()
    known.look(store, SERIES, NOW)
    store.by_others = True
    store.inner.write_readings(POWER, reading(when))
    for turn in range(1, 121):
        found = known.look(store, SERIES, NOW + turn * HALF_A_MINUTE)
    assert_true(found, store)


def test_looks_that_were_held_up_read_as_much_as_has_become_due(store: Watched) -> None:
    known = Fingerprints()
    known.look(store, SERIES, NOW)
    store.by_others = True
    store.inner.write_readings(GAS, reading("2024-06-01"))
    known.look(store, SERIES, NOW + pd.Timedelta(minutes=30))
    assert_true(known.look(store, SERIES, NOW + pd.Timedelta(minutes=59)), store)
    # Of a longer sleep nothing is known.
    store.read.clear()
    known.look(store, SERIES, NOW + pd.Timedelta(hours=3))
    assert store.read == [(SERIES, None, None)]


def test_a_mark_whose_writer_was_killed_is_followed_until_all_months_have_been_read(store: Watched) -> None:
    known = Fingerprints()
    known.look(store, SERIES, NOW)
    opening = pd.DatetimeIndex([pd.Timestamp("2024-03-01", tz="UTC")]).as_unit("us")
    mark = pd.DataFrame({"mark": [f"{WRITING}1"]}, index=opening)
    store.inner.replace(READINGS_CHANGED, "gas", "mark", opening[0], opening[0] + HALF_A_MINUTE, mark)
    seen = []
    for turn in range(1, 300):
        store.read.clear()
        known.look(store, SERIES, NOW + turn * HALF_A_MINUTE)
        seen.append(([GAS], "2024-03", "2024-04") in store.read)
    assert all(seen[:120])
    assert not any(seen[-50:])


def test_after_a_look_that_failed_the_next_one_misses_nothing(store: Watched, tmp_path: Path) -> None:
    class Failing(Watched):
        def fingerprints(self, series, start=None, end=None):  # type: ignore[no-untyped-def]
            raise StoreError("gone")

    known = Fingerprints()
    failing = Failing(store.inner.path)
    with pytest.raises(StoreError):
        known.look(failing, SERIES, NOW)
    assert_true(known.look(store, SERIES, NOW), store)
    store.inner.write_readings(GAS, reading("2023-01-05"))
    with pytest.raises(StoreError):
        known.look(failing, SERIES, NOW + HALF_A_MINUTE)
    assert_true(known.look(store, SERIES, NOW + 2 * HALF_A_MINUTE), store)
    with pytest.raises(StoreError):
        known.look(failing, SERIES[:1], NOW + 3 * HALF_A_MINUTE)
    assert len(known.look(store, SERIES[:1], NOW + 4 * HALF_A_MINUTE)) == 49
    failing.inner.close()
