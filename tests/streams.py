"""Five days of Home Assistant's power and events, as the stores keep them."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import closing, opening
from workflows_dagster.records.events import write_events
from workflows_dagster.records.power import write_power
from workflows_dagster.stores.tagged import TaggedStore

BERLIN = ZoneInfo("Europe/Berlin")
# The clocks change on the 28th.
FIRST, LAST = date(2021, 3, 25), date(2021, 3, 29)
START = opening(FIRST, BERLIN)
HOUSE = "sensor.house_power"
WATTS = {"switch.kettle": 1900.0, "light.kitchen": 60.0, "switch.scene": 0.0}


def at(seconds: float) -> pd.Timestamp:
    return START + pd.Timedelta(microseconds=round(seconds * 1e6))


def live(store: TaggedStore) -> None:
    """Five days: each device is on for 6 minutes every two hours, seen every 15 s."""
    rng = np.random.default_rng(5)
    count = int((closing(LAST, BERLIN) - START) / pd.Timedelta(seconds=15))
    power = 200.0 + rng.normal(0, 1.0, count)
    rows = []
    for k, (entity, watts) in enumerate(WATTS.items()):
        for turn in range(count * 15 // 7200 - 1):
            on = turn * 7200 + k * 1500 + float(rng.uniform(0, 600))
            for state, second, sign in (("on", on, 1.0), ("off", on + 360, -1.0)):
                power[int(second // 15) + 1 :] += sign * watts
                power[int(second // 15)] += sign * watts * (1 - second % 15 / 15)
                before = "off" if state == "on" else "on"
                rows.append((at(second), entity, entity.split(".")[0], state, before, None))
    columns = ["time", "entity_id", "domain", "state", "previous_state", "attributes"]
    write_events(store, pd.DataFrame(rows, columns=columns))
    times = [at(15.0 * (k + 1)) for k in range(count)]
    write_power(store, pd.DataFrame({"time": times, "entity_id": HOUSE, "power_w": np.round(power, 1)}))
