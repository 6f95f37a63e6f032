"""Converts between pandas and the stores' columns: instants as microseconds, values as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workflows_dagster.stores.ports import Measurement, RawSeries
from workflows_dagster.stores.tagged import FieldKind

Micros = npt.NDArray[np.int64]
Values = npt.NDArray[Any]


# Default domain of written readings: that of values entered by hand.
DEFAULT_DOMAIN = "input_number"


@dataclass(frozen=True)
class Column:
    """One field of one meter in one unit.

    Attributes:
        times: Instants, microseconds since 1970 UTC, strictly increasing, shape (n,).
        values: `float64` without NaN, or `object` of `str`, shape (n,).
    """

    times: Micros
    values: Values

    def same_as(self, other: Column) -> bool:
        """Tell whether both hold the same values at the same instants, to the last bit."""
        return np.array_equal(self.times, other.times) and bool(same_values(self.values, other.values).all())


# A meter's columns in a range, by unit and field.
Columns = dict[tuple[str, str], Column]


def micros(instant: pd.Timestamp) -> int:
    """Convert an instant with a zone to microseconds since 1970.

    Raises:
        ValueError: The instant has no zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"the instant {instant} has no time zone; stores take UTC")
    return int(instant.as_unit("us").asm8.astype(np.int64))


def index_of(times: Micros, name: str = "time") -> pd.DatetimeIndex:
    """Make the UTC index of instants in microseconds."""
    return pd.DatetimeIndex(times.astype("datetime64[us]"), name=name).tz_localize("UTC")


def same_values(first: Values, second: Values) -> npt.NDArray[np.bool_]:
    """Compare two columns of equal length bit by bit; a number is never the same as a text."""
    if first.dtype != second.dtype:
        return np.zeros(len(first), dtype=bool)
    if first.dtype == np.float64:
        return np.asarray(first.view(np.int64) == second.view(np.int64))
    return np.asarray(first == second, dtype=bool)


def differing(wanted: Column, there: Column) -> npt.NDArray[np.bool_]:
    """Tell which of the wanted values are not stored yet, shape of `wanted`."""
    new = np.ones(len(wanted.times), dtype=bool)
    where = np.searchsorted(there.times, wanted.times)
    met = np.flatnonzero(where < len(there.times))
    met = met[there.times[where[met]] == wanted.times[met]]
    new[met] = ~same_values(wanted.values[met], there.values[where[met]])
    return new


def times_of(index: pd.Index[Any], what: str) -> Micros:
    """Convert an index of UTC instants to microseconds.

    Raises:
        ValueError: It is not an index of instants with a zone, or one of them is missing.
    """
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise ValueError(f"{what}: the index must be instants in UTC, not {index.dtype}")
    if index.hasnans:
        raise ValueError(f"{what}: {int(np.count_nonzero(index.isna()))} of {len(index)} instants are missing")
    return np.asarray(index.as_unit("us").asi8)


def given_readings(readings: pd.Series[Any]) -> Column:
    """Check and sort readings to be written; of two at one instant the last one wins.

    Negative zero becomes zero, because not every store distinguishes them.

    Raises:
        ValueError: A value is not finite, or the index is not UTC instants.
    """
    times = times_of(readings.index, "readings")
    values = readings.to_numpy(dtype=np.float64) + 0.0
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise ValueError(
            f"readings: {int(wrong.sum())} of {len(values)} are not finite, the first at {readings.index[wrong][0]}"
        )
    return last_at_each_instant(times, values)


def last_at_each_instant(times: Micros, values: Values, rank: npt.NDArray[Any] | None = None) -> Column:
    """Sort by instant and keep one value at each: that of the highest rank, and the last of equal ranks."""
    if len(times) > 1 and not bool((times[1:] > times[:-1]).all()):
        order = np.argsort(times, kind="stable") if rank is None else np.lexsort((rank, times))
        times, values = times[order], values[order]
        keep = np.append(times[1:] != times[:-1], True)
        times, values = times[keep], values[keep]
    return Column(times, values)


def readings_of(column: Column) -> pd.Series[Any]:
    """Convert readings to the port's form."""
    return pd.Series(column.values.astype(np.float64, copy=False), index=index_of(column.times), name="value")


def given_points(measurement: Measurement, unit: str, start: int, end: int, points: pd.DataFrame) -> Columns:
    """Check points to be written, and split them into columns.

    Args:
        measurement: Where they go.
        unit: Their unit.
        start: First instant of the range. [µs since 1970 UTC]
        end: Instant after the last. [µs since 1970 UTC]
        points: As the port takes them.

    Raises:
        ValueError: The points break the port's rules.
    """
    what = f"points of {measurement.name}"
    unknown = [str(name) for name in points.columns if name not in measurement.fields]
    if unknown:
        raise ValueError(f"{what}: no field {', '.join(unknown)}; there are {', '.join(measurement.fields)}")
    if points.columns.has_duplicates:
        raise ValueError(f"{what}: a column stands there twice")
    if points.empty:
        return {}
    times = times_of(points.index, what)
    if not bool((times[1:] > times[:-1]).all()):
        raise ValueError(f"{what}: the instants are not strictly increasing")
    if len(times) and (times[0] < start or times[-1] >= end):
        span = f"{points.index[0]} … {points.index[-1]}"
        raise ValueError(f"{what}: {span} leaves the range [{index_of(np.array([start, end]))[0]}, …)")
    columns: Columns = {}
    for name, kind in measurement.fields.items():
        if name in points.columns:
            there = ~points[name].isna().to_numpy()
            values = _checked(f"{what}: {name}", kind, points[name][there])
            if there.any():
                columns[unit, name] = Column(times[there], values)
    return columns


