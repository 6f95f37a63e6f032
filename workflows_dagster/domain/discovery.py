"""Recognises series that look like registers of meters, and how often they are read."""

from __future__ import annotations

import re

import pandas as pd

from workflows_dagster.domain import units
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.register import clean

# Fields that may hold a register, most likely first; Home Assistant also writes min, max, step, …
FIELDS = ("value", "state", "reading", "total", "counter")

_REGISTER_WORDS = (
    *("energy", "energie", "consumption", "verbrauch", "meter", "register"),
    *("zaehler", "zähler", "zahler"),
)
# Searched in this order, since kwh contains wh.
_UNIT_WORDS = (
    *(("kwh", "kWh"), ("mwh", "MWh"), ("wh", "Wh"), ("gj", "GJ")),
    *(("m3", "m³"), ("m³", "m³"), ("gas", "m³"), ("water", "m³"), ("wasser", "m³"), ("liter", "l")),
)
_DEFAULT_MEASUREMENT = re.compile(r"[a-z_]{4,}")
# Largest share of glitches or falls among the readings; and a meter is replaced at most once a year.
_BAD_SHARE, _FALLS_A_YEAR = 0.02, 1.0
# Smallest steps that registers show. [unit]
_COARSE, _FINE = 1.0, 0.001
_YEAR = pd.Timedelta(days=365.25)
# A renamed entity sends again within a month, and meanwhile uses at most so many times the usual.
_LONGEST_RENAMING, _FASTER, _FEW = pd.Timedelta(days=31), 5.0, 3
_BY_HAND = pd.Timedelta(days=3)


def unit_of(measurement: str) -> str | None:
    """Give the canonical unit that a measurement is named after, or None."""
    try:
        return units.canonical(measurement)
    except units.UnitError:
        return None


def likely_unit(measurement: str, entity_id: str) -> str:
    """Guess the canonical unit of a register from its names, if its measurement is not a unit."""
    said = f"{entity_id} {measurement}".casefold()
    return next((unit for word, unit in _UNIT_WORDS if word in said), "kWh")


def is_called_register(measurement: str, entity_id: str) -> bool:
    """Tell whether the names of a series without a unit suggest a register."""
    said = f"{entity_id} {measurement}".casefold()
    return any(word in said for word in (*_REGISTER_WORDS, *(word for word, _ in _UNIT_WORDS)))


def may_be_register(measurement: str, entity_id: str, field: str) -> bool:
    """Tell by its names whether a series may be a register; no minimum or price is one.

    Home Assistant writes an entity without a unit into a measurement of the entity's whole id, or into the one named by
    its option `default_measurement`, which is not a unit.

    Args:
        measurement: InfluxDB measurement, usually the unit.
        entity_id: The entity, without its domain.
        field: Field that holds the numbers.
    """
    if field not in FIELDS:
        return False
    if unit_of(measurement) is not None or measurement.partition(".")[2] == entity_id:
        return True
    named = measurement.casefold()
    return any(word in named for word in _REGISTER_WORDS) or (
        _DEFAULT_MEASUREMENT.fullmatch(measurement) is not None and is_called_register(measurement, entity_id)
    )


def counts_up(readings: pd.Series, unit: str) -> bool:
    """Tell whether readings are those of a register: they rise, except for a few glitches and a replacement.

    A counter that restarts each day or month falls too often. A register that stands still counts up, and so does a
    single reading.

    Args:
        readings: Values by UTC instant, increasing, shape (n,). [unit]
        unit: Canonical unit.
    """
    steps = len(readings) - 1
    if steps < 1:
        return len(readings) == 1
    counter = Counter("", unit, _COARSE if unit in ("Wh", "l", "HKV") else _FINE)
    most_bad = min(steps - 1, max(1.0, _BAD_SHARE * steps))
    if int((readings.diff() < -counter.jitter).sum()) > most_bad:
        # Cleaning would give the same result, more slowly.
        return False
    register = clean(readings, counter)
    falls = int(register.falls.sum())
    bad = falls + len(readings) - len(register)
    years = (readings.index[-1] - readings.index[0]) / _YEAR
    return bad <= most_bad and falls <= 1 + _FALLS_A_YEAR * years


def usual_gap(readings: pd.Series) -> pd.Timedelta | None:
    """Give the median time between consecutive readings, by UTC instant, increasing; None for fewer than two."""
    if len(readings) < 2:
        return None
    return pd.Timedelta(readings.index.to_series().diff().median())


def reading_interval(gap: pd.Timedelta | None) -> int | None:
    """Give the days between readings of a meter that a person reads; None where it seems to report by itself. [d]"""  # noqa: D415
    return None if gap is None or gap < _BY_HAND else round(gap / pd.Timedelta(days=1))


def goes_on(old: pd.Series, new: pd.Series) -> bool:
    """Tell whether a series goes on with the register where another ended, as after a renaming.

    Args:
        old: The last readings of one, by UTC instant, increasing, shape (n,). [unit]
        new: The first readings of the other, likewise. [unit]
    """
    if len(old) < _FEW or new.empty:
        return False
    gap, advance = new.index[0] - old.index[-1], float(new.iloc[0] - old.iloc[-1])
    if not pd.Timedelta(0) < gap <= _LONGEST_RENAMING or advance < 0:
        return False
    steps, length = old.diff().dropna(), old.index[-1] - old.index[0]
    usual = float(old.iloc[-1] - old.iloc[0]) * (gap / length)
    return bool((steps >= 0).all()) and advance <= _FASTER * (max(usual, 0.0) + float(steps.max()))
