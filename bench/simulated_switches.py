"""A house seen once a second: ten switched devices over a varying background, and what each switch truly changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Device:
    """A switched device of the simulation.

    Attributes:
        entity_id: Its entity.
        power: Power when it runs at full. [W]
        minutes: Usual length of a cycle.
        ramp: Time until the power is reached. [s]
        dims: It is turned on at various brightnesses.
    """

    entity_id: str
    power: float
    minutes: float
    ramp: float = 0.0
    dims: bool = False


DEVICES = (
    Device("switch.kettle", 2000.0, 4.0),
    Device("switch.heater", 1450.0, 40.0),
    Device("climate.bedroom", 850.0, 35.0, ramp=3.0),
    Device("switch.pump", 320.0, 12.0),
    Device("cover.terrace", 160.0, 1.5),
    Device("switch.television", 115.0, 90.0, ramp=4.0),
    Device("light.kitchen", 72.0, 45.0),
    Device("light.living", 60.0, 120.0, dims=True),
    Device("switch.holiday_mode", 0.0, 60.0),
    Device("switch.scene", 0.0, 20.0),
)
# A plug is switched, and what is plugged in is off by its own switch.
_WITHOUT_EFFECT = 0.03
# Events that a scene or a person triggers together with the one before, and how far apart they are.
_TOGETHER, _APART = 0.08, (0.2, 25.0)


@dataclass(frozen=True)
class SwitchedHouse:
    """The truth of the simulation.

    Attributes:
        start: First instant.
        power: Total power of each second. [W]
        events: Frame as Home Assistant gives events, with `true_delta`. [W]
    """

    start: pd.Timestamp
    power: np.ndarray
    events: pd.DataFrame


def simulate(start: pd.Timestamp, days: int, cycles_a_day: int, seed: int) -> SwitchedHouse:
    """Simulate `days` days of ten devices, each switched on and off `cycles_a_day` times a day."""
    rng = np.random.default_rng(seed)
    total = _background(days, rng)
    rows: list[dict[str, object]] = []
    last = DAY_SECONDS * days - 1
    for device in DEVICES:
        for day in range(days):
            begins = day * DAY_SECONDS + np.sort(rng.uniform(5.5 * 3600, 23.2 * 3600, cycles_a_day))
            for k, begin in enumerate(begins.tolist()):
                if rows and rng.random() < _TOGETHER:
                    other = rows[rng.integers(len(rows))]
                    if int(str(other["second"]).split(".")[0]) // DAY_SECONDS == day:
                        begin = float(str(other["second"])) + rng.uniform(*_APART)
                room = (begins[k + 1] if k + 1 < len(begins) else (day + 1) * DAY_SECONDS) - begin
                length = min(device.minutes * 60 * rng.lognormal(0, 0.4), 0.9 * max(room, 30.0))
                end = min(begin + length, last - 30.0)
                rows += _cycle(device, begin, end, total, rng)
    events = pd.DataFrame(rows).sort_values(["second", "entity_id"], kind="stable").reset_index(drop=True)
    events["time"] = start + pd.to_timedelta((events["second"].astype(float) * 1e6).round().astype("int64"), unit="us")
    noise = rng.normal(0, 1.0, len(total)) + 0.004 * total * rng.normal(0, 1, len(total))
    return SwitchedHouse(start, np.round(np.maximum(total + noise, 0.0), 1), events)


def seen(house: SwitchedHouse, every: int, seed: int) -> pd.DataFrame:
    """Give the power as a meter reports it: means of `every` seconds, up to 8 s late, another delay each hour."""
    rng = np.random.default_rng(seed)
    count = len(house.power) // every
    means = house.power[: count * every].reshape(count, every).mean(axis=1)
    ends = (np.arange(count) + 1) * float(every)
    hours = int(ends[-1] // 3600) + 1
    late = rng.uniform(0.0, 8.0, hours)[(ends // 3600).astype(int).clip(0, hours - 1)]
    stamps = np.maximum.accumulate(ends + late + rng.uniform(0, 0.05, count))
    stamps = stamps + np.arange(count) * 1e-6
    times = house.start + pd.to_timedelta((stamps * 1e6).round().astype("int64"), unit="us")
    frame = pd.DataFrame({"time": times, "power_w": np.round(means, 1)})
    return frame.drop_duplicates("time", keep="last", ignore_index=True)


def _cycle(
    device: Device, begin: float, end: float, total: np.ndarray, rng: np.random.Generator
) -> list[dict[str, object]]:
    """Add one cycle of a device to the power, and give its two events."""
    power = device.power * rng.normal(1.0, 0.025)
    share = float(rng.choice([0.35, 0.6, 1.0])) if device.dims else 1.0
    if rng.random() < _WITHOUT_EFFECT:
        power = 0.0
    drawn = power * share
    first, last = int(np.ceil(begin)), int(np.floor(end))
    if drawn:
        curve = np.full(max(last - first, 0), drawn)
        if device.ramp:
            curve *= 1 - np.exp(-(np.arange(len(curve)) + 0.5) / device.ramp)
        total[first:last] += curve
        total[first - 1] += drawn * (first - begin) * (0.0 if device.ramp else 1.0)
        total[last] += drawn * (end - last)
    domain = device.entity_id.split(".")[0]
    on, off = {"cover": ("opening", "open"), "climate": ("heat", "heat")}.get(domain, ("on", "off"))
    up: dict[str, object] = {}
    down: dict[str, object] = {}
    if domain == "climate":
        up = {"hvac_action": "heating", "previous_hvac_action": "idle"}
        down = {"hvac_action": "idle", "previous_hvac_action": "heating"}
    elif device.dims:
        up, down = {"brightness": round(share * 255)}, {"previous_brightness": round(share * 255)}
    common = {"entity_id": device.entity_id, "domain": domain}
    return [
        {**common, "second": begin, "state": on, "previous_state": off, "attributes": up, "true_delta": drawn},
        {**common, "second": end, "state": off, "previous_state": on, "attributes": down, "true_delta": -drawn},
    ]


def _background(days: int, rng: np.random.Generator) -> np.ndarray:
    """Give what nobody switches through Home Assistant: standby, fridge and freezer, oven, washing, lights, [W]."""
    seconds = days * DAY_SECONDS
    hours = np.arange(seconds // 60 + 2)
    slow = 180 + 60 * np.sin(2 * np.pi * (hours / 60 - 14) / 24) + 0.4 * np.cumsum(rng.normal(0, 1, len(hours))) * 0.5
    total = np.interp(np.arange(seconds) / 60, hours, np.maximum(slow, 60.0))
    for power, runs, rests in ((95.0, 900, 1700), (70.0, 1200, 2600)):
        at = rng.uniform(0, rests)
        while at < seconds:
            length = runs * rng.normal(1, 0.12)
            _block(total, at, at + length, power * rng.normal(1, 0.02))
            _block(total, at, at + 1.5, 6 * power)
            at += length + rests * rng.normal(1, 0.15)
    for day in range(days):
        opening = day * DAY_SECONDS
        for _ in range(rng.poisson(1.0)):
            at, until = opening + rng.uniform(11, 19) * 3600, 0.0
            until = at + rng.uniform(25, 60) * 60
            while at < until:
                on = rng.uniform(25, 60)
                _block(total, at, at + on, 2100.0)
                at += on + rng.uniform(40, 120)
        for _ in range(rng.poisson(0.9)):
            at = opening + rng.uniform(8, 20) * 3600
            _block(total, at + 180, at + 180 + rng.uniform(700, 1200), 1950.0)
            spin = at
            while spin < at + 4500:
                on = rng.uniform(8, 16)
                _block(total, spin, spin + on, rng.uniform(120, 260))
                spin += on + rng.uniform(4, 12)
        for _ in range(rng.poisson(45)):
            at = opening + rng.uniform(6, 23.5) * 3600
            _block(total, at, at + rng.exponential(1500), float(rng.choice([9, 15, 40, 75, 120, 350, 900, 1800])))
    return total


def _block(total: np.ndarray, begin: float, end: float, power: float) -> None:
    """Add `power` from `begin` to `end`, to the fraction of a second, [s], [W]."""
    first, last = int(begin), min(int(end), len(total) - 1)
    if last <= first or last >= len(total):
        if first < len(total):
            total[min(first, len(total) - 1)] += power * max(min(end, len(total)) - begin, 0)
        return
    total[first] += power * (first + 1 - begin)
    total[first + 1 : last] += power
    total[last] += power * (end - last)
