"""Hours that Tibber does not know yet: from when to ask again, and when that has lasted too long."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workflows_dagster.domain.findings import Finding

# Grid operators deliver late values within weeks; after a month nobody sends them unasked.
ASKED_FOR = pd.Timedelta(days=30)
_HOUR = pd.Timedelta(hours=1)


def since_for(
    known_until: pd.Timestamp | None, unknown: Sequence[pd.Timestamp], now: pd.Timestamp, lookback: pd.Timedelta
) -> pd.Timestamp | None:
    """Tell from when on to ask Tibber again.

    Args:
        known_until: Start of the newest hour that is known, UTC; None before the first sync.
        unknown: Starts of the hours that were not known when they were last asked for, UTC, in any order.
        now: The present, UTC.
        lookback: How far before the newest known hour corrections are looked for.

    Returns:
        The earlier of: `lookback` before the newest known hour, and the oldest unknown hour of the last 30 days. None,
        as far back as the account reaches, where nothing is known yet.
    """
    if known_until is None:
        return None
    still_due = [hour for hour in unknown if hour >= now - ASKED_FOR]
    return min([known_until - lookback, *still_due])


def overdue(unknown: Sequence[pd.Timestamp], now: pd.Timestamp, meter_id: str) -> tuple[Finding, ...]:
    """Report the hours that Tibber has not known for more than 30 days.

    Args:
        unknown: Starts of the hours that were not known when they were last asked for, UTC, in any order.
        now: The present, UTC.
        meter_id: The meter that the hours are of.

    Returns:
        A finding `tibber_hour_unknown` for each run of consecutive hours, in order.
    """
    late = sorted({hour for hour in unknown if hour < now - ASKED_FOR})
    runs: list[list[pd.Timestamp]] = []
    for hour in late:
        if runs and hour - runs[-1][-1] <= _HOUR:
            runs[-1].append(hour)
        else:
            runs.append([hour])
    return tuple(_finding(run, meter_id) for run in runs)


def _finding(run: list[pd.Timestamp], meter_id: str) -> Finding:
    figures = {"hours": float(len(run)), "asked_days": float(ASKED_FOR.days)}
    return Finding("tibber_hour_unknown", meter_id, run[0], run[-1] + _HOUR, figures)
