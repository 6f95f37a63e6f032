"""Stored series: InfluxDB's series that differ in tags beyond a meter's address, and their merging."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workflows_dagster.stores.frames import DEFAULT_DOMAIN, Column, Micros, Values, last_at_each_instant
from workflows_dagster.stores.influx.annotated_csv import NUMBERS, Section

DOMAIN = "domain"
# Columns of an answer that are not tags.
_NO_TAGS = frozenset({"result", "table", "_time", "_value", "_start", "_stop"})
# Names and values ordered by name; tags without a value are absent.
Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StoredSeries:
    """Points of one stored series.

    Attributes:
        tags: Its tags, except those dropped by the query.
        times: Instants, microseconds since 1970 UTC, increasing, shape (n,).
        values: `float64`, shape (n,).
    """

    tags: Tags
    times: Micros
    values: Values


def stored_series(section: Section) -> Iterator[StoredSeries]:
    """Give the stored series of an answer; tables of texts are skipped."""
    if section.value_type not in NUMBERS:
        return
    names = sorted(set(section.types) - _NO_TAGS)
    columns = section.columns(("table", "_time", "_value", *names))
    starts = np.flatnonzero(np.diff(columns["table"], prepend=-1))
    for first, last in zip(starts, [*starts[1:], len(columns["table"])], strict=True):
        tags = tuple((name, str(columns[name][first])) for name in names if columns[name][first])
        yield StoredSeries(tags, columns["_time"][first:last], columns["_value"][first:last])


def conflicting(parts: Sequence[StoredSeries]) -> bool:
    """Tell whether stored series of one domain hold different values at one instant."""
    by_domain: dict[str, list[StoredSeries]] = {}
    for part in parts:
        by_domain.setdefault(dict(part.tags).get(DOMAIN, ""), []).append(part)
    return any(_differ(of_domain) for of_domain in by_domain.values() if len({part.tags for part in of_domain}) > 1)


def _differ(parts: Sequence[StoredSeries]) -> bool:
    times = np.concatenate([part.times for part in parts])
    values = np.concatenate([part.values for part in parts])
    order = np.lexsort((values, times))
    same = times[order][1:] == times[order][:-1]
    return bool((same & (values[order][1:] != values[order][:-1])).any())


def merged(parts: Sequence[StoredSeries], newest: Mapping[Tags, int]) -> Column:
    """Merge stored series in time order, one value at each instant.

    If two have the same instant, the domain `input_number` wins, else the last domain by name; within a domain the
    stored series with the latest newest point, else the last by its tags' text (the server stores no time of writing).

    Args:
        parts: Points of the stored series, each in one or several parts.
        newest: Instant of each one's newest point, by its tags; needed only if they conflict.
    """
    if not parts:
        return Column(np.empty(0, np.int64), np.empty(0))

    def precedence(tags: Tags) -> tuple[bool, str, int, Tags]:
        domain = dict(tags).get(DOMAIN, "")
        return domain == DEFAULT_DOMAIN, domain, newest.get(tags, 0), tags

    ranks = {tags: rank for rank, tags in enumerate(sorted({part.tags for part in parts}, key=precedence))}
    times = np.concatenate([part.times for part in parts])
    values = np.concatenate([part.values for part in parts]).astype(np.float64)
    if len(ranks) == 1:
        return last_at_each_instant(times, values)
    return last_at_each_instant(
        times, values, np.concatenate([np.full(len(part.times), ranks[part.tags]) for part in parts])
    )
