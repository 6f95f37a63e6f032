"""A snapshot is small, equal for equal readings, and says where they differ."""

from __future__ import annotations

import pandas as pd
import pytest

from workflows_dagster.repair.snapshot import Snapshot, bounds, changed_periods, decode, digests, periods_of


def months(*rows):
    """Fingerprints of a series: month, count and sum."""
    return pd.DataFrame(
        [
            {
                "month": month,
                "count": count,
                "sum": total,
                "first": pd.Timestamp(f"{month}-01", tz="UTC"),
                "last": pd.Timestamp(f"{month}-28", tz="UTC"),
            }
            for month, count, total in rows
        ],
        columns=["month", "count", "sum", "first", "last"],
    )


HISTORY = months(("2024-05", 3, 10.0), ("2024-11", 2, 8.0), ("2025-01", 4, 9.0), ("2025-02", 4, 9.5))


def snapshot(rows):
    return digests(rows, periods_of(rows))


def test_past_years_are_one_digest_and_the_running_year_one_a_month():
    assert list(snapshot(HISTORY)) == ["2024", "2025-01", "2025-02"]


def test_nothing_has_changed_when_nothing_has():
    assert changed_periods(HISTORY, snapshot(HISTORY)) == []


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (months(("2024-05", 3, 10.5), ("2024-11", 2, 8.0), ("2025-01", 4, 9.0), ("2025-02", 4, 9.5)), ["2024"]),
        (months(("2024-05", 3, 10.0), ("2024-11", 2, 8.0), ("2025-01", 5, 9.9), ("2025-02", 4, 9.5)), ["2025-01"]),
        (months(("2024-05", 3, 10.0), ("2024-11", 2, 8.0), ("2025-02", 4, 9.5)), ["2025-01"]),
        (months(("2025-01", 4, 9.0), ("2025-02", 4, 9.5)), ["2024"]),
    ],
    ids=["edited in a past year", "back-dated", "deleted", "a whole year deleted"],
)
def test_a_change_names_its_period(now, expected):
    assert changed_periods(now, snapshot(HISTORY)) == expected


def test_a_new_month_and_a_new_year_are_changes_and_no_others_are():
    more = pd.concat([HISTORY, months(("2025-03", 1, 1.0), ("2026-01", 2, 2.0))])
    assert changed_periods(more, snapshot(HISTORY)) == ["2025-03", "2026-01"]


def test_a_month_before_all_others_is_a_change():
    more = pd.concat([months(("2023-12", 1, 1.0)), HISTORY])
    assert changed_periods(more, snapshot(HISTORY)) == ["2023-12"]


def test_a_snapshot_reads_back_and_rubbish_is_no_snapshot():
    written = Snapshot({"gas": snapshot(HISTORY)}, {"gas": "abc"})
    assert decode(written.encode()) == written
    assert decode("rubbish") is None
    assert decode(None) is None
    assert decode('{"other": 1}') is None


def test_a_snapshot_of_ten_years_and_thirty_meters_is_a_few_kilobytes():
    years = months(*((f"{2015 + k // 12}-{k % 12 + 1:02d}", 700, 1.0 * k) for k in range(120)))
    text = Snapshot(
        {f"meter_{k}": snapshot(years) for k in range(30)}, {f"meter_{k}": "12345678" for k in range(30)}
    ).encode()
    assert len(text) < 16_000


def test_periods_are_utc_years_and_months():
    assert bounds("2024") == (pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC"))
    assert bounds("2024-02") == (pd.Timestamp("2024-02-01", tz="UTC"), pd.Timestamp("2024-03-01", tz="UTC"))
