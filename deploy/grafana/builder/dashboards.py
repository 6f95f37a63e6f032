"""The six dashboards: what each panel shows and asks."""

from __future__ import annotations

from dataclasses import replace

from deploy.grafana.builder import flux
from deploy.grafana.builder.model import Dashboard, Panel, Variable
from deploy.grafana.builder.panels import (
    against,
    banded,
    base_load,
    by_meter_month,
    energy,
    findings_now,
    in_kwh,
    parts,
    weather,
    whole,
)
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    CONSUMPTION_DAILY,
    COST_DAILY,
    EXPECTATION_DAILY,
    FINDING_DAILY,
    METER_CHANGE,
    MONTH_TO_DATE,
)

UTILITIES = ("electricity", "gas", "water", "heat", "solar")
_LATELY = "|> range(start: -70d)"
_HOUSE = Variable("house", "House page", "textbox", "http://localhost:8006")
_ZONE = Variable("zone", "Time zone", "textbox", "Europe/Berlin")
_COMPARE = Variable("compare", "Years back", "custom", "1,2,3")
_UTILITY = Variable("utility", "Utility", "custom", ",".join(UTILITIES))


def dashboards() -> tuple[Dashboard, ...]:
    """Give the dashboards."""
    return overview(), electricity(), gas(), water(), heat(), anomalies()


def annotations() -> dict[str, tuple[str, str]]:
    """Give the marks in all charts: colour and Flux by name."""

    def of(kind: str) -> str:
        return (
            f"{flux.source(METER_CHANGE, 'kind', 'sentence')}\n  {flux.PIVOT}\n"
            f'  |> filter(fn: (r) => r.kind == "{kind}")\n  |> group()\n'
            '  |> keep(columns: ["_time", "sentence"])\n  |> rename(columns: {sentence: "text"})'
        )

    findings = (
        f"{flux.source(FINDING_DAILY, 'severity', 'sentence')}\n  {flux.PIVOT}\n"
        '  |> filter(fn: (r) => r.severity != "note")\n  |> group()\n'
        '  |> map(fn: (r) => ({_time: r._time, text: r.meter_id + ": " + r.sentence}))'
    )
    return {
        "Replacements": ("blue", of("replacement")),
        "Price changes": ("purple", of("price")),
        "Findings": ("orange", findings),
    }


