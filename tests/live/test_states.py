"""From Home Assistant's messages to rows: unknown is never 0, units may change, order is kept."""

from __future__ import annotations

import math
from typing import Any

import pytest

from workflows_dagster.live.states import Rows, States, Watched

W, KW = {"unit_of_measurement": "W"}, {"unit_of_measurement": "kW"}
WATCHED = Watched("sensor.house", {"sensor.oven": "Oven"}, "sensor.energy", frozenset({"light.lamp", "switch.kettle"}))


def added(entity_id: str, state: str, at: float, **attributes: Any) -> dict[str, Any]:
    return {"a": {entity_id: {"s": state, "a": attributes, "c": "1", "lc": at}}}


def changed(entity_id: str, at: float, state: str | None = None, **attributes: Any) -> dict[str, Any]:
    plus: dict[str, Any] = {"s": state, "lc": at} if state is not None else {"lu": at}
    return {"c": {entity_id: {"+": {**plus, **({"a": attributes} if attributes else {})}}}}


def rows_of(*events: dict[str, Any]) -> Rows:
    states, rows = States(WATCHED), Rows()
    for event in events:
        rows.extend(states.take(event))
    return rows


def test_power_is_stored_as_it_changes() -> None:
    rows = rows_of(added("sensor.house", "100", 10.0, **W), changed("sensor.house", 11.0, "250.5"))
    assert rows.power == [(10.0, "sensor.house", 100.0), (11.0, "sensor.house", 250.5)]


@pytest.mark.parametrize("text", ["unavailable", "unknown", "rubbish", "nan"])
def test_what_is_no_number_is_unknown_and_never_zero(text: str) -> None:
    rows = rows_of(added("sensor.house", "100", 10.0, **W), changed("sensor.house", 11.0, text))
    assert math.isnan(rows.power[1][2])


def test_a_sensor_that_changes_from_watts_to_kilowatts_keeps_its_power() -> None:
    rows = rows_of(
        added("sensor.house", "1500", 10.0, **W),
        changed("sensor.house", 11.0, "1.5", **KW),
        changed("sensor.house", 12.0, "2"),
    )
    assert rows.power == [(10.0, "sensor.house", 1500.0), (12.0, "sensor.house", 2000.0)]


def test_an_event_knows_the_state_before_and_what_matters() -> None:
    rows = rows_of(
        added("light.lamp", "on", 10.0, brightness=100, color="red"),
        changed("light.lamp", 11.0, brightness=200),
        changed("light.lamp", 12.0, color="blue"),
        changed("light.lamp", 13.0, "off"),
    )
    assert rows.events == [
        (11.0, "light.lamp", "light", "on", "on", {"brightness": 200, "previous_brightness": 100}),
        (13.0, "light.lamp", "light", "off", "on", {"brightness": 200, "previous_brightness": 200}),
    ]


def test_coming_back_from_unavailable_is_no_event() -> None:
    rows = rows_of(
        added("switch.kettle", "on", 10.0),
        changed("switch.kettle", 11.0, "unavailable"),
        changed("switch.kettle", 12.0, "off"),
    )
    assert rows.events == []


def test_what_is_not_watched_is_not_stored() -> None:
    assert len(rows_of(added("sensor.other", "5", 1.0, **W), changed("sensor.other", 2.0, "6"))) == 0


def test_a_removed_sensor_is_unknown_from_then_on() -> None:
    rows = rows_of(added("sensor.house", "100", 10.0, **W), {"r": ["sensor.house"]})
    assert math.isnan(rows.power[1][2])
    assert rows.power[1][0] > 10.0


def test_the_register_is_kept_for_the_day() -> None:
    rows = rows_of(added("sensor.energy", "12.5", 10.0), changed("sensor.energy", 11.0, "12.6"))
    assert rows.register == [(10.0, 12.5), (11.0, 12.6)]


def test_what_history_and_subscription_both_say_is_one_row_each() -> None:
    states = States(WATCHED)
    history = {
        "sensor.house": [{"s": "100", "a": W, "lu": 10.0}, {"s": "120", "a": {}, "lu": 20.0}],
        "switch.kettle": [{"s": "off", "a": {}, "lu": 9.0}, {"s": "on", "a": {}, "lu": 15.0}],
    }
    history["sensor.house"][1]["a"] = W
    rows = states.take_history(history)
    rows.extend(states.take(added("sensor.house", "120", 20.0, **W)))
    rows.extend(states.take(added("switch.kettle", "on", 15.0)))
    assert rows.power == [(10.0, "sensor.house", 100.0), (20.0, "sensor.house", 120.0)]
    assert [row[0] for row in rows.events] == [15.0]


def test_each_hour_says_once_more_what_holds() -> None:
    states = States(WATCHED)
    states.take(added("sensor.house", "100", 10.0, **W))
    assert states.renewed(3600.0).power == [(3600.0, "sensor.house", 100.0)]


def test_a_sensor_that_is_unavailable_or_gone_is_silent() -> None:
    states = States(WATCHED)
    states.take(added("sensor.house", "unavailable", 10.0, **W))
    assert states.silent({"sensor.house"}) == ["sensor.house", "sensor.oven"]
