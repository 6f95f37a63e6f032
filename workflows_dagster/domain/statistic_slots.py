"""Days as running sums in whole UTC hours, as statistics by the hour want them."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Sums are rounded to so many digits: they are compared after a journey through another program's database.
DECIMALS = 6
_EQUAL = 1e-9


def spread_days(amounts: np.ndarray, pieces: np.ndarray, hours: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Spread each day's amount over its pieces, so that they add up to the day.

    The day decides. Pieces that add up to it stay; others are scaled to it; where they cannot be (the day has an amount
    and they have none, or they have another sign), the day is spread evenly.

    Args:
        amounts: Amount of each day, NaN for a day without a value, which counts as 0. [unit], shape (n,)
        pieces: How the amount is distributed within the days, NaN where that is not known. [unit], shape (m,)
        hours: Length of each piece. [h], shape (m,)
        day: Position of the day that each piece is in, increasing, shape (m,), `int64`.

    Returns:
        Amount of each piece. [unit], shape (m,)
    """
    wanted = np.nan_to_num(amounts)
    given = np.nan_to_num(pieces)

    def total(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(day, weights=values, minlength=len(wanted)))

    sums, lengths = total(given), total(hours)
    fits = np.abs(sums - wanted) <= _EQUAL * np.maximum(1.0, np.abs(wanted))
    # Scaling pieces of both signs could blow them up.
    one_sign = np.isclose(np.abs(sums), total(np.abs(given)), rtol=_EQUAL, atol=0.0)
    scales = one_sign & (sums * wanted > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(fits, 1.0, wanted / sums)
    evenly = wanted[day] * hours / lengths[day]
    scaled = given * np.where(fits | scales, factor, 0.0)[day]
    return np.asarray(np.where((fits | scales)[day], scaled, evenly))


def running_sums(
    starts: pd.DatetimeIndex, pieces: np.ndarray, day: np.ndarray, amounts: np.ndarray, before: float = 0.0
) -> pd.Series:
    """Add pieces up in the whole UTC hours that hold them.

    At the end of each day the sum is that of the days alone, so that no rounding within a day is carried on. An hour in
    which a day opens takes the last piece of the day before as well.

    Args:
        starts: Instants at which the pieces open, UTC, increasing, shape (m,).
        pieces: Amount of each, shape (m,).
        day: Position of the day that each piece is in, increasing, shape (m,), `int64`.
        amounts: Amount of each day; NaN counts as 0, shape (n,).
        before: Sum of all days before.

    Returns:
        Sum at the end of each hour by the hour's start, `float64`, rounded to `DECIMALS`; every hour once.
    """
    by_day = np.cumsum(np.concatenate([[before], np.nan_to_num(amounts)]))
    within = pd.Series(pieces).groupby(day).cumsum().to_numpy()
    sums = by_day[day] + within
    is_last = np.append(day[1:] != day[:-1], True) if len(day) else np.zeros(0, dtype=bool)
    sums[is_last] = by_day[day[is_last] + 1]
    by_hour = pd.Series(np.round(sums, DECIMALS) + 0.0, index=starts.floor("h"))
    last: pd.Series = by_hour.groupby(level=0).last()
    return last


def first_difference(held: pd.Series, wanted: pd.Series) -> pd.Timestamp | None:
    """Give the first hour of `wanted` that is not held, or is held with another sum; None if there is none.

    Args:
        held: Sums by hour as another program has them.
        wanted: Sums by hour as they should be.
    """
    different = wanted.ne(held.reindex(wanted.index)).to_numpy()
    return pd.Timestamp(wanted.index[int(different.argmax())]) if different.any() else None
