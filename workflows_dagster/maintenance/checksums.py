"""Figures that a restored backup must reproduce: monthly consumption and counts."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.stores.ports import CONSUMPTION_DAILY

# Consumption by meter id, then by month (`2025-03`). [meter unit]
Sums = dict[str, dict[str, float]]

_CONSUMPTION = "consumption"


def sums_in(connection: sqlite3.Connection, zone: ZoneInfo) -> Sums:
    """Add up the days of an embedded store's database by meter and civil month, exactly.

    Args:
        connection: Open on the database.
        zone: The zone that cuts the days.
    """
    rows = connection.execute(
        "SELECT meter_id, time, value FROM points JOIN point_series ON series = id"
        " WHERE measurement = ? AND field = ? AND typeof(value) IN ('real', 'integer')",
        (CONSUMPTION_DAILY.name, _CONSUMPTION),
    ).fetchall()
    by_meter: dict[str, list[tuple[int, float]]] = {}
    for meter_id, time, value in rows:
        by_meter.setdefault(meter_id, []).append((time, float(value)))
    return {
        meter_id: _by_month(days.instants(np.array([time for time, _ in found])), [value for _, value in found], zone)
        for meter_id, found in sorted(by_meter.items())
    }


def counts_in(connection: sqlite3.Connection) -> tuple[int, int]:
    """Count the raw readings and the processed values in an embedded store's database."""
    readings, points = connection.execute(
        "SELECT (SELECT count(*) FROM readings), (SELECT count(*) FROM points)"
    ).fetchone()
    return int(readings), int(points)


def partitions_in(connection: sqlite3.Connection) -> dict[str, int]:
    """Count the materialized partitions of each asset in the index of Dagster's event log."""
    return dict(
        connection.execute(
            "SELECT asset_key, count(DISTINCT partition) FROM event_logs"
            " WHERE dagster_event_type = 'ASSET_MATERIALIZATION' AND partition IS NOT NULL GROUP BY asset_key"
        ).fetchall()
    )


def differences(expected: Sums, found: Sums) -> list[str]:
    """List the months in which two sets of sums differ, however little."""
    lines = []
    for meter_id in sorted(expected.keys() | found.keys()):
        there, here = expected.get(meter_id, {}), found.get(meter_id, {})
        lines += [
            f"{meter_id} {month}: {_figure(here.get(month))} instead of {_figure(there.get(month))}"
            for month in sorted(there.keys() | here.keys())
            if there.get(month) != here.get(month)
        ]
    return lines


def _by_month(openings: pd.DatetimeIndex, values: Iterable[float], zone: ZoneInfo) -> dict[str, float]:
    months: dict[str, list[float]] = {}
    for day, value in zip(days.civil_days(openings, zone), values, strict=True):
        months.setdefault(f"{day:%Y-%m}", []).append(value)
    # An exact sum does not depend on the order of the rows.
    return {month: math.fsum(found) for month, found in sorted(months.items())}


def _figure(value: float | None) -> str:
    return "nothing" if value is None else repr(value)
