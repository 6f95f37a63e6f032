"""Grafana's JSON: panels that place themselves, variables, annotations, dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.grafana.builder.words import Say

DATASOURCE = {"type": "influxdb", "uid": "utility-meters"}
# The newest that Grafana 10.2 writes; newer ones read it.
SCHEMA_VERSION = 38
WIDTH = 24
Kind = Literal["stat", "timeseries", "barchart", "table", "piechart"]
_PLUGIN_VERSION = "10.2.0"
_PALE, _BAND = 25, 12


@dataclass(frozen=True)
class Panel:
    """A panel.

    Attributes:
        title: Its title, English.
        description: What it shows, and from where; English.
        kind: Its plugin.
        queries: Flux by the letter of the target, in order.
        unit: Grafana's unit; empty for none.
        decimals: Decimals; None leaves them to Grafana.
        width: Columns of 24.
        height: Rows.
        stacked: Whether series stand on each other.
        bars: Whether a timeseries shows bars.
        estimated: Name of the series that is estimated, drawn paler and hatched by lines.
        band: Whether `lower` and `upper` are the ends of a band.
        right: Name of a series on the right axis, with its unit.
        names: Names of columns as people read them, by column.
        thresholds: Values from which on a stat is yellow or red.
        explains: Whether a click on a day leads to its explanation.
        label: Label of which a series is named; None names it by its field.
    """

    title: str
    description: str
    kind: Kind
    queries: Mapping[str, str]
    unit: str = ""
    decimals: int | None = None
    width: int = 12
    height: int = 8
    stacked: bool = False
    bars: bool = False
    estimated: str | None = None
    band: bool = False
    right: tuple[str, str] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    thresholds: tuple[float, float] | None = None
    explains: bool = False
    label: str | None = None


@dataclass(frozen=True)
class Variable:
    """A variable of a dashboard: chosen values, a query's, or a text.

    Attributes:
        name: Its name.
        label: Its label, English.
        kind: Its type.
        query: Flux, choices with commas between, or the text.
        multi: Whether several may be chosen.
    """

    name: str
    label: str
    kind: Literal["query", "custom", "textbox"]
    query: str
    multi: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A dashboard.

    Attributes:
        uid: Its id, which addresses keep.
        title: Its title, English.
        description: What it is for, English.
        panels: Its panels, placed from left to right.
        variables: Its variables.
        since: First instant of the range that it opens with.
    """

    uid: str
    title: str
    description: str
    panels: Sequence[Panel]
    variables: Sequence[Variable]
    since: str = "now-90d"


def dashboard_json(one: Dashboard, annotations: Mapping[str, tuple[str, str]], say: Say) -> dict[str, Any]:
    """Give a dashboard as Grafana reads it.

    Args:
        one: The dashboard.
        annotations: Colour and Flux by the name of the annotation.
        say: Translates.
    """
    return {
        "uid": one.uid,
        "title": say(one.title),
        "description": say(one.description),
        "tags": ["utility-meters"],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "timezone": "browser",
        "time": {"from": one.since, "to": "now"},
        "refresh": "5m",
        "templating": {"list": [_variable(variable, say) for variable in one.variables]},
        "annotations": {"list": [_annotation(name, *how, say) for name, how in annotations.items()]},
        "links": [_range_link(*preset, say) for preset in _PRESETS],
        "panels": _placed(one.panels, say),
    }


_PRESETS = (
    ("This month", "now/M", "now"),
    ("Last 3 months", "now-3M/M", "now"),
    ("This year", "now/y", "now"),
)


def _range_link(title: str, start: str, end: str, say: Say) -> dict[str, Any]:
    return {
        "title": say(title),
        "type": "link",
        "icon": "external link",
        "tooltip": "",
        "url": f"?from={start}&to={end}",
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": True,
        "keepTime": False,
    }


def _variable(one: Variable, say: Say) -> dict[str, Any]:
    common: dict[str, Any] = {
        "name": one.name,
        "label": say(one.label),
        "type": one.kind,
        "hide": 0,
    }
    if one.kind == "query":
        return {
            **common,
            "datasource": DATASOURCE,
            "query": {"query": one.query, "refId": "variable"},
            "refresh": 2,
            "sort": 1,
            "multi": one.multi,
            "includeAll": one.multi,
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if one.multi else {},
        }
    if one.kind == "custom":
        values = one.query.split(",")
        options = [{"text": value, "value": value, "selected": value == values[0]} for value in values]
        return {**common, "query": one.query, "options": options, "current": options[0], "multi": False}
    current = {"text": one.query, "value": one.query}
    return {**common, "query": one.query, "current": current, "options": [{**current, "selected": True}]}


def _annotation(name: str, colour: str, query: str, say: Say) -> dict[str, Any]:
    return {
        "name": say(name),
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "target": {"refId": "Anno", "query": query, "limit": 100, "matchAny": False, "tags": [], "type": "dashboard"},
    }


def _placed(panels: Sequence[Panel], say: Say) -> list[dict[str, Any]]:
    """Place panels from left to right, and give each its number."""
    placed, x, y, tallest = [], 0, 0, 0
    for number, one in enumerate(panels, start=1):
        if x + one.width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        placed.append(_panel(one, number, {"x": x, "y": y, "w": one.width, "h": one.height}, say))
        x, tallest = x + one.width, max(tallest, one.height)
    return placed


