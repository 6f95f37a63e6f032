"""Hours that Tibber does not know yet: when to request them again, and when to report them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workflows_dagster.domain.findings import Finding

# Grid operators deliver late values within weeks; after a month none arrive by themselves.
ASKED_FOR = pd.Timedelta(days=30)
_HOUR = pd.Timedelta(hours=1)


def since_for(
    known_until: pd.Timestamp | None, unknown: Sequence[pd.Timestamp], now: pd.Timestamp, lookback: pd.Timedelta
) -> pd.Timestamp | None:
    """Give the start of the next request to Tibber.

    Args:
        known_until: Start of the newest hour that is known, UTC; None before the first sync.
        unknown: Starts of the hours that were unknown at the last request, UTC, in any order.
        now: The present, UTC.
        lookback: How far before the newest known hour corrections are expected.

    Returns:
        The earlier of: `lookback` before the newest known hour, and the oldest unknown hour of the last 30 days. None
        (the whole history) if nothing is known yet.
    """
    if known_until is None:
        return None
    still_due = [hour for hour in unknown if hour >= now - ASKED_FOR]
    return min([known_until - lookback, *still_due])


def overdue(unknown: Sequence[pd.Timestamp], now: pd.Timestamp, meter_id: str) -> tuple[Finding, ...]:
    """Report the hours that Tibber has not known for more than 30 days.

    Args:
        unknown: Starts of the hours that were unknown at the last request, UTC, in any order.
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
