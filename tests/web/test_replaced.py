"""The dialogue "meter replaced": lines shown, then written with both readings, and days that add up over it."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from tests.web.conftest import ORIGIN, TOKEN
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation

EDITING = "timezone: Europe/Berlin\nhouse: {edit_configuration: true}\n"


@pytest.fixture
def page(make_page):
    page = make_page(EDITING)
    page.client.post("/sign-in", data={"token": TOKEN})
    return page


def send(page, meter_id="gas", **fields):
    form = {"time": "10.03.2025 10:30", "closing": "489,9", "opening": "3", "new_id": "gas_new"} | fields
    return page.client.post(f"/meters/{meter_id}/replaced", data=form, headers={"Origin": ORIGIN})


def test_the_lines_are_shown_and_nothing_is_written(page):
    answer = send(page)
    assert answer.status_code == 200
    assert "deinstallation_date: 2025-03-10" in answer.text
    assert "meter_id: gas_new" in answer.text
    assert "meter_id: gas_total" in answer.text
    assert "gas_new" not in page.state.settings.meters
    assert len(page.raw("gas", "m³")) == 3


def test_written_the_days_add_up_over_the_change(page):
    answer = send(page, write="yes")
    assert answer.headers["location"] == "/meters/gas_new"
    settings = page.state.settings
    assert settings.meters["gas_total"].upstream == ("gas", "gas_new")
    assert page.raw("gas", "m³").iloc[-1] == 489.9
    assert page.raw("gas_new", "m³").tolist() == [3.0]
    later = pd.Series([23.0], pd.DatetimeIndex(["2025-03-20T10:00Z"]).as_unit("us"))
    page.write("gas_new", "m³", later)
    span = DayRange(date(2025, 2, 21), date(2025, 3, 19))
    total = Evaluation(settings, page.state.store).days("gas_total", span).days["consumption"].sum()
    parts = [
        Evaluation(settings, page.state.store).days(name, span).days["consumption"].sum() for name in ("gas", "gas_new")
    ]
    assert total == pytest.approx(sum(parts))
    assert (page.folder / "config" / "meters.yaml.before").exists()


def test_a_virtual_meter_uses_the_master_from_then_on(page):
    send(page, "flat", new_id="flat_2", closing="950", time="10.03.2025 10:30", write="yes")
    assert page.state.settings.meters["rest"].upstream == ("main", "flat_total")


def test_a_second_replacement_adds_a_period(page):
    send(page, write="yes")
    answer = send(page, "gas_new", new_id="gas_3", closing="9", opening="0", time="25.03.2025 08:00", write="yes")
    assert answer.status_code == 303
    periods = page.state.settings.meters["gas_total"].periods
    assert [period.source_meters for period in periods] == [("gas",), ("gas_new",), ("gas_3",)]
    assert periods[1].end_date == date(2025, 3, 25)


@pytest.mark.parametrize(
    "fields",
    [
        {"closing": "x"},
        {"opening": ""},
        {"time": "then"},
        {"time": "01.01.2999"},
        {"new_id": "main"},
        {"new_id": "ä ö"},
    ],
    ids=str,
)
def test_a_mistake_is_shown_with_what_was_typed(page, fields):
    answer = send(page, write="yes", **fields)
    assert answer.status_code in (409, 422)
    assert 'value="489,9"' in answer.text or "closing" in fields
    assert len(page.raw("gas", "m³")) == 3


def test_where_editing_is_off_the_lines_are_to_be_pasted(make_page):
    page = make_page()
    page.client.post("/sign-in", data={"token": TOKEN})
    answer = send(page, write="yes")
    assert answer.status_code == 200
    assert "put these entries into meters.yaml" in answer.text
    assert "gas_new" not in page.state.settings.meters
