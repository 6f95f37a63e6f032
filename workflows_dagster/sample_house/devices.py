"""Ten made-up devices of a stand-in for Home Assistant: their switches, and the power of the house that they make.

What they do at an instant depends on the instant and the seed alone, so that the past that the demo writes goes on in
what the stand-in does live.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from workflows_dagster.sample_house.home_assistant import StandIn

# The names say on every page that these are no devices of the house.
HOUSE = "sensor.stand_in_house_power"
_PREFIX = "stand_in_"
SPACING = 10
_DAY = 86_400
_POWER = {"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W"}


@dataclass(frozen=True)
class Device:
    """A device: its entity, what it draws while it is on, how often a day and how long it is on.

    Attributes:
        entity_id: Its switch or lamp.
        watts: Its power while it is on. [W]
        cycles: How often a day it is on.
        minutes: How long, on average. [min]
        circuit: Whether it has a sensor of its own power.
    """

    entity_id: str
    watts: float
    cycles: int
    minutes: float
    circuit: bool = False

    @property
    def name(self) -> str:
        """Its name, for people."""
        return self.entity_id.partition(".")[2].removeprefix(_PREFIX).replace("_", " ").capitalize()

    @property
    def sensor(self) -> str:
        """The sensor of its power."""
        return f"sensor.{self.entity_id.partition('.')[2]}_power"


DEVICES = (
    Device(f"switch.{_PREFIX}kettle", 1950.0, 5, 4.0),
    Device(f"switch.{_PREFIX}coffee_machine", 1150.0, 3, 6.0),
    Device(f"switch.{_PREFIX}washing_machine", 1400.0, 1, 45.0, circuit=True),
    Device(f"switch.{_PREFIX}dishwasher", 1250.0, 1, 55.0, circuit=True),
    Device(f"switch.{_PREFIX}oven", 2300.0, 2, 30.0, circuit=True),
    Device(f"switch.{_PREFIX}television", 120.0, 2, 110.0),
    Device(f"switch.{_PREFIX}freezer", 95.0, 20, 25.0, circuit=True),
    Device(f"light.{_PREFIX}living_room", 60.0, 3, 90.0),
    Device(f"light.{_PREFIX}kitchen", 36.0, 6, 25.0),
    Device(f"fan.{_PREFIX}bathroom", 45.0, 6, 12.0),
)


@lru_cache(maxsize=64)
def _cycles(day: int, k: int) -> np.ndarray:
    """Give when the `k`-th device goes on and off on a day (UTC, counted from 1970). [s since 1970], shape (n, 2)."""
    device, rng = DEVICES[k], np.random.default_rng((day, k))
    slot = _DAY / device.cycles
    length = np.minimum(rng.uniform(0.6, 1.4, device.cycles) * device.minutes * 60, 0.6 * slot)
    begin = np.arange(device.cycles) * slot + rng.uniform(0, 1, device.cycles) * (slot - length - 60)
    return np.column_stack([begin, begin + length]) + day * _DAY


def is_on(k: int, instants: np.ndarray) -> np.ndarray:
    """Tell whether the `k`-th device is on. [s since 1970], shape (n,), `bool`."""
    on = np.zeros(len(instants), dtype=bool)
    for day in range(int(instants.min() // _DAY), int(instants.max() // _DAY) + 1):
        for begin, end in _cycles(day, k):
            on |= (instants >= begin) & (instants < end)
    return on


def power_at(instants: np.ndarray) -> np.ndarray:
    """Give the house's power: its base load, and what is on. [s since 1970] -> [W], shape (n,)."""
    hours = instants / 3600 % 24
    power = 210 + 70 * np.sin((hours - 10) / 24 * 2 * np.pi)
    noise = [np.random.default_rng(int(instant)).normal(0, 2.5) for instant in instants.astype(np.int64)]
    for k, device in enumerate(DEVICES):
        power = power + device.watts * is_on(k, instants)
    return np.asarray(np.round(power + noise, 1))


def past_streams(start: pd.Timestamp, end: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give what the devices did in an interval: power every ten seconds, and events.

    Args:
        start: First instant, UTC.
        end: Instant after the last, UTC.

    Returns:
        Power as `records.power.write_power` takes it, and events as `records.events.write_events` does.
    """
    first, last = start.timestamp(), end.timestamp()
    instants = np.arange(np.ceil(first / SPACING) * SPACING, last, SPACING)
    power = pd.DataFrame({"time": _times(instants), "entity_id": HOUSE, "power_w": power_at(instants)})
    rows = []
    for k, device in enumerate(DEVICES):
        for day in range(int(first // _DAY), int(last // _DAY) + 1):
            for begin, until in _cycles(day, k):
                rows += [(begin, device.entity_id, "on", "off"), (until, device.entity_id, "off", "on")]
    events = pd.DataFrame(rows, columns=["time", "entity_id", "state", "previous_state"])
    events = events[(events["time"] >= first) & (events["time"] < last)].sort_values("time", ignore_index=True)
    domains = events["entity_id"].str.partition(".")[0]
    return power, events.assign(time=_times(events["time"].to_numpy()), domain=domains, attributes=None)


def live(stand_in: StandIn, now: float) -> None:
    """Set the states of the stand-in as they are at an instant. [s since 1970]"""  # noqa: D415
    instant = np.array([now])
    for k, device in enumerate(DEVICES):
        on = bool(is_on(k, instant)[0])
        stand_in.set_state(device.entity_id, "on" if on else "off", {"friendly_name": f"Stand-in: {device.name}"})
        if device.circuit:
            named = {**_POWER, "friendly_name": f"Stand-in: {device.name}"}
            stand_in.set_state(device.sensor, device.watts if on else 0.0, named)
    if int(now) % SPACING == 0 or HOUSE not in stand_in.states:
        named = {**_POWER, "friendly_name": "Stand-in: whole house"}
        stand_in.set_state(HOUSE, float(power_at(instant)[0]), named)


def run(stand_in: StandIn) -> None:
    """Let the devices live until the process ends."""
    # As a house does whose Energy dashboard is set up.
    stand_in.prefs = {"energy_sources": [{"type": "grid", "stat_rate": HOUSE}], "device_consumption": []}
    while True:
        live(stand_in, time.time())
        time.sleep(1 - time.time() % 1)


def _times(seconds: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime((seconds * 1e6).round().astype(np.int64), unit="us", utc=True))
