"""The made-up devices of the demo: the past that is written goes on in what they do live."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.sample_house.devices import DEVICES, HOUSE, live, past_streams, power_at
from workflows_dagster.sample_house.home_assistant import StandIn

START, END = pd.Timestamp("2026-05-01", tz="UTC"), pd.Timestamp("2026-05-02", tz="UTC")


def test_there_are_ten_devices_and_their_names_say_what_they_are() -> None:
    assert len({device.entity_id for device in DEVICES}) == 10
    assert all("stand_in" in device.entity_id for device in DEVICES)
    assert "stand_in" in HOUSE


def test_every_event_alternates_and_changes_the_power() -> None:
    power, events = past_streams(START, END)
    assert len(power) == 8640
    assert (power["power_w"] > 100).all()
    for device in DEVICES:
        states = events.loc[events["entity_id"] == device.entity_id, "state"].tolist()
        assert states == ["on", "off"] * device.cycles


def test_a_part_of_the_past_equals_the_whole() -> None:
    power, events = past_streams(START, END)
    middle = START + pd.Timedelta(hours=7)
    later, later_events = past_streams(middle, END)
    pd.testing.assert_frame_equal(later, power[power["time"] >= middle].reset_index(drop=True))
    assert len(later_events) == (events["time"] >= middle).sum()


def test_what_is_live_goes_on_where_the_past_ended() -> None:
    stand_in = StandIn()
    for second in range(0, 3600, 10):
        live(stand_in, START.timestamp() + second)
    power, _ = past_streams(START, START + pd.Timedelta(hours=1))
    assert stand_in.states[HOUSE].state == str(power["power_w"].iloc[-1])
    assert float(stand_in.states[HOUSE].state) == pytest.approx(power_at(np.array([START.timestamp() + 3590]))[0])
