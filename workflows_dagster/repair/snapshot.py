"""What the stored days were made from, in a few kilobytes: a digest of each meter's readings by month or year.

Years that are over are one digest, the running year is one a month; so a snapshot stays small however long the history
grows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

# Eight hexadecimal digits: of a thousand digests that change, one in four million would go unseen.
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
        """Write it as text, equal snapshots as equal text."""
        return json.dumps({"readings": self.readings, "recipes": self.recipes}, sort_keys=True, separators=(",", ":"))


def decode(text: str | None) -> Snapshot | None:
    """Read what `encode` wrote; None where there is nothing, or nothing that can be read."""
    if not text:
        return None
    try:
        parts = json.loads(text)
        return Snapshot(parts["readings"], parts["recipes"])
    except (ValueError, TypeError, KeyError):
        return None


def digest(*facts: object) -> str:
    """Sum up facts in eight hexadecimal digits."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:_DIGITS]


def digests(fingerprints: pd.DataFrame, periods: Iterable[str]) -> dict[str, str]:
    """Sum up one series' fingerprints by period.

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
    """Name the periods of a snapshot: past years whole, the newest year with readings by month."""
    months = sorted(set(fingerprints["month"]))
    if not months:
        return []
    running = months[-1][:4]
    return sorted({month[:4] for month in months if month[:4] != running}) + [m for m in months if m[:4] == running]


def changed_periods(fingerprints: pd.DataFrame, before: Mapping[str, str]) -> list[str]:
    """Name the periods in which a series is not what a snapshot says.

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