def overview() -> Dashboard:
    """Every utility's month so far, costs, what needs a look, how old the newest day and reading are."""
    month = (
        f"{flux.info('utility', 'main')}"
        f"month = {flux.source(MONTH_TO_DATE, 'consumption', 'previous_month', 'previous_year', span=_LATELY)}\n"
        f"  {flux.PIVOT}\n  |> group()\n\n"
        'join(tables: {info: info, month: month}, on: ["meter_id", "unit"])\n'
        "  |> filter(fn: (r) => r.main == 1.0)\n"
        '  |> group(columns: ["utility", "unit"])\n'
        "  |> reduce(\n"
        "    identity: {this_month: 0.0, last_month: 0.0, last_year: 0.0},\n"
        "    fn: (r, accumulator) => ({\n"
        "      this_month: accumulator.this_month + (if exists r.consumption then r.consumption else 0.0),\n"
        "      last_month: accumulator.last_month + (if exists r.previous_month then r.previous_month else 0.0),\n"
        "      last_year: accumulator.last_year + (if exists r.previous_year then r.previous_year else 0.0),\n"
        "    }),\n"
        "  )\n  |> group()"
    )
    newest = (
        f"{flux.source(CONSUMPTION_DAILY, 'consumption', span=_LATELY)}\n  |> group()\n"
        f"  |> last()\n  |> map(fn: (r) => ({{_value: {flux.HOURS_SINCE} - 24.0}}))"
    )
    reading = (
        f'from(bucket: "{flux.RAW}")\n  {_LATELY}\n  |> filter(fn: (r) => r._field == "value")\n'
        '  |> last()\n  |> group()\n  |> sort(columns: ["_time"])\n  |> last(column: "_time")\n'
        f"  |> map(fn: (r) => ({{_value: {flux.HOURS_SINCE}}}))"
    )
    costs = (
        f"{{lead}}{flux.info('utility', 'main')}"
        f"costs = {flux.source(COST_DAILY, 'cost')}\n  |> group()\n\n"
        'join(tables: {info: info |> drop(columns: ["unit"]), costs: costs}, on: ["meter_id"])\n'
        "  |> filter(fn: (r) => r.main == 1.0)\n"
    )
    in_range = costs.replace("{lead}", "") + '  |> group(columns: ["utility", "currency"])\n  |> sum()'
    monthly = costs.replace("{lead}", flux.LOCAL) + (
        '  |> group(columns: ["utility"])\n  |> sort(columns: ["_time"])\n'
        '  |> aggregateWindow(every: 1mo, fn: sum, createEmpty: false, timeSrc: "_start")\n'
        '  |> keep(columns: ["_time", "_value", "utility"])'
    )
    panels = (
        Panel(
            "Newest complete day",
            "Time since the newest computed day ended.",
            "stat",
            {"A": newest},
            unit="h",
            decimals=0,
            width=6,
            height=4,
            thresholds=(36, 48),
        ),
        Panel(
            "Newest reading",
            "Time since any meter was last read.",
            "stat",
            {"A": reading},
            unit="h",
            decimals=0,
            width=6,
            height=4,
            thresholds=(24, 48),
        ),
        Panel(
            "Cost",
            "Main meters' cost in the range, standing charges included.",
            "stat",
            {"A": in_range},
            decimals=2,
            height=4,
            label="utility",
        ),
        Panel(
            "This month so far",
            "Main meters of each utility, up to the newest complete day, beside the same days of last month and year.",
            "table",
            {"A": month},
            decimals=1,
            names={
                "utility": "Utility",
                "unit": "Unit",
                "this_month": "This month",
                "last_month": "Same days last month",
                "last_year": "Same days last year",
            },
        ),
        Panel(
            "What needs a look",
            "What the last review of each meter found; notes are left out.",
            "table",
            {"A": findings_now()},
            names={"meter_id": "Meter", "severity": "Severity", "sentence": "Finding"},
        ),
        Panel(
            "Cost by month",
            "Main meters' cost by civil month, standing charges included.",
            "timeseries",
            {"A": monthly},
            decimals=2,
            bars=True,
            label="utility",
        ),
        Panel(
            "Energy by month",
            "Main meters' stored months in kWh, of gas by the present factors.",
            "barchart",
            {letter: energy(utility) for letter, utility in zip("ABC", ("electricity", "gas", "heat"), strict=True)},
            unit="kwatth",
            decimals=0,
        ),
    )
    return Dashboard(
        "utility-meters-overview",
        "Utility meters: overview",
        "The whole house at a glance.",
        panels,
        (_ZONE,),
        "now-1y",
    )


def electricity() -> Dashboard:
    """The whole house, floors, registers for day and night, base load, cost by the hour."""
    main = flux.main_of("electricity")
    hourly = (
        f'{flux.LOCAL}from(bucket: "{flux.RAW}")\n  {flux.RANGE}\n'
        '  |> filter(fn: (r) => r._measurement == "energy" and r._field == "cost")\n  |> group()\n'
        '  |> aggregateWindow(every: 1h, fn: sum, createEmpty: false, timeSrc: "_start")\n'
        '  |> keep(columns: ["_time", "_value"])\n  |> rename(columns: {_value: "cost"})'
    )
    panels = (
        *whole("electricity", main, "kWh"),
        parts("electricity", "Floors and shared", "kWh"),
        Panel("Day and night registers", "What each register of the master meters counted, by month.", "timeseries",
              {"A": by_meter_month(flux.devices_of("electricity"))}, unit="kwatth", decimals=0, stacked=True,
              bars=True, label="meter_id"),
        Panel("Base load", "Least use of four whole hours running, of each meter that is read by the hour.",
              "timeseries", {"A": base_load("electricity")}, unit="kwatth", decimals=2, label="meter_id"),
        Panel("Cost by the hour", "Where Tibber tells the hours: what it billed.", "timeseries", {"A": hourly},
              decimals=2, bars=True),
        Panel("Cost by month", "Main meters' cost by civil month, standing charges included.", "timeseries",
              {"A": flux.costs_by("1mo", main)}, decimals=2, bars=True),
    )  # fmt: skip
    return _utility_dashboard("electricity", "Electricity", "The house's electricity.", panels)


