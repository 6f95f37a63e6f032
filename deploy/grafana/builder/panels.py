"""Panels that several dashboards have, and the queries that they share."""

from __future__ import annotations

from deploy.grafana.builder import flux
from deploy.grafana.builder.model import Panel
from workflows_dagster.stores.ports import (
    BASE_LOAD_EXPECTATION_DAILY,
    CONSUMPTION_DAILY,
    CONSUMPTION_MONTHLY,
    COST_DAILY,
    FINDING_NOW,
    Measurement,
)

_SIZES = {"kWh": ("kwatth", 1), "m³": ("m3", 1), "currency": ("", 2), "l": ("litre", 0)}


def whole(utility: str, main: str, unit: str) -> tuple[Panel, ...]:
    """Give the panels that every utility has: sum, days as they are known, months beside others, days with bands."""
    size, decimals = _SIZES[unit]
    known = {
        letter: flux.known_part(which, main) for letter, which in zip("AB", ("measured", "estimated"), strict=True)
    }
    used = flux.total(CONSUMPTION_DAILY, "consumption", main)
    share = (
        f"{main}{flux.source(CONSUMPTION_DAILY, 'consumption', 'estimated_share')}\n  {flux.MINE}\n  {flux.PIVOT}\n"
        "  |> group()\n  |> filter(fn: (r) => exists r.consumption)\n"
        "  |> reduce(\n    identity: {used: 0.0, estimated: 0.0},\n"
        "    fn: (r, accumulator) => ({\n      used: accumulator.used + r.consumption,\n"
        "      estimated: accumulator.estimated\n"
        "        + r.consumption * (if exists r.estimated_share then r.estimated_share else 0.0),\n    }),\n  )\n"
        "  |> map(fn: (r) => ({_value: if r.used > 0.0 then 1.0 - r.estimated / r.used else 1.0}))"
    )
    return (
        Panel("Used in the range", "Main meters together: parts are not counted twice.", "stat", {"A": used}, unit=size,
              decimals=decimals, width=6, height=4),
        Panel("Cost in the range", "Main meters' cost, standing charges included.", "stat", {"A": cost_total(main)},
              decimals=2, width=6, height=4, label="currency"),
        Panel("Known by measurement", "Part of the use that comes from gaps between readings of at most a day.", "stat",
              {"A": share}, unit="percentunit", decimals=0, width=6, height=4),
        Panel("Newest month", "The newest stored month of the range.", "stat",
              {"A": newest_month(main)}, unit=size, decimals=decimals, width=6, height=4),
        Panel("By day", "Main meters together; what is estimated is paler.", "timeseries", known, unit=size,
              decimals=decimals, stacked=True, bars=True, estimated="estimated"),
        Panel("By month against the years before", "Stored months of the main meters, and those of the year chosen.",
              "barchart", against(main), unit=size, decimals=decimals),
        banded(utility),
    )  # fmt: skip


def banded(utility: str) -> Panel:
    """Give the days of the chosen meters, each with its band."""
    fields = ("consumption", "lower", "upper")
    query = (
        f"{flux.source(CONSUMPTION_DAILY, *fields)}\n  {flux.SELECTED}\n  {flux.PIVOT}\n"
        '  |> keep(columns: ["_time", "meter_id", "consumption", "lower", "upper"])\n  |> group(columns: ["meter_id"])'
    )
    return Panel(
        "Chosen meters with their bands",
        "Each chosen meter's days; the band holds four of five estimated days. A click says why.",
        "timeseries", {"A": query}, unit={"electricity": "kwatth", "heat": ""}.get(utility, "m3"), decimals=1,
        band=True, explains=True, names={"consumption": "used"},
    )  # fmt: skip


def parts(utility: str, title: str, unit: str) -> Panel:
    """Give the parts by month; in kWh where some of them count energy and others volume."""
    size, decimals = _SIZES[unit]
    if unit == "kWh":
        query = in_kwh(utility, CONSUMPTION_MONTHLY, "r.main == 0.0 and r.depth == 1.0", "depth") + f"  {flux.BY_METER}"
    else:
        query = by_meter_month(flux.parts_of(utility))
    return Panel(
        title,
        "Direct parts of the main meters by month, the remainder among them.",
        "timeseries",
        {"A": query},
        unit=size,
        decimals=decimals,
        stacked=True,
        bars=True,
        label="meter_id",
    )