def _checked(what: str, kind: FieldKind, given: pd.Series[Any]) -> Values:
    if kind == "number":
        numbers = given.to_numpy(dtype=np.float64) + 0.0
        if not np.isfinite(numbers).all():
            raise ValueError(f"{what} is infinite at {given.index[~np.isfinite(numbers)][0]}")
        return numbers
    texts = given.to_numpy(dtype=object)
    for instant, text in zip(given.index, texts, strict=True):
        if not isinstance(text, str):
            raise ValueError(f"{what} is {text!r} at {instant}, not a text")
        if "\r" in text or "\0" in text:
            raise ValueError(f"{what} is {text!r} at {instant}; carriage returns and NUL do not survive a store")
    return texts


def points_of(measurement: Measurement, columns: Columns) -> pd.DataFrame:
    """Join columns into the port's frame.

    If two units hold the same field at the same instant, the value of the last unit by name is taken.
    """
    known = {key: column for key, column in sorted(columns.items()) if key[1] in measurement.fields}
    times = np.unique(np.concatenate([np.empty(0, np.int64), *(column.times for column in known.values())]))
    content: dict[str, Values] = {
        name: np.full(len(times), np.nan) if kind == "number" else np.full(len(times), None, dtype=object)
        for name, kind in measurement.fields.items()
    }
    units = np.full(len(times), None, dtype=object)
    for (unit, name), column in known.items():
        where = np.searchsorted(times, column.times)
        content[name][where] = column.values
        units[where] = unit
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=values.dtype) for name, values in {**content, "unit": units}.items()}
    )
    frame.index = index_of(times)
    return frame


def kind_fits(measurement: Measurement, field: str, values: Values) -> bool:
    """Tell whether stored values have the kind of the measurement's field."""
    kind = measurement.fields.get(field)
    return kind is not None and (values.dtype == np.float64) == (kind == "number")


def presence(by_meter: Mapping[str, Micros]) -> dict[str, pd.DatetimeIndex]:
    """Convert instants by meter to the port's form."""
    return {meter: index_of(np.unique(times)) for meter, times in sorted(by_meter.items()) if len(times)}


def texts_by_meter(parts: Mapping[str, Sequence[Column]]) -> dict[str, pd.Series[Any]]:
    """Convert a text field of several meters to the port's form."""
    found = {}
    for meter, columns in sorted(parts.items()):
        texts = [column for column in columns if len(column.times) and column.values.dtype == object]
        if texts:
            joined = last_at_each_instant(
                np.concatenate([column.times for column in texts]), np.concatenate([column.values for column in texts])
            )
            found[meter] = pd.Series(joined.values, index=index_of(joined.times), dtype=object)
    return found


def mark_of_months(times: Micros, mark: str) -> Column:
    """Give a mark for each UTC month with some of the instants, at its opening."""
    months = np.unique(times.astype("datetime64[us]").astype("datetime64[M]"))
    openings = months.astype("datetime64[us]").astype(np.int64)
    return Column(openings, np.full(len(openings), mark, dtype=object))


def fingerprint_frame(rows: Sequence[tuple[RawSeries, str, int, float, int, int]]) -> pd.DataFrame:
    """Convert ordered rows (series, month, count, sum, first, last) to the port's frame of fingerprints."""
    series = np.empty(len(rows), dtype=object)
    series[:] = [row[0] for row in rows]
    return pd.DataFrame(
        {
            "series": pd.Series(series, dtype=object),
            "month": pd.Series([row[1] for row in rows], dtype=object),
            "count": np.array([row[2] for row in rows], dtype=np.int64),
            "sum": np.array([row[3] for row in rows], dtype=np.float64),
            "first": index_of(np.array([row[4] for row in rows], dtype=np.int64)),
            "last": index_of(np.array([row[5] for row in rows], dtype=np.int64)),
        }
    )


def catalogue_frame(rows: Sequence[tuple[str, str, str, str | None, int, int, int]]) -> pd.DataFrame:
    """Convert rows in any order to the port's catalogue."""
    ordered = sorted(rows, key=lambda row: (*row[:3], row[3] or ""))
    names = ("measurement", "entity_id", "field", "domain")
    return pd.DataFrame(
        {
            **{name: pd.Series([row[i] for row in ordered], dtype=object) for i, name in enumerate(names)},
            "count": np.array([row[4] for row in ordered], dtype=np.int64),
            "first": index_of(np.array([row[5] for row in ordered], dtype=np.int64)),
            "last": index_of(np.array([row[6] for row in ordered], dtype=np.int64)),
        }
    )
