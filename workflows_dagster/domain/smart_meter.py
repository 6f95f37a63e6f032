"""Five minutes of power: mean, peak, energy since midnight, and how much of the time is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import microsecond, microseconds

FIVE_MINUTES = pd.Timedelta(minutes=5)
# The share of the house that no circuit claims.
OTHER = "other"
_MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True)
class PowerCurve:
    """Power that holds from each change until the next one.

    Attributes:
        times: Instants of the changes, µs since 1970, strictly increasing, shape (n,).
        power: Power from then on, NaN while it is unknown. [W], shape (n,)
        until: Instant up to which it is known what was sent, µs since 1970.
    """

    times: np.ndarray
    power: np.ndarray
    until: int

    @classmethod
    def of(cls, power: pd.DataFrame, until: pd.Timestamp) -> PowerCurve:
        """Make the curve of one entity.

        Args:
            power: Columns `time` (UTC) and `power_w`, NaN where the entity became unavailable, in any order of rows. Of
                two values at one instant the larger counts, and a value before none.
            until: Instant up to which the stream was read, UTC.
        """
        times = microseconds(pd.DatetimeIndex(power["time"]))
        values = power["power_w"].to_numpy(dtype=float)
        order = np.lexsort((np.where(np.isnan(values), -np.inf, values), times))
        times, values = times[order], values[order]
        last = np.append(np.diff(times) > 0, True)[: len(times)]
        return cls(times[last], values[last], microsecond(until))

    def between(self, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give energy, known time and peak of each interval.

        Args:
            start: Instants at which the intervals begin, µs since 1970, shape (k,).
            end: Instants at which they end, µs since 1970, shape (k,).

        Returns:
            Energy [W·µs], known time [µs], highest power, NaN where none is known [W]; shape (k,) each.
        """
        energy, known, peak = np.zeros(len(start)), np.zeros(len(start)), np.full(len(start), np.nan)
        ends = np.append(self.times[1:], np.iinfo(np.int64).max) if len(self.times) else self.times
        for k, (a, b) in enumerate(zip(start.tolist(), np.minimum(end, self.until).tolist(), strict=True)):
            first = max(int(np.searchsorted(self.times, a, side="right")) - 1, 0)
            last = int(np.searchsorted(self.times, b, side="left"))
            power = self.power[first:last]
            length = np.minimum(ends[first:last], b) - np.maximum(self.times[first:last], a)
            held = np.isfinite(power) & (length > 0)
            if held.any():
                energy[k] = float(np.sum(power[held] * length[held]))
                known[k] = float(np.sum(length[held]))
                peak[k] = float(power[held].max())
        return energy, known, peak


def five_minutes(start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    """Give the ends of the whole five minutes in `[start, end]`, UTC."""
    return pd.date_range(start.ceil(FIVE_MINUTES) + FIVE_MINUTES, end.floor(FIVE_MINUTES), freq=FIVE_MINUTES)


def house_power(
    curve: PowerCurve, ends: pd.DatetimeIndex, midnights: pd.DatetimeIndex, register: pd.Series | None = None
) -> pd.DataFrame:
    """Give the house's five minutes.

    Args:
        curve: Power of the whole house, from the last change before the first midnight on.
        ends: Ends of the five minutes, UTC, shape (n,).
        midnights: Instant at which the civil day of each opens, UTC, shape (n,). Days may have 23 or 25 hours.
        register: Readings of the house's own register by instant. [kWh]; None where there is none.

    Returns:
        Index `ends`; `total_power_w` (mean over the known time, NaN if nothing is known) and `peak_power_w` [W],
        `daily_kwh` since midnight (the register's advance where it has readings since midnight, else the integral over
        the known time, NaN if nothing is known) [kWh], `known_share` of the five minutes [1].
    """
    stops = microseconds(ends)
    length = int(FIVE_MINUTES // pd.Timedelta(microseconds=1))
    energy, known, peak = curve.between(stops - length, stops)
    since, since_known, _ = curve.between(microseconds(midnights), stops)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known > 0, energy / known, np.nan)
    daily = np.where(since_known > 0, since / _MICROSECONDS_PER_HOUR / 1000, np.nan)
    if register is not None:
        advance = _advances(register, midnights, ends)
        daily = np.where(np.isfinite(advance), advance, daily)
    return pd.DataFrame(
        {"total_power_w": mean, "peak_power_w": peak, "daily_kwh": daily, "known_share": known / length}, index=ends
    )


def circuit_power(house: pd.Series, circuits: Mapping[str, PowerCurve], ends: pd.DatetimeIndex) -> pd.DataFrame:
    """Give each circuit's mean power in the five minutes, and the rest as the circuit `other`.

    Args:
        house: `total_power_w` of the house, by the ends of the five minutes. [W]
        circuits: Power of each circuit by its name; none is a sum of others.
        ends: Ends of the five minutes, UTC, shape (n,).

    Returns:
        Columns `time`, `circuit_name`, `power_w` and `percentage` of the house, in order of time and name; only known
        ones. `other` is signed, and known only if the house and all circuits are.
    """
    stops = microseconds(ends)
    total = house.reindex(ends).to_numpy(dtype=float)
    length = int(FIVE_MINUTES // pd.Timedelta(microseconds=1))
    means: dict[str, np.ndarray] = {}
    for name, curve in circuits.items():
        energy, known, _ = curve.between(stops - length, stops)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[name] = np.where(known > 0, energy / known, np.nan)
    if means:
        means[OTHER] = total - np.sum([means[name] for name in sorted(means)], axis=0)
    frames = []
    for name, power in means.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(total > 0, 100 * power / total, np.nan)
        frames.append(pd.DataFrame({"time": ends, "circuit_name": name, "power_w": power, "percentage": share}))
    if not frames:
        return pd.DataFrame(columns=["time", "circuit_name", "power_w", "percentage"])
    table = pd.concat(frames)
    table = table[table["power_w"].notna()]
    return table.sort_values(["time", "circuit_name"], ignore_index=True)


def _advances(register: pd.Series, midnights: pd.DatetimeIndex, ends: pd.DatetimeIndex) -> np.ndarray:
    """Give the register's advance since midnight, NaN without a reading since, or where it fell. [kWh], shape (n,)."""
    times, values = microseconds(pd.DatetimeIndex(register.index)), register.to_numpy(dtype=float)
    opening = np.searchsorted(times, microseconds(midnights), side="right") - 1
    closing = np.searchsorted(times, microseconds(ends), side="right") - 1
    usable = (opening >= 0) & (closing > opening)
    advance = np.full(len(ends), np.nan)
    advance[usable] = values[closing[usable]] - values[opening[usable]]
    advance[advance < 0] = np.nan
    return advance
