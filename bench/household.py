"""The household of the benchmarks: the sample household's four years, at half a million raw readings."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from workflows_dagster.sample_house import sample_readings
from workflows_dagster.sample_house.registers import is_read_by_hand
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import RawSeries, RawStore

CONFIG = Path(__file__).parents[1] / "config"
# 1461 days, with both replacements; whatever the clock says, so that figures of different days compare.
FIRST, LAST = date(2022, 1, 1), date(2025, 12, 31)
HALF_A_MILLION = 500_000

_TWO_HOURS = pd.Timedelta(hours=2)


def readings_of_house(
    settings: Settings, first: date | None = FIRST, last: date = LAST, *, at_least: int = HALF_A_MILLION
) -> dict[str, pd.Series]:
    """Read every meter of the sample household, twice an hour where once gives too few readings.

    Args:
        settings: The shipped house.
        first: First civil day; None begins with the installation of each meter.
        last: Last civil day.
        at_least: How many readings there must be.

    Returns:
        Readings by meter id. [meter unit], index UTC instants, strictly increasing.

    Raises:
        ValueError: There are too few readings all the same.
    """
    sample = sample_readings(settings.meters, settings.site.zone, last + timedelta(days=1), start=first)
    readings = {meter_id: meter.readings for meter_id, meter in sample.items()}
    for meter in settings.meters.physical:
        if sum(map(len, readings.values())) >= at_least:
            break
        if meter.source.kind == "register" and not is_read_by_hand(meter):
            readings[meter.meter_id] = _with_half_hours(readings[meter.meter_id], meter.resolution)
    count = sum(map(len, readings.values()))
    if count < at_least:
        raise ValueError(f"bench: the house has {count:,} readings, {at_least:,} are needed. Take a longer span.")
    return readings


def _with_half_hours(readings: pd.Series, resolution: float) -> pd.Series:
    """Add a reading between two that are at most two hours apart, but none beside a fall."""
    times, values = readings.index, readings.to_numpy(dtype=float)
    steps = np.diff(values)
    calm = steps >= 0
    calm[1:] &= steps[:-1] >= 0
    between = np.flatnonzero(np.asarray(times[1:] - times[:-1] <= _TWO_HOURS) & calm)
    lower = values[between]
    halfway = lower + np.floor(steps[between] / 2 / resolution) * resolution
    added = pd.Series(halfway, index=times[between] + (times[between + 1] - times[between]) / 2)
    both: pd.Series = pd.concat([readings, added]).sort_index()
    return both


def write_house(settings: Settings, store: RawStore, readings: Mapping[str, pd.Series]) -> int:
    """Write readings where the meters read theirs, and count them."""
    for meter in settings.meters.physical:
        if len(readings[meter.meter_id]):
            store.write_readings(_series_of(meter), readings[meter.meter_id])
    return sum(map(len, readings.values()))


def _series_of(meter: PhysicalMeter) -> RawSeries:
    domain = meter.source.domain or ("input_number" if is_read_by_hand(meter) else "sensor")
    return RawSeries(meter.raw_measurement, meter.raw_entity_id, meter.raw_field, domain)


def copy_config(folder: Path, site: Mapping[str, Mapping[str, Any]]) -> Path:
    """Copy the shipped configuration into a folder, with some sections of config.yaml amended."""
    shutil.copytree(CONFIG, folder)
    path = folder / "config.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, changes in site.items():
        content[section] = {**content.get(section, {}), **changes}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return folder
