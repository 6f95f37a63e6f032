"""Draws each dashboard's layout with the queried figures: `python -m tests.deploy.grafana_picture FOLDER`.

Grafana itself is not there; this shows what lies where, how much a panel holds and whether its figures make a picture.
"""

from __future__ import annotations

import html
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tests.deploy.grafana_house import END, START, GrafanaHouse, fill
from tests.deploy.test_grafana import BOARDS, choices
from tests.houses import CONFIG
from tests.stores.influx_server import InfluxServer
from workflows_dagster.settings.load import load

_COLUMN, _ROW, _GAP = 52, 34, 6
_COLOURS = ("#3274d9", "#e0752d", "#56a64b", "#8f3bb8", "#e02f44", "#1f9e89", "#b58900", "#6c757d")
_HIDDEN = {
    "",
    "utility",
    "currency",
    "result",
    "table",
    "_start",
    "_stop",
    "_time",
    "meter_id",
    "unit",
    "_measurement",
    "_field",
}

Rows = list[dict[str, str]]


def main(folder: Path) -> None:
    """Fill an InfluxDB with the sample household, and write a page a dashboard."""
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        (temporary / "influx").mkdir()
        server = InfluxServer(temporary / "influx")
        server.start()
        try:
            server.set_up()
            house = fill(load(CONFIG, {"METERS_DATA_DIR": name}), server, temporary)
            for title, board in BOARDS.items():
                (folder / f"{title}.html").write_text(page(house, title, board), encoding="utf-8")
            house.store.close()
        finally:
            server.close()


def page(house: GrafanaHouse, name: str, board: Mapping[str, Any]) -> str:
    """Draw one dashboard."""
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"]) * _ROW + 60
    drawn = "".join(_panel(house, name, panel) for panel in board["panels"])
    head = f"<h2 style='margin:8px'>{html.escape(board['title'])}</h2>"
    style = "body{font:13px sans-serif;background:#f4f5f5;margin:0}td,th{padding:2px 8px;text-align:left}"
    body = f"<div style='position:relative;height:{height}px'>{drawn}</div>"
    return f"<meta charset='utf-8'><style>{style}</style>{head}{body}"


def _panel(house: GrafanaHouse, name: str, panel: Mapping[str, Any]) -> str:
    at = panel["gridPos"]
    width, height = at["w"] * _COLUMN - _GAP, at["h"] * _ROW - _GAP
    rows = {target["refId"]: house.ask(target["query"], choices(name)) for target in panel["targets"]}
    body = {"stat": _stat, "table": _table, "piechart": _pie}.get(panel["type"], _chart)(
        panel, rows, width, height - 26
    )
    box = f"left:{at['x'] * _COLUMN}px;top:{at['y'] * _ROW}px;width:{width}px;height:{height}px"
    title = html.escape(panel["title"])
    return (
        f"<div style='position:absolute;{box};background:white;border:1px solid #ddd;overflow:hidden'>"
        f"<b style='display:block;padding:4px 8px'>{title}</b>{body}</div>"
    )


def _figure(panel: Mapping[str, Any], value: float) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults.get("unit", "")
    decimals = defaults.get("decimals", 1)
    return f"{value * 100:.{decimals}f} %" if unit == "percentunit" else f"{value:,.{decimals}f} {unit}"


def _stat(panel: Mapping[str, Any], rows: Mapping[str, Rows], _width: int, height: int) -> str:
    values = [_figure(panel, float(row["_value"])) for found in rows.values() for row in found]
    text = "<br>".join(values) or "–"
    return f"<div style='font-size:22px;text-align:center;padding-top:{height / 6:.0f}px'>{text}</div>"


def _table(panel: Mapping[str, Any], rows: Mapping[str, Rows], _width: int, _height: int) -> str:
    names = {
        override["matcher"]["options"]: override["properties"][0]["value"]
        for override in panel["fieldConfig"]["overrides"]
    }
    found = [row for part in rows.values() for row in part][:12]
    columns = [name for name in (found[0] if found else {}) if name in names or name not in _HIDDEN]
    head = "".join(f"<th>{html.escape(names.get(name, name))}</th>" for name in columns)
    lines = "".join(
        f"<tr>{''.join(f'<td>{html.escape(row[name][:60])}</td>' for name in columns)}</tr>" for row in found
    )
    return f"<table>{head and f'<tr>{head}</tr>'}{lines}</table>"


def _pie(panel: Mapping[str, Any], rows: Mapping[str, Rows], _width: int, _height: int) -> str:
    values = {row["meter_id"]: float(row["_value"]) for row in rows["A"]}
    total = sum(values.values())
    lines = (
        f"<div style='border-left:{value / total * 300:.0f}px solid {colour}'>{name} {value / total:.0%}</div>"
        for (name, value), colour in zip(values.items(), _COLOURS, strict=False)
    )
    return "".join(lines)


def _chart(panel: Mapping[str, Any], rows: Mapping[str, Rows], width: int, height: int) -> str:
    series: dict[str, list[tuple[float, float]]] = {}
    for found in rows.values():
        for row in found:
            at = (pd.Timestamp(row["_time"]) - START) / (END - START)
            for column, text in row.items():
                if (column in _HIDDEN) or not text:
                    continue
                label = row.get("meter_id", row.get("utility", ""))
                key = " ".join(filter(None, (label, "" if column == "_value" else column))) or "value"
                series.setdefault(key, []).append((at, float(text)))
    if not series:
        return "<div style='padding:20px;color:#888'>no data</div>"
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    bars = custom.get("drawStyle") == "bars" or panel["type"] == "barchart"
    left, plot = 46, (width - 60, height - 46)
    tops: dict[float, float] = {}
    for values in series.values():
        for at, value in values:
            tops[at] = tops.get(at, 0.0) + value if stacked else max(tops.get(at, 0.0), value)
    top = max(max(tops.values()), 1e-9)
    count = max(len(tops), 1)
    base: dict[float, float] = {}
    drawn = []
    for k, (name, values) in enumerate(series.items()):
        colour = _COLOURS[k % len(_COLOURS)]
        pale = 0.35 if name.endswith("estimated") else 0.85
        if bars and "degree" not in name:
            thick = max(plot[0] / count * (0.8 if stacked else 0.8 / len(series)), 1)
            for at, value in values:
                y0 = base.get(at, 0.0) if stacked else 0.0
                x = left + at * plot[0] + (0 if stacked else k * thick)
                h = value / top * plot[1]
                y = 6 + plot[1] - (y0 + value) / top * plot[1]
                drawn.append(
                    f"<rect x='{x:.1f}' y='{y:.1f}' width='{thick:.1f}' height='{max(h, 0):.1f}' fill='{colour}' "
                    f"opacity='{pale}'/>"
                )
                base[at] = y0 + value
        else:
            path = " ".join(
                f"{left + at * plot[0]:.1f},{6 + plot[1] - v / top * plot[1]:.1f}" for at, v in sorted(values)
            )
            drawn.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='1.3'/>")
        drawn.append(
            f"<text x='{left + k % 5 * 150}' y='{height - 14 + k // 5 * 12}' fill='{colour}'>{name[:22]}</text>"
        )
    axis = f"<text x='2' y='14'>{top:,.1f}</text><text x='2' y='{6 + plot[1]:.0f}'>0</text>"
    return f"<svg width='{width}' height='{height}' font-size='11'>{axis}{''.join(drawn)}</svg>"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
