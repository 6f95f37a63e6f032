"""What each event changed, from the stored streams: the running day, the finished one, a range, and expired streams."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.streams import BERLIN, FIRST, HOUSE, LAST, START, at, live
from workflows_dagster.domain.days import DayRange, closing, opening
from workflows_dagster.records.events import read_correlations, read_events
from workflows_dagster.records.power import delete_expired, read_devices, read_power, write_power
from workflows_dagster.services.event_correlation import Correlation
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.tagged import EVENT_ENERGY_CORRELATION


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams") / "meters.sqlite"
    store = EmbeddedStore(path)
    live(store)
    store.close()
    return path


@pytest.fixture
def store(lived: Path, tmp_path: Path) -> Iterator[EmbeddedStore]:
    path = tmp_path / "meters.sqlite"
    path.write_bytes(lived.read_bytes())
    opened = EmbeddedStore(path)
    yield opened
    opened.close()


def correlation(store: EmbeddedStore, keep_days: int = 92) -> Correlation:
    return Correlation(store, BERLIN, HOUSE, ("switch", "light"), keep_days)


AFTER = closing(LAST, BERLIN) + pd.Timedelta(days=1)
BOUNDS = (START, AFTER)


def results(store: EmbeddedStore) -> pd.DataFrame:
    return read_correlations(store, *BOUNDS)


def test_a_days_partition_equals_the_running_day_to_the_last_bit(store: EmbeddedStore) -> None:
    """Every 37 minutes of the day of 23 hours the live task judges what is final; then the partition runs."""
    day = date(2021, 3, 28)
    end = closing(day, BERLIN)
    live_task, since = correlation(store), None
    for now in pd.date_range(opening(day, BERLIN) + pd.Timedelta(minutes=7), end + pd.Timedelta(hours=1), freq="37min"):
        live_task.running(now, since)
        since = now
    # Of the days before and after too.
    store.delete_rows(EVENT_ENERGY_CORRELATION, START, opening(day, BERLIN))
    store.delete_rows(EVENT_ENERGY_CORRELATION, end, AFTER)
    running = results(store)
    done = correlation(store).of_days(DayRange.single(day), AFTER)
    assert done[day].events == len(running) > 60
    assert done[day].credited > 40
    pd.testing.assert_frame_equal(results(store), running, check_exact=True)


def test_days_alone_in_any_order_equal_the_range(store: EmbeddedStore, lived: Path, tmp_path: Path) -> None:
    other_path = tmp_path / "other.sqlite"
    other_path.write_bytes(lived.read_bytes())
    other = EmbeddedStore(other_path)
    correlation(store).of_days(DayRange(FIRST, LAST), AFTER)
    for day in sorted(DayRange(FIRST, LAST), reverse=True):
        correlation(other).of_days(DayRange.single(day), AFTER)
    pd.testing.assert_frame_equal(results(other), results(store), check_exact=True)
    pd.testing.assert_frame_equal(read_devices(other, *BOUNDS), read_devices(store, *BOUNDS), check_exact=True)
    other.close()


def test_a_day_whose_streams_have_expired_keeps_its_results_through_a_full_backfill(store: EmbeddedStore) -> None:
    every = DayRange(FIRST, LAST)
    correlation(store).of_days(every, AFTER)
    before, devices = results(store), read_devices(store, *BOUNDS)
    later = AFTER + pd.Timedelta(days=92 - 3)
    since = delete_expired(store, later, 92)
    assert read_power(store, START, since).empty
    assert read_events(store, START, since).empty
    assert not read_power(store, since, AFTER).empty
    done = correlation(store).of_days(every, later)
    assert all(day.expired for day in done.values())
    assert sum(day.events for day in done.values()) == len(before)
    pd.testing.assert_frame_equal(results(store), before, check_exact=True)
    pd.testing.assert_frame_equal(read_devices(store, *BOUNDS), devices, check_exact=True)


def test_a_day_can_be_recomputed_as_long_as_the_fortnight_before_it_is_kept(store: EmbeddedStore) -> None:
    """The last midnight (UTC) is 92 days after 14 civil days and two hours before the day."""
    last = opening(LAST - timedelta(days=14), BERLIN) - pd.Timedelta(hours=2) + pd.Timedelta(days=92)
    midnight = last.floor("D")
    assert not correlation(store).is_expired(LAST, midnight)
    assert correlation(store).is_expired(LAST, midnight + pd.Timedelta(days=1))


def test_the_day_of_a_device_is_what_its_events_say(store: EmbeddedStore) -> None:
    """Twelve turns of 6 minutes are 1.2 h; the light draws 60 W, and nothing tells what a scene does."""
    correlation(store).of_days(DayRange(FIRST, LAST), AFTER)
    day = date(2021, 3, 27)
    rows = read_devices(store, opening(day, BERLIN), closing(day, BERLIN)).set_index("entity_id")
    assert rows["on_hours"].tolist() == pytest.approx([1.2, 1.2, 1.2])
    assert rows.loc["light.kitchen", "on_w"] == pytest.approx(60.0, abs=1.5)
    assert rows.loc["switch.kettle", "on_w"] == pytest.approx(1900.0, abs=5.0)
    assert np.isnan(rows.loc["switch.scene", "on_w"])
    assert rows["off_w"].isna().all()


def test_unavailable_power_is_read_back_as_unknown(store: EmbeddedStore) -> None:
    rows = pd.DataFrame({"time": [at(-60), at(-30)], "entity_id": "sensor.b", "power_w": [5.0, np.nan]})
    write_power(store, rows)
    assert read_power(store, at(-90), at(0), "sensor.b")["power_w"].isna().tolist() == [False, True]


def test_streams_that_were_deleted_do_not_come_back_by_keeping_them_longer(store: EmbeddedStore) -> None:
    """A day that seemed to be computable again would lose its results to an empty stream."""
    asked, now = DayRange.single(LAST), AFTER + pd.Timedelta(days=300)
    correlation(store, 20_000).of_days(asked, AFTER)
    kept = results(store)
    assert len(kept) > 0
    since = delete_expired(store, now, 92)
    assert since > AFTER
    longer = correlation(store, 20_000)
    assert longer.is_expired(LAST, now)
    assert longer.of_days(asked, now)[LAST].expired
    pd.testing.assert_frame_equal(results(store), kept)
    # And keeping them shorter, then longer, loses no mark.
    assert delete_expired(store, now, 400) == since