def gas() -> Dashboard:
    """Total, boiler against fireplace, kWh and m³, against the weather."""
    main = flux.main_of("gas")
    panels = (
        *whole("gas", main, "m³"),
        parts("gas", "Boiler against fireplace", "kWh"),
        Panel("Gas in kWh by month", "The stored months times the present factors of the gas.", "barchart",
              {"A": energy("gas")}, unit="kwatth", decimals=0),
        weather("gas", "m³"),
        Panel("Cost by month", "Main meters' cost by civil month, standing charges included.", "timeseries",
              {"A": flux.costs_by("1mo", main)}, decimals=2, bars=True, width=24),
    )  # fmt: skip
    return _utility_dashboard("gas", "Gas", "The house's gas.", panels)


def water() -> Dashboard:
    """Total, floors, cold and warm, litres a day, night flow."""
    main = flux.main_of("water")
    litres = (
        f"{main}{flux.source(CONSUMPTION_DAILY, 'consumption')}\n  {flux.MINE}\n"
        "  |> map(fn: (r) => ({r with _value: r._value * 1000.0}))\n"
        f'  {flux.TOGETHER}\n  |> rename(columns: {{_value: "litres"}})'
    )
    panels = (
        *whole("water", main, "m³"),
        parts("water", "Floors, cold and warm", "m³"),
        Panel("Litres a day", "The main meters' days in litres.", "timeseries", {"A": litres}, unit="litre", decimals=0,
              bars=True),
        Panel("Night flow", "Least use of four whole hours running, of each meter read by the hour: leaks hide there.",
              "timeseries", {"A": base_load("water")}, unit="m3", decimals=3, label="meter_id"),
        Panel("Cost by month", "Main meters' cost by civil month, standing charges included.", "timeseries",
              {"A": flux.costs_by("1mo", main)}, decimals=2, bars=True, width=24),
    )  # fmt: skip
    return _utility_dashboard("water", "Water", "The house's water.", panels)


def heat() -> Dashboard:
    """Rooms, MWh and kWh, the share of each, against the weather."""
    main = flux.main_of("heat")
    days = in_kwh("heat", CONSUMPTION_DAILY, "r.main == 1.0")
    panels = (
        Panel("Used in the range", "Main meters of heat together, in MWh.", "stat",
              {"A": f"{days}  |> group()\n  |> sum()\n  |> map(fn: (r) => ({{_value: r._value / 1000.0}}))"},
              unit="megwatth", decimals=2, width=6, height=8),
        Panel("Share of each room", "Each main meter's part of the range.", "piechart",
              {"A": f'{days}  |> group(columns: ["meter_id"])\n  |> sum()'}, unit="kwatth", width=9, height=8,
              label="meter_id"),
        Panel("By month against the years before", "Stored months of all rooms, and those of the year chosen.",
              "barchart", against(main), decimals=2, width=9, height=8),
        Panel("Rooms by day", "Each room's days in kWh.", "timeseries",
              {"A": f"{days}  {flux.BY_METER}"}, unit="kwatth", decimals=1, stacked=True, bars=True, explains=True,
              label="meter_id"),
        replace(weather("heat", ""), queries={
            "A": f'{days}  {flux.TOGETHER}\n  |> rename(columns: {{_value: "used"}})', "B": flux.degree_days(),
        }, unit="kwatth"),
        banded("heat"),
        Panel("Cost by month", "Main meters' cost by civil month, standing charges included.", "timeseries",
              {"A": flux.costs_by("1mo", main)}, decimals=2, bars=True),
    )  # fmt: skip
    return _utility_dashboard("heat", "Heat", "The rooms' heat.", panels)


