"""Real series by the hour, from folders of CSV files whose names say what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

# Typical of their kinds, near those of config/seasonal_patterns.yaml, but not the owner's to change: January first, %.
TABLES = {
    "gas": (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0),
    "electricity": (9.6, 8.6, 8.9, 8.0, 7.8, 7.3, 7.4, 7.5, 7.7, 8.4, 9.0, 9.8),
    "water": (8.1, 7.5, 8.2, 8.3, 8.8, 9.0, 9.0, 8.7, 8.3, 8.2, 7.9, 8.0),
    "heat": (18.0, 15.3, 13.0, 8.7, 3.8, 1.0, 0.5, 0.5, 2.7, 8.2, 12.3, 16.0),
    "solar": (2.5, 4.5, 8.5, 11.5, 13.3, 13.6, 13.5, 12.2, 9.5, 6.0, 3.0, 1.9),
}
HEATED = ("gas", "heat")
# Shorter series have no month of their own between two readings.
SHORTEST_DAYS = 120


class UnreadableSeriesError(ValueError):
    """A file or folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Household:
    """One meter's real series.

    Attributes:
        name: Its file, without folder and ending.
        kind: A key of `TABLES`.
        hours: Consumption by the instant at which the hour opens. [meter unit], UTC, no hour left out
        zone: Where its days are cut.
        temperatures: Outdoor temperature beside it by instant, UTC, or None. [°C]
        source: Where it comes from, as `SOURCE` in its folder says; empty without.
    """

    name: str
    kind: str
    hours: pd.Series
    zone: ZoneInfo
    temperatures: pd.Series | None = None
    source: str = ""

    @property
    def table(self) -> tuple[float, ...]:
        """The monthly table of its kind, January first. [%], shape (12,)"""  # noqa: D415
        return TABLES[self.kind]


def find_households(folders: Iterable[Path], zone: ZoneInfo) -> list[Household]:
    """Read all series of some folders, each file once, by kind and name.

    Args:
        folders: Folders of `*gas*`, `*electricity*`, `*water*`, `*heat*`, `*solar*` and at most one `*temperature*`,
            each `.csv` or `.csv.gz`, and `SOURCE`, a sentence on where they come from. One that is not there holds
            nothing.
        zone: Where days are cut.

    Raises:
        UnreadableSeriesError: A file of that name has no times, no numbers, or too few of them.
    """
    seen: set[Path] = set()
    households = []
    for folder in folders:
        series = {path: kind for path, kind in _by_kind(folder) if path.resolve() not in seen}
        seen |= {path.resolve() for path in series}
        outdoors = [path for path, kind in series.items() if kind == "temperature"]
        if len(outdoors) > 1:
            raise UnreadableSeriesError(
                f"{outdoors[1].name}: a second temperature beside {outdoors[0].name}. Leave one of them in the folder."
            )
        temperatures = read_series(outdoors[0]) if outdoors else None
        said = folder / "SOURCE"
        source = said.read_text(encoding="utf-8").strip() if said.is_file() else ""
        households += [
            Household(
                path.name.split(".")[0],
                kind,
                _whole_hours(path),
                zone,
                temperatures if kind in HEATED else None,
                source,
            )
            for path, kind in series.items()
            if kind != "temperature"
        ]
    return sorted(households, key=lambda household: (list(TABLES).index(household.kind), household.name))


def read_series(path: Path) -> pd.Series:
    """Read the first column of times and the last column of numbers.

    Returns:
        Values by instant, UTC (a time without an offset is taken as UTC), increasing; the last of two at one instant.
    """
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UnreadableSeriesError(f"{path.name}: {error}. Give a CSV file, plain or gzipped.") from None
    numbers = frame.select_dtypes("number").columns
    texts = [column for column in frame.columns if column not in set(numbers)]
    if not texts or not len(numbers):
        raise UnreadableSeriesError(
            f"{path.name}: columns {', '.join(map(str, frame.columns))}. Give one of times and one of numbers."
        )
    try:
        times = pd.DatetimeIndex(pd.to_datetime(frame[texts[0]], utc=True)).as_unit("us")
    except (ValueError, TypeError):
        raise UnreadableSeriesError(
            f"{path.name}: '{frame[texts[0]].iloc[0]}' in column '{texts[0]}' is no time. Write 2024-01-31 13:00:00."
        ) from None
    series = pd.Series(frame[numbers[-1]].to_numpy(dtype=float), index=times)
    return series[~series.index.duplicated(keep="last") & series.index.notna()].sort_index()


def _by_kind(folder: Path) -> Iterator[tuple[Path, str]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.endswith((".csv", ".csv.gz")):
            for kind in ("temperature", *TABLES):
                if kind in path.name.lower():
                    yield path, kind
                    break


def _whole_hours(path: Path) -> pd.Series:
    """Read consumption; an hour that is not in the file used nothing."""
    series = read_series(path).fillna(0.0)
    hours = series.groupby(series.index.floor("h")).sum()
    if len(hours) == 0 or hours.index[-1] - hours.index[0] < pd.Timedelta(days=SHORTEST_DAYS):
        raise UnreadableSeriesError(f"{path.name}: less than {SHORTEST_DAYS} days. Give a longer series.")
    hours = hours.reindex(pd.date_range(hours.index[0], hours.index[-1], freq="h"), fill_value=0.0)
    if (hours < 0).any() or not np.isfinite(hours).all():
        raise UnreadableSeriesError(
            f"{path.name}: {hours.min():g} at {hours.idxmin()}. Give what was used, hour by hour."
        )
    return hours
