"""Expectations of all judged days, apart from the flagged days: how they are written, and how old ones are moved."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from workflows_dagster.domain.anomaly_reasons import Reason
from workflows_dagster.domain.days import REPRESENTABLE
from workflows_dagster.records.anomalies import BASE_LOAD, USE, Judgement, move_expectations, write_anomalies
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.migrations import MIGRATIONS, bring_up_to_date
from workflows_dagster.stores.ports import Store

DAYS = pd.date_range("2024-01-01", periods=200, freq="D", tz="UTC", name="time").as_unit("us")
FLAGGED = [17, 18, 120]
KINDS = {"flat": USE, "water": BASE_LOAD}


def as_once_stored(kind: Judgement) -> pd.DataFrame:
    """Judged days as they were kept until expectations had measurements of their own."""
    measured = "consumption" if kind is USE else "base_load"
    frame = pd.DataFrame({measured: 0.1, "expected": 0.1, "lower": 0.07, "upper": 1 / 3}, index=DAYS)
    frame["expected"] += [0.01 * k for k in range(len(DAYS))]
    frame["delta_percent"] = 100 * (frame[measured] / frame["expected"] - 1)
    for name, text in (("severity", "alert"), ("code", "day"), ("figures", "{}"), ("reason", "much")):
        column = [text if k in FLAGGED else None for k in range(len(DAYS))]
        frame[name] = pd.Series(column, DAYS, dtype=object)
    return frame


def fill(store: Store) -> None:
    for meter_id, kind in KINDS.items():
        store.replace(kind.flagged, meter_id, "m³", *REPRESENTABLE, as_once_stored(kind))


def assert_moved(store: Store) -> None:
    for meter_id, kind in KINDS.items():
        once = as_once_stored(kind).assign(unit=pd.Series("m³", DAYS, dtype=object))
        for measurement, wanted in ((kind.flagged, once.iloc[FLAGGED]), (kind.expectation, once)):
            found = store.read(measurement, meter_id)
            columns = [*measurement.fields, "unit"]
            pd.testing.assert_frame_equal(found, wanted[columns], check_exact=True, check_freq=False)


class KilledError(Exception):
    pass


class Killing:
    """A store whose process ends at the given call of `replace`, before it does anything."""

    def __init__(self, store: Store, at: int) -> None:
        self._store, self._left = store, at

    def __getattr__(self, name: str) -> object:
        if name == "replace":
            self._left -= 1
            if self._left < 0:
                raise KilledError
        return getattr(self._store, name)


@pytest.mark.parametrize("at", range(5))
def test_expectations_are_moved_to_the_last_bit_wherever_the_process_ends_in_between(store: Store, at: int) -> None:
    fill(store)
    try:
        move_expectations(Killing(store, at))  # type: ignore[arg-type]
    except KilledError:
        assert at < 4
        for meter_id, kind in KINDS.items():
            known = store.read(kind.flagged, meter_id).index.union(store.read(kind.expectation, meter_id).index)
            assert len(known) == len(DAYS)
    move_expectations(store)
    assert_moved(store)


def test_a_newer_expectation_is_kept_when_old_ones_are_moved(store: Store) -> None:
    fill(store)
    newer = pd.DataFrame({"expected": 7.0, "lower": 6.0, "upper": 8.0}, index=DAYS[[3]])
    store.replace(USE.expectation, "flat", "m³", DAYS[3], DAYS[4], newer)
    move_expectations(store)
    found = store.read(USE.expectation, "flat")
    assert len(found) == len(DAYS)
    assert found["expected"].iloc[2:5].tolist() == [as_once_stored(USE)["expected"].iloc[2], 7.0, 0.1 + 0.01 * 4]


def test_an_embedded_file_of_an_older_version_is_moved_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "meters.sqlite"
    with sqlite3.connect(path, isolation_level=None) as connection:
        bring_up_to_date(connection, path, MIGRATIONS[:2])
    with sqlite3.connect(path, isolation_level=None) as connection:
        for meter_id, kind in KINDS.items():
            for name, column in as_once_stored(kind).items():
                key = (kind.flagged.name, meter_id, "m³", name)
                connection.execute(
                    "INSERT INTO point_series (measurement, meter_id, unit, field) VALUES (?, ?, ?, ?)", key
                )
                (number,) = connection.execute("SELECT max(id) FROM point_series").fetchone()
                rows = [(number, time.value // 1000, value) for time, value in column.items() if value is not None]
                connection.executemany("INSERT INTO points VALUES (?, ?, ?)", rows)
    store = EmbeddedStore(path)
    assert_moved(store)
    store.close()


def test_only_flagged_days_are_anomalies_and_every_judged_day_has_its_expectation(store: Store) -> None:
    once = as_once_stored(USE)
    reasons = [
        Reason.of("day", 0.01, 12.5, 6.0, 5.0, 7.0, weekday=4) if k in FLAGGED else None for k in range(len(DAYS))
    ]
    judged = once.drop(columns=["code", "figures"]).assign(reason=pd.Series(reasons, DAYS, dtype=object))
    write_anomalies(store, USE, "flat", "m³", REPRESENTABLE, judged, lambda reason: reason.code)
    assert store.read(USE.flagged, "flat").index.tolist() == DAYS[FLAGGED].tolist()
    assert store.read(USE.flagged, "flat")["reason"].tolist() == ["day"] * 3
    assert len(store.read(USE.expectation, "flat")) == len(DAYS)
    # A day that is not judged any more has neither.
    write_anomalies(store, USE, "flat", "m³", (DAYS[0], DAYS[18]), judged.iloc[:17], lambda reason: reason.code)
    assert store.read(USE.flagged, "flat").index.tolist() == DAYS[FLAGGED[1:]].tolist()
    assert DAYS[17] not in store.read(USE.expectation, "flat").index
