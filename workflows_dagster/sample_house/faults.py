"""The deliberate faults of the sample house, always at the same instants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

FaultKind = Literal["zero", "high_glitch", "silence", "missing_hours", "rollover", "late_reading"]


@dataclass(frozen=True)
class Fault:
    """One fault in a meter's raw readings.

    Attributes:
        kind: `zero`: Home Assistant sends a single 0.0 at `start`, and the true reading at `end`. `high_glitch`: the
            same with ten times the register. `silence` and `missing_hours`: no reading in `[start, end)` though the
            register moves. `rollover`: the register passes its last digit between `start` and `end`, which lie as far
            apart as readings by hand may make it necessary. `late_reading`:
            the meter is read at `start` and at `end`, and not in between.
        meter_id: The meter.
        start: UTC.
        end: UTC.
    """

    kind: FaultKind
    meter_id: str
    start: pd.Timestamp
    end: pd.Timestamp


def _fault(kind: FaultKind, meter_id: str, start: str, end: str) -> Fault:
    return Fault(kind, meter_id, pd.Timestamp(start, tz="UTC").as_unit("us"), pd.Timestamp(end, tz="UTC").as_unit("us"))


HOME_ASSISTANT_ZERO = _fault("zero", "eg_strom", "2024-02-14 03:17:22", "2024-02-14 03:18:22")
HIGH_GLITCH = _fault("high_glitch", "gastherme_gesamt", "2024-06-05 14:41:09", "2024-06-05 14:42:09")
SILENT_WEEK = _fault("silence", "og1_heat", "2025-01-13 08:30:00", "2025-01-20 08:30:00")
MISSING_HOURS = _fault("missing_hours", "haupt_strom", "2025-03-08 12:00:00", "2025-03-08 16:00:00")
REGISTER_ROLLOVER = _fault("rollover", "og2_wasser_kalt", "2024-07-20 17:30:00", "2024-10-12 17:30:00")
LATE_READING = _fault("late_reading", "og2_wasser_warm", "2025-04-03 16:20:00", "2025-07-02 16:50:00")

FAULTS: tuple[Fault, ...] = (
    HOME_ASSISTANT_ZERO,
    HIGH_GLITCH,
    SILENT_WEEK,
    MISSING_HOURS,
    REGISTER_ROLLOVER,
    LATE_READING,
)


def faults_of(meter_id: str, kind: FaultKind) -> tuple[Fault, ...]:
    """Give a meter's faults of one kind."""
    return tuple(fault for fault in FAULTS if fault.meter_id == meter_id and fault.kind == kind)
