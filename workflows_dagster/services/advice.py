"""Advises which meter to read next: whose reading narrows the band of the running year the most."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.bands import Bands, half_width
from workflows_dagster.domain.register import Register
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.valid_readings import is_read_rarely
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import Store


@dataclass(frozen=True)
class Advice:
    """What a reading of one meter now would tell of the running year.

    Attributes:
        meter_id: The meter.
        unit: Its unit.
        last: Its last reading, UTC.
        half_width: Half width of the 80 % band of the year so far. [unit]
        with_reading: The same with a reading now. [unit]
        usual_year: What it uses in a usual year. [unit]
        days: Time since the last reading. [d]
    """

    meter_id: str
    unit: str
    last: pd.Timestamp
    half_width: float
    with_reading: float
    usual_year: float
    days: float

    @property
    def gain(self) -> float:
        """How much narrower the band becomes, over a usual year's use. [1]"""  # noqa: D415
        return (self.half_width - self.with_reading) / self.usual_year

    @property
    def urgency(self) -> float:
        """What to read first by: the gain by how long it has been growing. [d]

        A band grows like the square root of the time, fast at first. To read by the gain alone would read the most
        irregular meter again and again; by this, the mean band of all meters over time is smallest.
        """  # noqa: D415
        return self.gain * self.days


def advise(settings: Settings, store: Store, now: pd.Timestamp) -> list[Advice]:
    """Give advice for all meters that are read by hand, the most urgent first.

    Args:
        settings: The house.
        store: Its readings and profiles.
        now: The present, UTC.

    Raises:
        StoreError: The readings cannot be read.
    """
    evaluation = Evaluation(settings, store, hold=True)
    found = [advice_for(settings, evaluation, meter, now) for meter in settings.meters.physical]
    return sorted((advice for advice in found if advice is not None), key=lambda advice: -advice.urgency)


def advice_for(settings: Settings, evaluation: Evaluation, meter: PhysicalMeter, now: pd.Timestamp) -> Advice | None:
    """Give the advice for one meter; None if it reports by itself, is removed, or has too few readings.

    Raises:
        StoreError: The readings cannot be read.
    """
    physical, zone = evaluation.of_physical, settings.site.zone
    now = now.as_unit("us")
    first = days.opening(date(days.civil_day(now, zone).year, 1, 1), zone)
    start, end = physical.readings.bounds(meter)
    if meter.source.kind != "register" or (start is not None and start > now) or (end is not None and end < now):
        return None
    basis = physical.basis(meter, pd.DatetimeIndex([first, now]))
    if len(basis.register) < 3 or basis.tail is None or not is_read_rarely(meter, basis.register):
        return None
    spread = evaluation.bands.variances.spread(meter)
    if spread.mean <= 0:
        return None
    bands = evaluation.bands.variances.bands(meter, basis, spread)
    span = basis.life.clip(days.microseconds(pd.DatetimeIndex([first, now])))
    read = replace(bands, register=_read_now(bands, int(span[1])), tail=None)
    as_it_is, with_reading = (
        float(half_width(evaluation.bands.variances.of_stretches(meter, one, span[:1], span[1:]))[0])
        for one in (bands, read)
    )
    last = days.instants(basis.register.times[-1:])[0]
    age = (now - last) / pd.Timedelta(days=1)
    return Advice(meter.meter_id, meter.output_unit, last, as_it_is, with_reading, 365 * spread.mean, age)


def _read_now(bands: Bands, at: int) -> Register:
    """Add a reading that shows what is expected."""
    register, tail = bands.register, bands.tail
    assert tail is not None
    passed = np.diff(bands.weight.beyond.integral(np.array([register.times[-1], at], dtype=np.int64)))
    advance = tail.rate * float(passed[0])
    if bands.weight.given is not None:
        used = np.diff(bands.weight.given.integral(np.array([register.times[-1], at], dtype=np.int64)))
        advance += tail.given_share * float(used[0])
    last = float(register.values[-1])
    return replace(
        register,
        times=np.append(register.times, at),
        values=np.append(register.values, last + advance),
        bases=np.append(register.bases, last),
        advances=np.append(register.advances, advance),
        falls=np.append(register.falls, False),
        substituted=np.append(register.substituted, False),
        unknown=None,
    )
