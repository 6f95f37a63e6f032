"""Converts between frames of rows with tags and the stores' columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from workflows_dagster.stores.frames import Column, Columns, Micros, Values, given_points, index_of, kind_fits, times_of
from workflows_dagster.stores.ports import Measurement
from workflows_dagster.stores.tagged import TaggedMeasurement

# Values of a measurement's tags in its order; None where absent.
TagValues = tuple[str | None, ...]
# Rows that share their tags, as columns under the empty unit.
ByTags = dict[TagValues, Columns]


def as_measurement(measurement: TaggedMeasurement) -> Measurement:
    """Give name and fields of a measurement, for the conversion of columns."""
    return Measurement(measurement.name, measurement.fields)


def given_rows(measurement: TaggedMeasurement, start: int, end: int, rows: pd.DataFrame) -> ByTags:
    """Check rows to be written, and split them into columns.

    Args:
        measurement: Where they go.
        start: First instant of the range. [µs since 1970 UTC]
        end: Instant after the last. [µs since 1970 UTC]
        rows: As the port takes them.

    Raises:
        ValueError: The rows break the port's rules.
    """
    if rows.empty:
        return {}
    tags = list(measurement.tags)
    known = ["time", *tags, *measurement.fields]
    if unknown := [str(name) for name in rows.columns if name not in known]:
        raise ValueError(f"rows of {measurement.name}: no column {', '.join(unknown)}; there are {', '.join(known)}")
    plain = rows.copy()
    for tag in tags:
        plain[tag] = [text if isinstance(text, str) and text else None for text in plain[tag]]
    plain = plain.drop_duplicates(["time", *tags], keep="last").sort_values("time", kind="stable")
    found: ByTags = {}
    for _, group in plain.groupby(tags, dropna=False, sort=False):
        values = tuple(None if pd.isna(text) else str(text) for text in group[tags].iloc[0])
        points = group.drop(columns=["time", *tags])
        points.index = pd.DatetimeIndex(group["time"])
        columns = given_points(as_measurement(measurement), "", start, end, points)
        if columns:
            found[values] = columns
    return found


def span_of(measurement: TaggedMeasurement, rows: pd.DataFrame) -> tuple[int, int]:
    """Give the first instant and the one after the last of rows that are not empty. [µs since 1970 UTC]."""
    times = times_of(pd.DatetimeIndex(rows["time"]), f"rows of {measurement.name}")
    return int(times.min()), int(times.max()) + 1


def rows_of(measurement: TaggedMeasurement, by_tags: Mapping[TagValues, Columns]) -> pd.DataFrame:
    """Join columns into the port's frame."""
    stamps: list[Micros] = [np.empty(0, np.int64)]
    content: dict[str, list[Values]] = {name: [] for name in (*measurement.tags, *measurement.fields)}
    ordered = sorted(by_tags.items(), key=lambda item: tuple(text or "" for text in item[0]))
    for values, columns in ordered:
        fitting = {
            field: column
            for (_, field), column in columns.items()
            if kind_fits(as_measurement(measurement), field, column.values)
        }
        times = np.unique(np.concatenate([np.empty(0, np.int64), *(column.times for column in fitting.values())]))
        stamps.append(times)
        for tag, text in zip(measurement.tags, values, strict=True):
            content[tag].append(np.full(len(times), text, dtype=object))
        for field, kind in measurement.fields.items():
            absent = np.full(len(times), np.nan) if kind == "number" else np.full(len(times), None, dtype=object)
            if field in fitting:
                absent[np.searchsorted(times, fitting[field].times)] = fitting[field].values
            content[field].append(absent)
    joined = np.concatenate(stamps)
    order = np.argsort(joined, kind="stable")
    columns_of: dict[str, object] = {"time": index_of(joined[order])}
    for name, parts in content.items():
        number = measurement.fields.get(name) == "number"
        empty = np.empty(0, np.float64 if number else object)
        values_of = np.concatenate([empty, *parts])[order]
        columns_of[name] = pd.Series(values_of, dtype=np.float64 if number else object)
    return pd.DataFrame(columns_of)


def same(first: ByTags, second: ByTags) -> bool:
    """Tell whether both hold the same rows, to the last bit."""
    return first.keys() == second.keys() and all(
        first[tags].keys() == second[tags].keys()
        and all(first[tags][key].same_as(second[tags][key]) for key in first[tags])
        for tags in first
    )


def merged(there: ByTags, given: ByTags) -> ByTags:
    """Give what is stored once rows are written over those that exist: a point's fields are replaced as a whole."""
    result = {tags: dict(columns) for tags, columns in there.items()}
    for tags, columns in given.items():
        written = instants_of(columns)
        mine = result.setdefault(tags, {})
        for key in mine.keys() | columns.keys():
            kept = [column for column in (_without(mine.get(key), written), columns.get(key)) if column is not None]
            times = np.concatenate([column.times for column in kept])
            values = np.concatenate([column.values for column in kept]) if kept else np.empty(0)
            order = np.argsort(times, kind="stable")
            if len(times):
                mine[key] = Column(times[order], values[order])
            else:
                mine.pop(key, None)
    return result


def instants_of(columns: Columns) -> Micros:
    """Give the instants at which any field has a value, increasing."""
    return np.unique(np.concatenate([np.empty(0, np.int64), *(column.times for column in columns.values())]))


def _without(column: Column | None, gone: Micros) -> Column | None:
    if column is None:
        return None
    keep = ~np.isin(column.times, gone)
    return Column(column.times[keep], column.values[keep]) if keep.any() else None
