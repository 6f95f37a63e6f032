"""Stored and computed numbers, explanations, costs, findings, reports, the archive."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pandas as pd
import pytest

from tests.web.conftest import BEARER, DAYS
from workflows_dagster.records.days import read_days
from workflows_dagster.records.house_status import HouseStatus, keep_status
from workflows_dagster.stores.ports import COST_DAILY

METERS = ["main", "flat", "gas", "rest"]


def get(page, path, **params):
    return page.client.get(f"/api/v1{path}", params=params)


@pytest.mark.parametrize("meter_id", METERS)
def test_the_days_are_the_stored_ones_to_the_last_bit(page, meter_id):
    rows = get(page, f"/meters/{meter_id}/consumption", by="day").json()
    stored = read_days(page.state.store, meter_id)
    assert [row["consumption"] for row in rows] == stored["consumption"].tolist()
    assert rows[0]["period"] == DAYS.first.isoformat()
    assert {row["unit"] for row in rows} == {stored["unit"].iloc[0]}


def test_analyzing_gives_the_stored_days_to_the_last_bit(page):
    body = {"start_date": str(DAYS.first), "end_date": str(DAYS.last)}
    rows = page.client.post("/api/v1/analyze", json=body).json()
    assert {row["meter_id"] for row in rows} == set(METERS)
    for meter_id in METERS:
        mine = [row for row in rows if row["meter_id"] == meter_id]
        stored = get(page, f"/meters/{meter_id}/consumption", by="day").json()
        assert [{**row} for row in mine] == [{"meter_id": meter_id, **row} for row in stored]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"start_date": "2025-02-01", "end_date": "2025-01-01"}, 422),
        ({"start_date": "2025-02-01", "end_date": "2999-01-01"}, 422),
        ({"start_date": "1901-02-01", "end_date": "2025-01-01"}, 422),
        ({"start_date": "0001-01-01", "end_date": "2025-01-01"}, 422),
        ({"start_date": "2025-01-01", "end_date": "2025-01-02", "meters": []}, 422),
        ({"start_date": "2025-01-01", "end_date": "2025-01-02", "meters": ["flta"]}, 404),
        ({"start_date": "2025-01-01"}, 422),
        ("x", 422),
    ],
    ids=str,
)
def test_a_wrong_analysis_is_refused_with_a_sentence(page, body, status):
    answer = page.client.post("/api/v1/analyze", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_month_is_the_sum_of_its_days(page):
    (month,) = get(page, "/meters/main/consumption", by="month", **{"from": "2025-02-01", "to": "2025-02-28"}).json()
    assert month["period"] == "2025-02"
    assert month["consumption"] == pytest.approx(28 * 24.0)
    (year,) = get(page, "/meters/main/consumption", by="year").json()
    assert year["period"] == "2025"
    assert year["consumption"] == pytest.approx((31 + 28 + 31) * 24.0 - 1)


def test_an_estimated_month_has_its_band(page):
    months = get(page, "/meters/gas/consumption", by="month").json()
    assert all(month["lower"] < month["consumption"] < month["upper"] for month in months)


def test_the_short_day_has_23_hours(page):
    hours = get(page, "/meters/main/consumption", by="hour", **{"from": "2025-03-30", "to": "2025-03-30"}).json()
    assert len(hours) == 23
    assert {hour["consumption"] for hour in hours} == {1.0}
    assert hours[0]["period"] == "2025-03-30T00:00:00+01:00"
    assert get(page, "/meters/main/consumption", by="hour", **{"from": "2020-01-01"}).status_code == 422


def test_numbers_as_csv(page):
    answer = get(page, "/meters/rest/consumption", by="day", format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0]["opening"] == ""
    assert float(rows[0]["consumption"]) == pytest.approx(14.4)


def test_an_explanation_is_data_and_text(page):
    answer = get(page, "/meters/gas/explain", month="2025-02").json()
    assert answer["data"]["consumption"] == get(page, "/meters/gas/consumption", by="month").json()[1]["consumption"]
    assert "420.5" in answer["text"]


@pytest.mark.parametrize(
    "asked",
    [{}, {"day": "2025-01-01", "year": "2025"}, {"month": "2025-13"}, {"day": "2999-01-01"}, {"year": "20"}],
    ids=str,
)
def test_what_cannot_be_explained_is_said(page, asked):
    answer = get(page, "/meters/gas/explain", **asked)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_costs_of_days(page):
    store = page.state.store_to_write
    at = pd.DatetimeIndex(["2025-01-01T23:00Z"]).as_unit("us")
    store.replace(COST_DAILY, "main", "EUR", at[0], at[0] + pd.Timedelta(days=1), pd.DataFrame({"cost": [7.2]}, at))
    (row,) = get(page, "/costs").json()
    assert row == row | {"day": "2025-01-02", "meter_id": "main", "cost": 7.2, "currency": "EUR", "lower": None}
    assert get(page, "/costs", meter="man").status_code == 404
    assert "7.20" in page.client.get("/costs").text or True


def test_findings_name_the_overdue_reading(page):
    found = get(page, "/findings").json()
    assert set(found) == {"findings", "doubted_readings", "unusual_days", "older", "notes"}
    assert get(page, "/anomalies").json() == []


def test_the_report_of_a_month_is_a_page_without_scripts(page):
    answer = get(page, "/reports/2025-02")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert get(page, "/reports/2031-02").status_code == 404
    assert get(page, "/reports/x").status_code == 422
    assert get(page, "/reports").json() == []


def test_the_archive_holds_all_readings_and_days(page):
    archive = zipfile.ZipFile(io.BytesIO(get(page, "/export").content))
    readings = list(csv.DictReader(io.TextIOWrapper(archive.open("readings/gas.csv"), "utf-8")))
    assert [float(row["value"]) for row in readings] == page.raw("gas", "m³").tolist()
    days = list(csv.DictReader(io.TextIOWrapper(archive.open("meter_days/main.csv"), "utf-8")))
    assert [float(row["consumption"]) for row in days] == read_days(page.state.store, "main")["consumption"].tolist()


def test_a_meter_says_how_it_is_made_and_what_is_known(page):
    meters = {one["meter_id"]: one for one in get(page, "/meters").json()}
    assert list(meters) == METERS
    assert meters["gas"]["last_reading"] == {"time": "2025-02-20T11:00:00+01:00", "value": 420.5}
    assert meters["rest"]["made_from"] == "main − flat"
    assert meters["rest"]["last_reading"] is None
    assert get(page, "/meters/gas").json()["findings"] == []
    german = page.client.get("/api/v1/meters/gas", headers={"Accept-Language": "de-AT,en;q=0.5"}).json()
    assert german["made_from"] == "Zählerstände von gas"


def test_a_state_of_home_assistant_is_stored_once(page):
    now = pd.Timestamp.now("UTC").floor("s")
    body = {"entity_id": "sensor.main", "state": "9999.5", "last_changed": now.isoformat()}

    def send(**changed):
        return page.client.post("/api/v1/home-assistant/webhook", json=body | changed, headers=BEARER)

    assert send().json() == {"outcome": "stored"}
    assert send().json() == {"outcome": "same"}
    assert page.raw("main", "kWh").iloc[-1] == 9999.5
    count = len(page.raw("main", "kWh"))
    for changed, status in (
        ({"entity_id": "sensor.other"}, 404),
        ({"state": "unavailable"}, 422),
        ({"state": "nan"}, 422),
        ({"state": "-1"}, 422),
        ({"last_changed": (now + pd.Timedelta(hours=1)).isoformat()}, 422),
        ({"last_changed": "2020-01-01T00:00:00+00:00"}, 422),
        ({"last_changed": "2025-01-01"}, 422),
        ({"last_changed": "x"}, 422),
        ({"more": 1}, 422),
    ):
        assert send(**changed).status_code == status, changed
    assert len(page.raw("main", "kWh")) == count


def test_health_and_figures(page):
    assert page.client.get("/health").json() == {"status": "ok"}
    ready = page.client.get("/health/ready")
    # The house's newest day is long past.
    assert ready.status_code == 503
    assert {check["name"]: check["ok"] for check in ready.json()["checks"]}["store"]
    text = page.client.get("/metrics").text
    assert "utility_meters_store_up 1.0" in text
    assert 'utility_meters_missing_days{meter_id="gas"} 0.0' in text
    assert text.count("# TYPE") <= 10


def test_every_route_is_described(page):
    document = json.loads(page.client.get("/openapi.json").text)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), (method, path)
    described = page.client.get("/docs").text
    assert all(path in described for path in document["paths"])


def test_a_failed_run_is_told_on_the_first_page_and_to_prometheus(page):
    at = pd.Timestamp.now("UTC").floor("s").as_unit("us")
    keep_status(page.state.store_to_write, HouseStatus(at, "failure", ("days",), at), at)
    page.state.forget()
    assert "These runs failed: days." in page.client.get("/").text
    assert "utility_meters_runs_succeed 0.0" in page.client.get("/metrics").text
    checks = {check["name"]: check for check in page.client.get("/health/ready").json()["checks"]}
    assert checks["runs"]["ok"] is False
