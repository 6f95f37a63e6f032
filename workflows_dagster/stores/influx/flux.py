"""Builds Flux queries and delete predicates, with all inputs escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from workflows_dagster.stores.frames import micros
from workflows_dagster.stores.ports import RawSeries

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# InfluxDB stores instants as 64 bits of nanoseconds.
EARLIEST = -(2**63) // 1000 + 1
LATEST = (2**63 - 1) // 1000
_PLAIN = re.compile(r"[A-Za-z0-9_]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def string(text: str) -> str:
    """Write a text as a Flux string literal; `${` is escaped and interpolates nothing."""
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return '"' + escaped.replace("${", "\\${") + '"'


def instant(micros: int, nanos: int = 0) -> str:
    """Write an instant as RFC 3339, clipped to the years of InfluxDB (1677 to 2262).

    Args:
        micros: Microseconds since 1970 UTC.
        nanos: Nanoseconds to add, 0 to 999.
    """
    when = _EPOCH + timedelta(microseconds=min(max(micros, EARLIEST), LATEST))
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond:06d}{nanos:03d}Z"


def bounds(start: pd.Timestamp | None, end: pd.Timestamp | None) -> tuple[int, int]:
    """Clip a range, which may be open at either end, to InfluxDB's range, in microseconds since 1970 UTC."""
    return (
        EARLIEST if start is None else max(micros(start), EARLIEST),
        LATEST if end is None else min(micros(end), LATEST),
    )


def source(bucket: str, start: int, end: int) -> str:
    """Write the start of a query: the points of a bucket in `[start, end)`, microseconds since 1970 UTC."""
    return f"from(bucket: {string(bucket)}) |> range(start: {instant(start)}, stop: {instant(end)})"


def filtered(condition: str) -> str:
    """Write a filter that is pushed down to the storage engine."""
    return f" |> filter(fn: (r) => {condition})"


def kept(columns: Iterable[str]) -> str:
    """Write a `keep` of columns."""
    return f" |> keep(columns: [{', '.join(string(column) for column in columns)}])"


def dropped(columns: Iterable[str]) -> str:
    """Write a `drop` of columns; other tags still separate tables."""
    return f" |> drop(columns: [{', '.join(string(column) for column in columns)}])"


def equal(**tags: str | None) -> str:
    """Write the condition that tags have these values; None accepts any. Measurement and field are tags too."""
    return " and ".join(f"r.{tag} == {string(value)}" for tag, value in tags.items() if value is not None)


def of_series(series: RawSeries) -> str:
    """Write the condition that a point belongs to a series of raw readings."""
    return equal(_measurement=series.measurement, entity_id=series.entity_id, _field=series.field, domain=series.domain)


def of_any(series: Sequence[RawSeries]) -> str:
    """Write the condition that a point belongs to one of several series."""
    return " or ".join(f"({of_series(one)})" for one in series)


def around(series: Sequence[RawSeries]) -> str:
    """Write a condition that includes several series and possibly a few more, in a fifth of the time.

    The server looks up every compared value in every shard; one regular expression for all entities avoids that.
    """
    sets = {
        "_measurement": sorted({one.measurement for one in series}),
        "_field": sorted({one.field for one in series}),
    }
    conditions = [f"({' or '.join(equal(**{tag: value}) for value in values)})" for tag, values in sets.items()]
    return " and ".join([*conditions, f"({' or '.join(_entities(series))})"])


def _entities(series: Sequence[RawSeries]) -> Iterator[str]:
    entities = sorted({one.entity_id for one in series})
    # Home Assistant's ids contain no special characters of regular expressions.
    plain = [entity_id for entity_id in entities if _PLAIN.fullmatch(entity_id)]
    if plain:
        yield f"r.entity_id =~ /^({'|'.join(plain)})$/"
    yield from (equal(entity_id=entity_id) for entity_id in entities if entity_id not in plain)


def predicate(**tags: str | None) -> str:
    """Write a delete predicate: all of these tags have these values.

    `_field` is refused: some InfluxDB versions ignore it and delete the whole point, others answer 501.

    Raises:
        ValueError: The predicate names `_field`, or a value holds a line break, which predicates cannot carry.
    """
    if "_field" in tags:
        raise ValueError("InfluxDB cannot delete by _field; delete the point and write it again")
    conditions = []
    for tag, value in tags.items():
        if value is not None:
            if "\n" in value or "\r" in value:
                raise ValueError(f"{tag}={value!r} holds a line break, which a delete predicate cannot carry")
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            conditions.append(f'{tag}="{escaped}"')
    return " AND ".join(conditions)
