"""Writes points as InfluxDB line protocol with microsecond stamps."""

from __future__ import annotations

import numpy as np

from workflows_dagster.stores.frames import Column, Columns, Micros

_BACKSLASH = "\\"


def head(measurement: str, tags: dict[str, str]) -> str:
    """Write the part of a line that all points of a series share.

    Raises:
        ValueError: A name is empty, or contains what line protocol cannot express: control characters, a backslash at
            its end, `#` at the start of a measurement.
    """
    for what, text in (("measurement", measurement), *tags.items()):
        _check(what, text)
    if measurement.startswith("#"):
        raise ValueError(f"measurement={measurement!r} cannot be written to InfluxDB: a line with # is a comment")
    named = _escaped(measurement, ", ")
    return named + "".join(f",{_escaped(tag, ',= ')}={_escaped(text, ',= ')}" for tag, text in sorted(tags.items()))


def readings(measurement: str, tags: dict[str, str], field: str, column: Column) -> list[str]:
    """Write one line per reading; numbers read back to the last bit.

    Raises:
        ValueError: A name cannot be written, see `head`.
    """
    _check("field", field)
    start = f"{head(measurement, tags)} {_escaped(field, ',= ')}="
    return [
        f"{start}{value!r} {time}" for time, value in zip(column.times.tolist(), column.values.tolist(), strict=True)
    ]


def points(measurement: str, tags: dict[str, str], columns: Columns, times: Micros) -> list[str]:
    """Write one line per point with all of its fields, at those of the given instants that have any.

    Args:
        measurement: Where they go.
        tags: Their tags.
        columns: Fields of one unit.
        times: Which instants to write, microseconds since 1970 UTC.
    """
    fields: dict[int, list[str]] = {time: [] for time in np.unique(times).tolist()}
    for (_, name), column in columns.items():
        _check("field", name)
        start = _escaped(name, ",= ") + "="
        wanted = np.isin(column.times, times)
        for time, value in zip(column.times[wanted].tolist(), column.values[wanted].tolist(), strict=True):
            fields[time].append(start + (_quoted(value) if isinstance(value, str) else repr(value)))
    start = head(measurement, tags)
    return [f"{start} {','.join(parts)} {time}" for time, parts in fields.items() if parts]


def _check(what: str, text: str) -> None:
    if not text or text.endswith(_BACKSLASH) or any(ord(c) < 32 or "\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(
            f"{what}={text!a} cannot be written to InfluxDB: empty, a control character, or a backslash at its end"
        )


def _escaped(text: str, special: str) -> str:
    return "".join(_BACKSLASH + character if character in special else character for character in text)


def _quoted(text: str) -> str:
    return '"' + text.replace(_BACKSLASH, _BACKSLASH * 2).replace('"', '\\"') + '"'
