"""Prices that depend on the time of day and the weekday: which one holds when, and what a day costs on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class TimePrice:
    """A price for some minutes of some weekdays, local time.

    Attributes:
        weekdays: Monday is 0.
        start: First minute of the day.
        end: Minute after the last; before or at `start` it lies on the next day.
        unit_price: Price with VAT, per the unit of the dated price. [currency/per]
    """

    weekdays: tuple[int, ...]
    start: int
    end: int
    unit_price: float

    def holds(self, weekday: np.ndarray, minute: np.ndarray) -> np.ndarray:
        """Tell at which local times the price holds, shape (n,), `bool`."""
        day, day_before = np.isin(weekday, self.weekdays), np.isin((weekday - 1) % 7, self.weekdays)
        if self.start < self.end:
            return np.asarray(day & (minute >= self.start) & (minute < self.end))
        return np.asarray((day & (minute >= self.start)) | (day_before & (minute < self.end)))

    def overlaps(self, other: TimePrice) -> bool:
        """Tell whether another price holds at one of the same times."""
        minutes = np.arange(7 * MINUTES_A_DAY)
        weekday, minute = minutes // MINUTES_A_DAY, minutes % MINUTES_A_DAY
        return bool((self.holds(weekday, minute) & other.holds(weekday, minute)).any())


def time_cuts(openings: pd.DatetimeIndex, zone: str, times: Sequence[TimePrice]) -> pd.DatetimeIndex:
    """Give the instants within some days at which one of the prices begins or ends.

    Args:
        openings: Instants at which the days open, and at which the last one closes, UTC, increasing, shape (n + 1,).
        zone: IANA name of the time zone.
        times: The prices.

    Returns:
        UTC instants, increasing, between the first opening and the last closing. An instant that a shifted clock
        repeats or skips is left out: hours are cut there anyway.
    """
    days = openings.tz_convert(zone).tz_localize(None).normalize().unique()
    minutes = sorted({minute % MINUTES_A_DAY for time in times for minute in (time.start, time.end)})
    local = pd.DatetimeIndex(np.concatenate([(days + pd.Timedelta(minutes=minute)).to_numpy() for minute in minutes]))
    instants = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dropna().tz_convert("UTC")
    within = instants[(instants >= openings[0]) & (instants <= openings[-1])]
    return pd.DatetimeIndex(within.unique().sort_values().as_unit("us"))


def prices_at(starts: pd.DatetimeIndex, zone: str, otherwise: np.ndarray, times: Sequence[TimePrice]) -> np.ndarray:
    """Give the price at instants: that of the time, else the dated one.

    Args:
        starts: UTC instants, shape (n,).
        zone: IANA name of the time zone.
        otherwise: Dated price at each. [currency/per], shape (n,)
        times: The prices by time, without overlap.

    Returns:
        [currency/per], shape (n,)
    """
    local = starts.tz_convert(zone)
    weekday, minute = np.asarray(local.day_of_week), np.asarray(local.hour * 60 + local.minute)
    price = otherwise.copy()
    for time in times:
        price[time.holds(weekday, minute)] = time.unit_price
    return price


def mean_over_day(
    consumed: np.ndarray, piece: np.ndarray, price: np.ndarray, hours: np.ndarray, day: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give each day's mean price; what was not measured piece by piece counts evenly over the rest of the day.

    A day's mean depends only on its own pieces, to the last bit.

    Args:
        consumed: Consumption of each day. [meter unit], shape (n,)
        piece: Consumption of each piece of a day, NaN where it was not measured. [meter unit], shape (m,)
        price: Price of each piece. [currency/unit], shape (m,)
        hours: Length of each piece. [h], shape (m,)
        day: Position of the day that each piece is in, shape (m,), `int64`.

    Returns:
        Mean price [currency/unit], and the share of the consumption that counts evenly (0..1), each shape (n,).
    """
    count = len(consumed)
    known = ~np.isnan(piece)

    def summed(amounts: np.ndarray, which: np.ndarray) -> np.ndarray:
        return np.bincount(day[which], weights=amounts[which], minlength=count)

    used, paid = summed(np.nan_to_num(piece), known), summed(np.nan_to_num(piece) * price, known)
    rest_hours, rest_prices = summed(hours, ~known), summed(hours * price, ~known)
    all_hours, all_prices = summed(hours, known | True), summed(hours * price, known | True)
    rest = np.where(rest_hours > 0, np.maximum(consumed - used, 0.0), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        evenly = np.where(rest_hours > 0, rest_prices / rest_hours, 0.0)
        amount = used + rest
        mean = np.where(amount > 0, (paid + rest * evenly) / amount, all_prices / all_hours)
        share = np.where(amount > 0, rest / amount, 0.0)
    return mean, share