def in_kwh(utility: str, measurement: Measurement, condition: str, *columns: str) -> str:
    """Read the consumption of a utility's meters that meet a condition, in kWh by the present factors."""
    return (
        f"{flux.info('utility', 'main', 'kwh_per_unit', *columns)}"
        f"used = {flux.source(measurement, 'consumption')}\n  |> group()\n\n"
        'join(tables: {info: info, used: used}, on: ["meter_id", "unit"])\n'
        f'  |> filter(fn: (r) => r.utility == "{utility}" and {condition} and exists r.kwh_per_unit)\n'
        "  |> map(fn: (r) => ({_time: r._time, meter_id: r.meter_id, _value: r._value * r.kwh_per_unit}))\n"
    )


def by_meter_month(meters: str) -> str:
    """Give each named meter's stored months."""
    return (
        f"{meters}{flux.source(CONSUMPTION_MONTHLY, 'consumption')}\n  {flux.MINE}\n"
        f'  |> keep(columns: ["_time", "_value", "meter_id"])\n  {flux.BY_METER}'
    )


def against(main: str) -> dict[str, str]:
    """Give the stored months, and those of the year chosen."""
    return {
        "A": flux.by_month(CONSUMPTION_MONTHLY, "consumption", main, "this year"),
        "B": flux.by_month(CONSUMPTION_MONTHLY, "consumption", main, "before", "${compare}y"),
    }


def weather(utility: str, unit: str) -> Panel:
    """Give the days beside the degree days."""
    used = (
        f"{flux.main_of(utility)}{flux.source(CONSUMPTION_DAILY, 'consumption')}\n  {flux.MINE}\n"
        f'  {flux.TOGETHER}\n  |> rename(columns: {{_value: "used"}})'
    )
    size = _SIZES[unit][0] if unit else ""
    return Panel("Against the weather", "Main meters by day, and degree days below 15 °C of the stored temperature.",
                 "timeseries", {"A": used, "B": flux.degree_days()}, unit=size, decimals=1, bars=True,
                 right=("degree_days", "celsius"), names={"degree_days": "degree days"})  # fmt: skip


def base_load(utility: str) -> str:
    """Give each meter's base load, by day."""
    meters = flux.chosen(f'r.utility == "{utility}"')
    return (
        f"{meters}{flux.source(BASE_LOAD_EXPECTATION_DAILY, 'base_load')}\n  {flux.MINE}\n"
        f'  |> keep(columns: ["_time", "_value", "meter_id"])\n  {flux.BY_METER}'
    )


def cost_total(meters: str) -> str:
    """Add up the cost of the named meters over the range."""
    return f'{meters}{flux.source(COST_DAILY, "cost")}\n  {flux.MINE}\n  |> group(columns: ["currency"])\n  |> sum()'


def newest_month(main: str) -> str:
    """Give the newest stored month of the range."""
    months = flux.source(CONSUMPTION_MONTHLY, "consumption")
    return f"{main}{months}\n  {flux.MINE}\n  {flux.TOGETHER}\n  |> last()"


def energy(utility: str) -> str:
    """Give the main meters' months in kWh."""
    months = in_kwh(utility, CONSUMPTION_MONTHLY, "r.main == 1.0")
    return f'{months}  {flux.TOGETHER}\n  |> rename(columns: {{_value: "{utility}"}})'


def findings_now() -> str:
    """List what the last review of each meter found."""
    return (
        f"{flux.source(FINDING_NOW, 'severity', 'sentence', span='|> range(start: 0)')}\n  {flux.PIVOT}\n"
        '  |> filter(fn: (r) => r.severity != "note")\n  |> group()\n'
        '  |> keep(columns: ["meter_id", "severity", "sentence"])\n  |> sort(columns: ["severity", "meter_id"])'
    )
