"""Following `meters advise` for a year against reading in turn: how narrow the year's bands become, by simulation."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.sums import HouseSums
from workflows_dagster.records.days import write_days
from workflows_dagster.records.profiles import keep_profile
from workflows_dagster.services.advice import advise
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries, Store

_ZONE = "Europe/Berlin"
# Three years are read every month, so that the meters are known; then comes the year that is judged.
_FIRST, _YEAR, _AFTER = "2021-01-01", date(2024, 1, 1), date(2025, 1, 1)
_SEEDS = tuple(range(1, 9))


@dataclass(frozen=True)
class Kind:
    """A meter of the house: what it uses a day, how much the season moves it, and how irregular its weeks are."""

    name: str
    unit: str
    mean: float
    season: float
    scatter: float


UNLIKE = (
    Kind("gas", "m³", 6.0, 0.8, 0.25),
    Kind("strom", "kWh", 9.0, 0.1, 0.15),
    Kind("wasser", "m³", 0.3, 0.0, 0.12),
    Kind("garten", "m³", 0.2, -0.7, 0.9),
    Kind("werkstatt", "kWh", 2.0, 0.0, 0.8),
)
ALIKE = tuple(Kind(f"zaehler_{k}", "kWh", 5.0, 0.3, 0.3) for k in range(5))
HOUSES = {"five unlike meters": UNLIKE, "five alike meters": ALIKE}

Choose = Callable[[Settings, Store, pd.Timestamp, int], str]


def true_registers(kinds: tuple[Kind, ...], seed: int) -> dict[str, pd.Series]:
    """Simulate the meters: a season, and weeks that go together."""
    days = pd.date_range(_FIRST, _AFTER, freq="D", tz=_ZONE)
    rng = np.random.default_rng(seed)
    registers = {}
    for kind in kinds:
        season = 1 + kind.season * np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 15) / 365.25)
        noise, state = np.empty(len(days)), 0.0
        for k, push in enumerate(rng.normal(0, 1, len(days))):
            state = 0.85 * state + push
            noise[k] = state
        use = kind.mean * season * np.exp(kind.scatter * noise / 2)
        registers[kind.name] = pd.Series(100 + np.concatenate([[0.0], np.cumsum(use[:-1])]), days)
    return registers


def in_turn(settings: Settings, store: Store, now: pd.Timestamp, step: int) -> str:
    """Choose one meter after the other."""
    names = [meter.meter_id for meter in settings.meters]
    return names[step % len(names)]


def by_advice(settings: Settings, store: Store, now: pd.Timestamp, step: int) -> str:
    """Choose what the advice names first."""
    found = advise(settings, store, now)
    return found[0].meter_id if found else in_turn(settings, store, now, step)


def widths(kinds: tuple[Kind, ...], seed: int, every: int, choose: Choose) -> tuple[float, float]:
    """Read one meter every so many days for a year, and give the widths of its bands.

    Returns:
        Mean full width of a month's band over the mean month, and mean half width of the year to date over a usual
        year, each over all meters. [%]
    """
    with tempfile.TemporaryDirectory() as name:
        settings = _house(Path(name), kinds)
        registers = true_registers(kinds, seed)
        store = EmbeddedStore(Path(name) / "advice.sqlite")
        for kind in kinds:
            shown = registers[kind.name]
            before = shown[shown.index < pd.Timestamp(_YEAR, tz=_ZONE)].iloc[::30]
            _write(store, kind, before)
        now_all = pd.date_range(_YEAR, _AFTER, freq=f"{every}D", tz=_ZONE) + pd.Timedelta(hours=18)
        running = []
        _fit(settings, store, now_all[0])
        for step, now in enumerate(now_all):
            instant = now.tz_convert("UTC").as_unit("us")
            chosen = choose(settings, store, instant, step)
            kind = next(one for one in kinds if one.name == chosen)
            shown = registers[chosen]
            position = (now.tz_convert("UTC") - shown.index[0].tz_convert("UTC")) / pd.Timedelta(days=1)
            value = float(np.interp(position, np.arange(len(shown)), shown.to_numpy()))
            _write(store, kind, pd.Series([round(value, 3)], pd.DatetimeIndex([instant])))
            if step % 4 == 3:
                running += [one.half_width / one.usual_year for one in advise(settings, store, instant)]
        for kind in kinds:
            _write(store, kind, registers[kind.name].iloc[[-1]])
        return _months(settings, store, kinds), 100 * float(np.mean(running))


def _months(settings: Settings, store: Store, kinds: tuple[Kind, ...]) -> float:
    asked = DayRange(_YEAR, date(2024, 12, 31))
    evaluation = Evaluation(settings, store, hold=True)
    for kind in kinds:
        frame = evaluation.days(kind.name, asked).days
        write_days(store, kind.name, kind.unit, *asked.bounds(settings.site.zone), frame)
    sums = HouseSums(settings, store)
    shares = []
    for kind in kinds:
        months = sums.months(kind.name, asked)
        width = (months["upper"] - months["lower"]).fillna(0.0)
        shares.append(float(width.mean() / months["consumption"].mean()))
    return 100 * float(np.mean(shares))


def _house(folder: Path, kinds: tuple[Kind, ...]) -> Settings:
    lines = "\n".join(
        f"  - {{meter_id: {k.name}, type: physical, output_unit: {k.unit}, installation_date: 2021-01-01, "
        f"reading_interval_days: 30, pattern: {_pattern(k)}}}"
        for k in kinds
    )
    (folder / "meters.yaml").write_text(f"meters:\n{lines}\n", encoding="utf-8")
    (folder / "config.yaml").write_text(f"timezone: {_ZONE}\nworkflows: {{analytics: {{start_year: 2021}}}}\n")
    table = {
        "winter": [14, 13, 11, 8, 5, 3, 2, 3, 5, 9, 12, 15],
        "summer": [2, 3, 5, 9, 12, 15, 14, 13, 11, 8, 5, 3],
        "even": [8.5, 7.7, 8.5, 8.2, 8.5, 8.2, 8.5, 8.5, 8.2, 8.5, 8.2, 8.5],
    }
    patterns = "\n".join(f"  {name}: {{monthly_percentages: {values}}}" for name, values in table.items())
    (folder / "seasonal_patterns.yaml").write_text(f"patterns:\n{patterns}\n")
    return load(folder, {"METERS_DATA_DIR": str(folder / "data")})


def _pattern(kind: Kind) -> str:
    return "winter" if kind.season > 0.5 else "summer" if kind.season < -0.5 else "even"


def _fit(settings: Settings, store: Store, at: pd.Timestamp) -> None:
    meters = Evaluation(settings, store).of_physical
    for meter in settings.meters.physical:
        profile, spread = meters.fitted(meter)
        keep_profile(store, meter.meter_id, meter.output_unit, profile, at.tz_convert("UTC").as_unit("us"), spread)


def _write(store: Store, kind: Kind, shown: pd.Series) -> None:
    index = pd.DatetimeIndex(shown.index).tz_convert("UTC").as_unit("us")
    store.write_readings(RawSeries(kind.unit, kind.name), pd.Series(shown.round(3).to_numpy(), index))


def main() -> None:
    """Print a table."""
    heads = f"{'month, in turn':>15} {'advised':>8} {'year, in turn':>14} {'advised':>8}"
    print(f"{'house':20} {'one reading every':>18} {heads}")
    for house, kinds in HOUSES.items():
        for every in (7, 14):
            found = np.array([[widths(kinds, seed, every, way) for way in (in_turn, by_advice)] for seed in _SEEDS])
            (month_turn, year_turn), (month_advised, year_advised) = found.mean(axis=0)
            print(
                f"{house:20} {f'{every} days':>18} {month_turn:14.1f}% {month_advised:7.1f}% "
                f"{year_turn:13.2f}% {year_advised:7.2f}%",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