def anomalies() -> Dashboard:
    """Flagged days with what was expected, the meter around them, findings by severity."""
    flagged = (
        f"{flux.source(ANOMALY_DAILY, 'consumption', 'expected', 'delta_percent', 'severity', 'reason')}\n"
        f"  {flux.SELECTED}\n  {flux.PIVOT}\n  |> group()\n"
        '  |> keep(columns: ["_time", "meter_id", "unit", "consumption", "expected", "delta_percent", "severity", '
        '"reason"])\n  |> sort(columns: ["_time"], desc: true)'
    )
    around = {
        "A": f"{flux.source(CONSUMPTION_DAILY, 'consumption')}\n  {flux.SELECTED}\n"
        '  |> keep(columns: ["_time", "_value", "meter_id"])\n  |> group(columns: ["meter_id"])\n'
        '  |> rename(columns: {_value: "used"})',
        "B": f"{flux.source(EXPECTATION_DAILY, 'expected', 'lower', 'upper')}\n  {flux.SELECTED}\n  {flux.PIVOT}\n"
        '  |> keep(columns: ["_time", "meter_id", "expected", "lower", "upper"])\n  |> group(columns: ["meter_id"])',
    }
    findings = (
        f"{flux.source(FINDING_DAILY, 'severity', 'sentence')}\n  {flux.SELECTED}\n  {flux.PIVOT}\n  |> group()\n"
        '  |> keep(columns: ["_time", "meter_id", "severity", "sentence"])\n  |> sort(columns: ["_time"], desc: true)'
    )
    counted = (
        f"{flux.source(FINDING_DAILY, 'severity')}\n  {flux.SELECTED}\n"
        "  |> map(fn: (r) => ({severity: r._value, findings: 1}))\n"
        '  |> group(columns: ["severity"])\n  |> sum(column: "findings")\n  |> group()'
    )
    panels = (
        Panel("Unusual days", "Flagged days with value, expectation and difference; estimated days are not judged.",
              "table", {"A": flagged}, decimals=1, width=24, height=9,
              names={
                  "_time": "Day", "meter_id": "Meter", "unit": "Unit", "consumption": "Used", "expected": "Expected",
                  "delta_percent": "Difference [%]", "severity": "Severity", "reason": "Why",
              }),
        Panel("The meter around them", "Days of the chosen meters, and what their own past lets expect.", "timeseries",
              around, decimals=1, width=24, height=10, band=True, explains=True),
        Panel("Findings in the range", "What was found about the readings, by severity.", "table", {"A": counted},
              width=8, names={"severity": "Severity", "findings": "Findings"}),
        Panel("Findings", "Each finding with its sentence, the newest first.", "table", {"A": findings}, width=16,
              names={"_time": "Day", "meter_id": "Meter", "severity": "Severity", "sentence": "Finding"}),
    )  # fmt: skip
    variables = (_UTILITY, _meters('r.utility == "${utility}"'), _HOUSE)
    return Dashboard(
        "utility-meters-anomalies", "Utility meters: anomalies", "Days that stand out.", panels, variables, "now-90d"
    )


def _utility_dashboard(utility: str, title: str, description: str, panels: tuple[Panel, ...]) -> Dashboard:
    variables = (_meters(f'r.utility == "{utility}"'), _COMPARE, _ZONE, _HOUSE)
    return Dashboard(
        f"utility-meters-{utility}", f"Utility meters: {title.lower()}", description, panels, variables, "now-90d"
    )


def _meters(condition: str) -> Variable:
    query = f'{flux.info("utility")}info\n  |> filter(fn: (r) => {condition})\n  |> keep(columns: ["meter_id"])\n'
    return Variable("meter", "Meter", "query", f'{query}  |> rename(columns: {{meter_id: "_value"}})', multi=True)