def _panel(one: Panel, number: int, place: dict[str, int], say: Say) -> dict[str, Any]:
    defaults: dict[str, Any] = {"color": {"mode": "palette-classic"}, "custom": _custom(one), "mappings": []}
    if one.unit:
        defaults["unit"] = one.unit
    if one.decimals is not None:
        defaults["decimals"] = one.decimals
    if one.thresholds is not None:
        yellow, red = one.thresholds
        steps = [("green", None), ("yellow", yellow), ("red", red)]
        defaults["thresholds"] = {"mode": "absolute", "steps": [{"color": c, "value": v} for c, v in steps]}
        defaults["color"] = {"mode": "thresholds"}
    if one.label is not None:
        defaults["displayName"] = f"${{__field.labels.{one.label}}}"
    if one.explains:
        day = "${__value.time:date:YYYY-MM-DD}"
        url = f"${{house}}/meters/${{__field.labels.meter_id}}?day={day}#explanation"
        defaults["links"] = [{"title": say("Why this number?"), "url": url, "targetBlank": True}]
    if not defaults["custom"]:
        del defaults["custom"]
    return {
        "id": number,
        "type": one.kind,
        "title": say(one.title),
        "description": say(one.description),
        "datasource": DATASOURCE,
        "gridPos": place,
        "pluginVersion": _PLUGIN_VERSION,
        "targets": [
            {"refId": letter, "datasource": DATASOURCE, "query": query} for letter, query in one.queries.items()
        ],
        "fieldConfig": {"defaults": defaults, "overrides": _overrides(one, say)},
        "options": _options(one),
        "transformations": _transformations(one),
    }


def _custom(one: Panel) -> dict[str, Any]:
    if one.kind == "timeseries":
        return {
            "drawStyle": "bars" if one.bars else "line",
            "fillOpacity": 80 if one.bars else 0,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if one.stacked else "none", "group": "A"},
        }
    if one.kind == "barchart":
        return {"fillOpacity": 80, "lineWidth": 1}
    if one.kind == "table":
        return {"align": "auto", "filterable": True, "inspect": False}
    return {}


def _options(one: Panel) -> dict[str, Any]:
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    tooltip = {"mode": "multi", "sort": "desc"}
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    if one.kind == "stat":
        return {
            "reduceOptions": reduced,
            "colorMode": "value" if one.thresholds else "none",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "wideLayout": True,
            "showPercentChange": False,
            "percentChangeColorMode": "standard",
        }
    if one.kind == "timeseries":
        return {"legend": legend, "tooltip": tooltip}
    if one.kind == "barchart":
        return {
            "legend": legend,
            "tooltip": tooltip,
            "xTickLabelRotation": 0,
            "xTickLabelMaxLength": 0,
            "orientation": "auto",
            "showValue": "auto",
            "stacking": "normal" if one.stacked else "none",
            "groupWidth": 0.7,
            "barWidth": 0.97,
            "barRadius": 0,
            "fullHighlight": False,
        }
    if one.kind == "piechart":
        return {
            "pieType": "donut",
            "reduceOptions": reduced,
            "legend": {**legend, "placement": "right", "values": ["percent"]},
            "tooltip": {"mode": "single", "sort": "none"},
            "displayLabels": ["percent"],
            "orientation": "auto",
        }
    return {
        "frameIndex": 0,
        "showHeader": True,
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "countRows": False},
    }


def _overrides(one: Panel, say: Say) -> list[dict[str, Any]]:
    found = []
    for column, name in one.names.items():
        found.append(_override(column, {"displayName": say(name)}))
    if one.kind == "barchart":
        found.append(_override("_time", {"unit": "time:YYYY-MM"}))
    if one.estimated is not None:
        dashed = {"fill": "dash", "dash": [4, 4]}
        found.append(_override(one.estimated, {"custom.fillOpacity": _PALE, "custom.lineStyle": dashed}))
    if one.band:
        line = {"custom.lineWidth": 0, "custom.drawStyle": "line"}
        found.append(_override("lower", {**line, "custom.hideFrom": _HIDDEN}))
        found.append(_override("upper", {**line, "custom.fillBelowTo": "lower", "custom.fillOpacity": _BAND}))
    if one.right is not None:
        series, unit = one.right
        found.append(
            _override(
                series,
                {
                    "custom.axisPlacement": "right",
                    "custom.drawStyle": "line",
                    "custom.fillOpacity": 0,
                    "custom.stacking": {"mode": "none", "group": "B"},
                    "unit": unit,
                },
            )
        )
    return found


_HIDDEN = {"legend": True, "tooltip": False, "viz": False}


def _override(column: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "matcher": {"id": "byName", "options": column},
        "properties": [{"id": name, "value": value} for name, value in properties.items()],
    }


def _transformations(one: Panel) -> list[dict[str, Any]]:
    """Put series of one instant side by side for bars by month, and columns into the order in which they are named."""
    if one.kind == "barchart" and len(one.queries) > 1:
        return [{"id": "joinByField", "options": {"byField": "_time", "mode": "outer"}}]
    if one.kind == "table" and one.names:
        order = {column: place for place, column in enumerate(one.names)}
        return [{"id": "organize", "options": {"indexByName": order, "excludeByName": {}, "renameByName": {}}}]
    return []
