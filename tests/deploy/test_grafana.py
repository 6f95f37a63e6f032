"""The dashboard: every query gives what its panel shows, on a real InfluxDB."""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.stores.influx_server import ORG, TOKEN, InfluxServer
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    CONSUMPTION_DAILY,
    CONSUMPTION_MONTHLY,
    COST_DAILY,
    FINDING_NOW,
    REGISTER_DAILY,
    Measurement,
)

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "utility-meters.json").read_text(encoding="utf-8"))
PANELS = {f"{panel['title']} ({panel['type']})": panel for panel in DASHBOARD["panels"]}
START, END = pd.Timestamp("2025-06-01", tz="UTC"), pd.Timestamp("2025-07-01", tz="UTC")
DAYS = pd.DatetimeIndex(["2025-06-02", "2025-06-03"], tz="UTC").as_unit("us")


class Answers:
    """The processed bucket of a small house, asked as Grafana asks it."""

    def __init__(self, server: InfluxServer, bucket: str) -> None:
        self._server, self._bucket = server, bucket

    def of(self, query: str) -> list[dict[str, str]]:
        for written, meant in {
            '"lampfi_processed"': json.dumps(self._bucket),
            "v.timeRangeStart": START.isoformat().replace("+00:00", "Z"),
            "v.timeRangeStop": END.isoformat().replace("+00:00", "Z"),
            "${unit}": "kWh",
            "${meter:regex}": ".*",
        }.items():
            query = query.replace(written, meant)
        assert "$" not in query.replace("$/", "")
        request = urllib.request.Request(
            f"{self._server.url}/api/v2/query?org={ORG}",
            json.dumps({"query": query, "dialect": {"annotations": [], "header": True}}).encode(),
            {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read().decode().replace("\r\n", "\n")
        return [row for table in text.split("\n\n") for row in csv.DictReader(io.StringIO(table.strip("\n")))]


@pytest.fixture(scope="module")
def answers(influx_server: InfluxServer) -> Answers:
    bucket = "dashboard's"
    store = influx_server.store(bucket_processed=bucket)
    store.create_bucket_processed()

    def write(measurement: Measurement, meter: str, unit: str, **fields: list[Any]) -> None:
        points = pd.DataFrame(fields, index=DAYS[: len(next(iter(fields.values())))])
        store.replace(measurement, meter, unit, START, END, points)

    def known(meter: str, unit: str, values: list[float], shares: list[float]) -> None:
        quality = ["measured", "interpolated"]
        write(CONSUMPTION_DAILY, meter, unit, consumption=values, quality=quality, estimated_share=shares)

    known("strom", "kWh", [8.0, 12.0], [0.0, 0.5])
    known("keller", "kWh", [1.0, 3.0], [0.0, 1.0])
    known("gas", "m³", [5.0, 6.0], [0.0, 0.0])
    write(REGISTER_DAILY, "strom", "kWh", value=[100.0, 108.0], closing=[108.0, 120.0], quality=["measured"] * 2)
    write(CONSUMPTION_MONTHLY, "strom", "kWh", consumption=[300.0], previous_year=[280.0], quality=["measured"])
    write(COST_DAILY, "strom", "EUR", cost=[2.5, 3.5], unit_price=[0.3, 0.3], standing_charge=[0.1, 0.1])
    anomaly = {"consumption": [12.0], "expected": [6.0], "lower": [5.0], "upper": [7.0], "delta_percent": [100.0]}
    write(ANOMALY_DAILY, "strom", "kWh", **anomaly, severity=["alert"], reason=["12 kWh, usual 6 (5–7)"])
    write(FINDING_NOW, "gas", "finding", code=["overdue"], severity=["warn"], sentence=["Not read for 40 days."])
    store.close()
    return Answers(influx_server, bucket)


def rows(answers: Answers, panel: str, query: int = 0) -> list[dict[str, str]]:
    return answers.of(PANELS[panel]["targets"][query]["query"])


def by_meter(found: list[dict[str, str]]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for row in found:
        values.setdefault(row["meter_id"], []).append(float(row["_value"]))
    return values


def test_the_bars_of_the_days_are_the_stored_consumption_of_the_unit(answers: Answers) -> None:
    found = by_meter(rows(answers, "Consumption by day [$unit] (timeseries)"))
    assert found == {"strom": [8.0, 12.0], "keller": [1.0, 3.0]}


def test_what_was_used_is_each_meters_sum(answers: Answers) -> None:
    assert by_meter(rows(answers, "Used (stat)")) == {"strom": [20.0], "keller": [4.0]}


def test_the_share_measured_weighs_each_day_by_its_consumption(answers: Answers) -> None:
    # 24 kWh, of which half of 12 and all of 3 are estimated.
    (row,) = rows(answers, "Known by measurement (stat)")
    assert float(row["_value"]) == pytest.approx(1 - 9 / 24)


def test_the_register_is_the_one_at_the_days_opening(answers: Answers) -> None:
    assert by_meter(rows(answers, "Register when the day opens [$unit] (timeseries)")) == {"strom": [100.0, 108.0]}


def test_the_estimated_share_is_shown_by_meter(answers: Answers) -> None:
    found = by_meter(rows(answers, "Share that is estimated (timeseries)"))
    assert found == {"strom": [0.0, 0.5], "keller": [0.0, 1.0]}


def test_a_month_stands_beside_the_one_of_the_year_before(answers: Answers) -> None:
    panel = "Consumption by month [$unit] (barchart)"
    assert [row["this year"] for row in rows(answers, panel)] == ["300"]
    assert [row["year before"] for row in rows(answers, panel, 1)] == ["280"]


def test_costs_are_shown_by_day_and_in_sum_with_their_currency(answers: Answers) -> None:
    assert by_meter(rows(answers, "Cost by day (timeseries)")) == {"strom": [2.5, 3.5]}
    assert [(row["currency"], row["_value"]) for row in rows(answers, "Cost (stat)")] == [("EUR", "6")]


def test_an_unusual_day_is_a_row_with_its_sentence(answers: Answers) -> None:
    (row,) = rows(answers, "Unusual days (table)")
    assert (row["meter_id"], row["consumption"], row["expected"]) == ("strom", "12", "6")
    assert (row["severity"], row["reason"]) == ("alert", "12 kWh, usual 6 (5–7)")
    assert [row["_value"] for row in rows(answers, "Unusual days (stat)")] == ["1"]


def test_what_is_found_now_is_shown_whenever_it_began(answers: Answers) -> None:
    (row,) = rows(answers, "What is found now (table)")
    assert (row["meter_id"], row["severity"], row["sentence"]) == ("gas", "warn", "Not read for 40 days.")


def test_the_choices_are_the_units_and_the_meters_of_the_unit(answers: Answers) -> None:
    unit, meter = (variable["query"]["query"] for variable in DASHBOARD["templating"]["list"])
    assert {row["_value"] for row in answers.of(unit)} == {"kWh", "m³"}
    assert {row["_value"] for row in answers.of(meter)} == {"strom", "keller"}


def test_every_panel_asks_the_datasource_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "utility-meters.yaml").read_text())[
        "datasources"
    ]
    asked = [part["datasource"] for panel in DASHBOARD["panels"] for part in [panel, *panel["targets"]]]
    assert {(one["type"], one["uid"]) for one in asked} == {(source["type"], source["uid"])}


def test_the_token_is_read_from_a_secret_and_stands_nowhere() -> None:
    text = (GRAFANA / "provisioning" / "datasources" / "utility-meters.yaml").read_text()
    assert re.findall(r"token: (.*)", text) == ["$__file{/run/secrets/influx_token}"]


def test_no_panel_lies_on_another_and_each_has_a_sentence() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        assert panel["description"].endswith("."), panel["title"]
        taken |= cells
