"""Flux over the stored measurements; a field that is renamed there breaks the build, not the owner's picture."""

from __future__ import annotations

from workflows_dagster.evaluation.outdoor_temperature import OUTDOOR
from workflows_dagster.stores.ports import (
    CONSUMPTION_DAILY,
    COST_DAILY,
    METER_INFO,
    Measurement,
)

PROCESSED, RAW = "lampfi_processed", "lampfi"
# Degree days are counted below this outdoor temperature. [°C]
HEATING_LIMIT = 15.0
RANGE = "|> range(start: v.timeRangeStart, stop: v.timeRangeStop)"
# Days and months begin at the house's midnight, not at that of UTC.
LOCAL = 'import "timezone"\n\noption location = timezone.location(name: "${zone}")\n\n'
DATES = 'import "date"\n\n'
_EVER = "|> range(start: 1970-01-01T00:00:00Z, stop: 1970-01-02T00:00:00Z)"


def of(measurement: Measurement, *fields: str) -> str:
    """Filter a measurement's fields.

    Raises:
        KeyError: The measurement has no such field.
    """
    for name in fields:
        measurement.fields[name]
    chosen = " or ".join(f'r._field == "{name}"' for name in fields)
    return f'|> filter(fn: (r) => r._measurement == "{measurement.name}")\n  |> filter(fn: (r) => {chosen})'


def source(measurement: Measurement, *fields: str, span: str = RANGE, bucket: str = PROCESSED) -> str:
    """Read a measurement's fields over the dashboard's range, or another one."""
    return f'from(bucket: "{bucket}")\n  {span}\n  {of(measurement, *fields)}'


# Of a row, by now.
HOURS_SINCE = "float(v: uint(v: now()) - uint(v: r._time)) / 3600000000000.0"
PIVOT = '|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'


def info(*columns: str) -> str:
    """Read what is known of the meters, a row a meter."""
    for name in columns:
        METER_INFO.fields[name]
    kept = ", ".join(f'"{name}"' for name in ("meter_id", "unit", *columns))
    return (
        f'info = from(bucket: "{PROCESSED}")\n  {_EVER}\n'
        f'  |> filter(fn: (r) => r._measurement == "{METER_INFO.name}")\n  {PIVOT}\n'
        f"  |> group()\n  |> keep(columns: [{kept}])\n"
    )


def chosen(condition: str, *columns: str) -> str:
    """Name the meters that meet a condition on their facts, as the set `chosen`."""
    return (
        f"{info('utility', *columns)}"
        f"chosen = info\n  |> filter(fn: (r) => {condition})\n"
        '  |> findColumn(fn: (key) => true, column: "meter_id")\n'
    )


def main_of(utility: str) -> str:
    """Name the main meters of a utility: only they add up to it."""
    return chosen(f'r.utility == "{utility}" and r.main == 1.0', "main")


def parts_of(utility: str) -> str:
    """Name the direct parts of a utility's main meters, the remainder among them: they add up to the whole."""
    return chosen(f'r.utility == "{utility}" and r.main == 0.0 and r.depth == 1.0', "main", "depth")


def devices_of(utility: str) -> str:
    """Name the devices of a utility's masters: registers for day and night, or one after the other."""
    return chosen(f'r.utility == "{utility}" and r.role == "device"', "role")


MINE = "|> filter(fn: (r) => contains(value: r.meter_id, set: chosen))"
SELECTED = "|> filter(fn: (r) => r.meter_id =~ /^${meter:regex}$/)"
# All meters of an instant together.
TOGETHER = '|> group(columns: ["_time"])\n  |> sum()\n  |> group()\n  |> sort(columns: ["_time"])'
BY_METER = '|> group(columns: ["meter_id"])\n  |> sort(columns: ["_time"])'


def known_part(which: str, meters: str) -> str:
    """Give each day's use of the chosen meters together, as far as it is measured or estimated.

    Args:
        which: `measured` or `estimated`.
        meters: Flux that names them.
    """
    share = {"measured": "1.0 - share", "estimated": "share"}[which]
    return (
        f"{meters}{source(CONSUMPTION_DAILY, 'consumption', 'estimated_share')}\n  {MINE}\n  {PIVOT}\n"
        "  |> filter(fn: (r) => exists r.consumption)\n"
        "  |> map(fn: (r) => {\n"
        "    share = if exists r.estimated_share then r.estimated_share else 0.0\n"
        f"    return {{_time: r._time, _value: r.consumption * ({share})}}\n  }})\n"
        f'  {TOGETHER}\n  |> rename(columns: {{_value: "{which}"}})'
    )


def total(measurement: Measurement, field: str, meters: str) -> str:
    """Add a field up over the chosen meters and the dashboard's range."""
    return f"{meters}{source(measurement, field)}\n  {MINE}\n  |> group()\n  |> sum()"


def by_month(measurement: Measurement, field: str, meters: str, name: str, shift: str = "") -> str:
    """Give a stored month's field of the chosen meters together, by month."""
    moved = f"\n  |> timeShift(duration: {shift})" if shift else ""
    span = RANGE
    if shift:
        begin, end = (f"date.sub(d: {shift}, from: v.timeRange{which})" for which in ("Start", "Stop"))
        span = f"|> range(start: {begin}, stop: {end})"
    return (
        f"{DATES if shift else ''}{meters}{source(measurement, field, span=span)}\n  {MINE}\n  {TOGETHER}{moved}\n"
        f'  |> rename(columns: {{_value: "{name}"}})'
    )


def costs_by(step: str, meters: str) -> str:
    """Add costs of the chosen meters up by civil month or day, cut at the house's midnight."""
    return (
        f"{LOCAL}{meters}{source(COST_DAILY, 'cost')}\n  {MINE}\n"
        "  |> group()\n"
        f'  |> aggregateWindow(every: {step}, fn: sum, createEmpty: false, timeSrc: "_start")\n'
        '  |> keep(columns: ["_time", "_value"])\n'
        '  |> rename(columns: {_value: "cost"})'
    )


def degree_days() -> str:
    """Give each civil day's degree days from the stored outdoor temperature."""
    return (
        f'{LOCAL}from(bucket: "{RAW}")\n  {RANGE}\n'
        f'  |> filter(fn: (r) => r._measurement == "{OUTDOOR.measurement}" and r.entity_id == "{OUTDOOR.entity_id}")\n'
        f'  |> filter(fn: (r) => r._field == "{OUTDOOR.field}")\n  |> group()\n'
        '  |> aggregateWindow(every: 1d, fn: mean, createEmpty: false, timeSrc: "_start")\n'
        f"  |> map(fn: (r) => ({{_time: r._time, degree_days: "
        f"if r._value < {HEATING_LIMIT} then {HEATING_LIMIT} - r._value else 0.0}}))"
    )
