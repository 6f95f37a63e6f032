"""A snapshot of the stored days' inputs: one digest of each meter's readings per month or year.

A past year has one digest, the running year one per month; so a snapshot takes a few kilobytes for any history.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

# Eight hexadecimal digits: of a thousand changed digests, one goes unnoticed with a chance of 1 in 4 million.
_DIGITS = 8


@dataclass(frozen=True)
class Snapshot:
    """Digests by meter and by period.

    Attributes:
        readings: Digest of a meter's readings by meter id, then by period: `2024` or `2026-11`, UTC.
        recipes: Digest of how a meter's days are computed (its settings, its profile) by meter id.
    """

    readings: Mapping[str, Mapping[str, str]]
    recipes: Mapping[str, str]

    def encode(self) -> str:
        """Encode it as text; equal snapshots give equal text."""
        return json.dumps({"readings": self.readings, "recipes": self.recipes}, sort_keys=True, separators=(",", ":"))


def decode(text: str | None) -> Snapshot | None:
    """Decode what `encode` wrote; None if the text is empty or unreadable."""
    if not text:
        return None
    try:
        parts = json.loads(text)
        return Snapshot(parts["readings"], parts["recipes"])
    except (ValueError, TypeError, KeyError):
        return None


def digest(*facts: object) -> str:
    """Hash facts into eight hexadecimal digits."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:_DIGITS]


def digests(fingerprints: pd.DataFrame, periods: Iterable[str]) -> dict[str, str]:
    """Digest one series' fingerprints by period.

    Args:
        fingerprints: Rows of one series, as `stores.ports.RawStore.fingerprints` gives them.
        periods: `YYYY` or `YYYY-MM`.

    Returns:
        Digest by period; a period without readings has none.
    """
    rows = list(fingerprints[["month", "count", "sum", "first", "last"]].itertuples(index=False, name=None))
    result = {}
    for period in periods:
        inside = [tuple(map(str, row)) for row in rows if row[0].startswith(period)]
        if inside:
            result[period] = digest(*inside)
    return result


def periods_of(fingerprints: pd.DataFrame) -> list[str]:
    """List the periods of a snapshot: past years as a whole, the newest year with readings by month."""
    months = sorted(set(fingerprints["month"]))
    if not months:
        return []
    running = months[-1][:4]
    return sorted({month[:4] for month in months if month[:4] != running}) + [m for m in months if m[:4] == running]


def changed_periods(fingerprints: pd.DataFrame, before: Mapping[str, str]) -> list[str]:
    """List the periods in which a series differs from a snapshot.

    Args:
        fingerprints: Rows of one series as it is now.
        before: Its digests by period in the snapshot.

    Returns:
        `YYYY` or `YYYY-MM`, in order.
    """
    now = digests(fingerprints, before)
    changed = {period for period, was in before.items() if now.get(period) != was}
    covered = set(before)
    for month in set(fingerprints["month"]):
        if month not in covered and month[:4] not in covered:
            changed.add(month)
    return sorted(changed)


def bounds(period: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Give the instants at which a period begins and ends, UTC."""
    span = pd.Period(period, freq="M" if len(period) > 4 else "Y")
    return span.start_time.tz_localize("UTC"), (span + 1).start_time.tz_localize("UTC")
