"""Power as it flows, by the API and on its page: known numbers, and nothing made up where there are none."""

from __future__ import annotations

import pandas as pd
import pytest

from workflows_dagster.records.events import add_correlations, write_events
from workflows_dagster.records.power import write_devices, write_five_minutes, write_power

HOUSE, LAMP = "sensor.house_power", "light.hall"
API = "/api/v1/energy"


@pytest.fixture
def now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC").floor("s").as_unit("us")


@pytest.fixture
def alive(page, now):
    """A page over a house of whose last minutes all is known."""
    store = page.state.store_to_write
    write_power(store, pd.DataFrame({"time": [now - pd.Timedelta(minutes=2)], "entity_id": HOUSE, "power_w": [412.0]}))
    ends = pd.DatetimeIndex([now.floor("5min")]).as_unit("us")
    house = pd.DataFrame(
        {"total_power_w": [400.0], "peak_power_w": [900.0], "daily_kwh": [3.5], "known_share": [1.0]}, index=ends
    )
    circuits = pd.DataFrame({"time": ends, "circuit_name": "Kitchen", "power_w": [120.0], "percentage": [30.0]})
    write_five_minutes(store, HOUSE, house, circuits)
    event = {"time": [now - pd.Timedelta(minutes=1)], "entity_id": LAMP, "domain": "light"}
    event |= {"state": "on", "previous_state": "off"}
    write_events(store, pd.DataFrame(event | {"attributes": None}))
    changed = {"power_before_w": 350.0, "power_after_w": 412.0, "power_delta_w": 62.0, "power_delta_pct": 17.7}
    changed |= {"confidence": 0.9, "sample_gap_s": 10.0, "concurrent_events": 0, "method": "step"}
    add_correlations(store, pd.DataFrame(event | changed))
    today = now.tz_convert("Europe/Berlin").normalize().tz_convert("UTC").as_unit("us")
    day = today - pd.Timedelta(days=1)
    used = {"on_w": 60.0, "off_w": 0.0, "spread_w": 3.0, "events": 4, "on_hours": 5.0}
    write_devices(store, day, today, pd.DataFrame({"time": [day], "entity_id": LAMP} | used))
    page.state.forget()
    return page


def test_what_flows_now(alive):
    found = alive.client.get(f"{API}/current").json()
    assert found["total_power_w"] == 412.0
    assert 110 < found["age_s"] < 200
    assert found["detail"] is None
    (circuit,) = alive.client.get(f"{API}/circuits").json()
    assert circuit == circuit | {"circuit_name": "Kitchen", "power_w": 120.0, "percentage": 30.0}
    assert alive.client.get(f"{API}/statistics").json()["peak_power_w"] == 900.0


def test_what_a_switch_changed_and_costs(alive):
    (changed,) = alive.client.get(f"{API}/correlations").json()
    assert changed == changed | {"entity_id": LAMP, "state": "on", "power_delta_w": 62.0, "confidence": 0.9}
    assert alive.client.get(f"{API}/correlations", params={"min_delta": 70}).json() == []
    impact = alive.client.get(f"{API}/device-impact/{LAMP}").json()
    assert impact["estimated_daily_kwh"] == pytest.approx(0.3)
    (top,) = alive.client.get(f"{API}/top-consumers").json()
    assert top["entity_id"] == LAMP


def test_the_page_shows_it(alive):
    # With spaces that do not break.
    text = " ".join(alive.client.get("/energy").text.split())
    for shown in ("412 W", "900 W", "Kitchen", LAMP, "62 W"):
        assert shown in text


def test_nothing_known_is_said_and_never_made_up(page):
    found = page.client.get(f"{API}/current").json()
    assert found["total_power_w"] is None
    assert "home_assistant.url" in found["detail"]
    assert page.client.get(f"{API}/circuits").json() == []
    assert page.client.get(f"{API}/top-consumers").json() == []
    unknown = page.client.get(f"{API}/device-impact/light.none").json()
    assert (unknown["estimated_daily_kwh"], unknown["total_state_changes"]) == (None, 0)
    assert "home_assistant.url" in page.client.get("/energy").text


@pytest.mark.parametrize(
    "asked", ["circuits?hours=0", "correlations?limit=0", "statistics?hours=1e9", "top-consumers?days=x"]
)
def test_a_wrong_question_is_refused(page, asked):
    assert page.client.get(f"{API}/{asked}").status_code == 422
