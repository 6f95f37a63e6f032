"""How near the days and months between readings come to the truth, on a real household's hours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import Allowance, Life, Rates, allocate, rate_near
from workflows_dagster.domain.register import Counter, clean
from workflows_dagster.domain.season import FLAT, Profile, fit_profile, table_profile, weight_of

ZONE = ZoneInfo("Europe/London")
# Typical of German gas heating with warm water, and of household electricity; as in config/seasonal_patterns.yaml.
GAS_TABLE = (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0)
ELECTRICITY_TABLE = (9.6, 8.6, 8.9, 8.0, 7.8, 7.3, 7.4, 7.5, 7.7, 8.4, 9.0, 9.8)
GAPS = (14, 30, 60, 90, 180, 365)
SCHEDULES = 12


@dataclass(frozen=True)
class Household:
    """A real series and the table of its kind."""

    name: str
    hours: pd.Series
    table: tuple[float, ...]


def households() -> Iterator[Household]:
    """Read the real series from `../shared/data` or the folder that METERS_BENCH_DATA names, where it is there."""
    folder = Path(os.environ.get("METERS_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
    for name, file, table in (
        ("gas", "uk_gas_hourly_kwh.csv.gz", GAS_TABLE),
        ("electricity", "uk_electricity_hourly_kwh.csv.gz", ELECTRICITY_TABLE),
    ):
        path = folder / file
        if path.exists():
            frame = pd.read_csv(path, parse_dates=["start"])
            index = pd.DatetimeIndex(frame["start"]).as_unit("us")
            index = index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")
            yield Household(
                name, pd.Series(frame["value"].to_numpy(float), index=index).fillna(0.0).sort_index(), table
            )


def register_of(hours: pd.Series) -> pd.Series:
    """Give the register that counted the hours: its value when each hour opens, and at the end."""
    index = hours.index.append(hours.index[-1:] + pd.Timedelta(hours=1))
    return pd.Series(np.concatenate([[0.0], np.cumsum(hours.to_numpy())]), index=index)


def schedule(register: pd.Series, gap: int, seed: int) -> pd.Series:
    """Look at the register every `gap` days, give or take a fifth, and at both ends."""
    random = np.random.default_rng([gap, seed])
    picks, at = [0], random.uniform(0.1, 1.0) * gap * 24
    while at < len(register) - 1:
        picks.append(int(at))
        at += gap * 24 * random.uniform(0.8, 1.2)
    return register.iloc[sorted({*picks, len(register) - 1})]


def daily(readings: pd.Series, profile: Profile, span: pd.Series) -> pd.Series:
    """Allocate readings to the civil days of a span."""
    register = clean(readings, Counter("bench", "kWh", 0.001))
    weight = weight_of(profile)
    first, last = (days.civil_day(moment, ZONE) for moment in (span.index[0], span.index[-1]))
    cuts = days.openings(first + timedelta(days=1), last - timedelta(days=1), ZONE)
    rates = Rates(rate_near(register, "first", weight), rate_near(register, "last", weight))
    return allocate(register, cuts, weight, Allowance(25, 400, 0.001), Life(), rates)["consumption"]


def true_days(hours: pd.Series) -> pd.Series:
    """Add up the hours of each civil day, by the instant at which it opens; whole days only."""
    opening = hours.index.tz_convert(ZONE).normalize().tz_convert("UTC")
    sums = hours.groupby(opening).sum()
    return sums.iloc[1:-1]


def wape(estimate: pd.Series, truth: pd.Series) -> float:
    """Weighted absolute percentage error. [%]"""  # noqa: D415
    estimate = estimate.reindex(truth.index)
    return 100 * float((estimate - truth).abs().sum() / truth.abs().sum())


def monthly(series: pd.Series) -> pd.Series:
    """Add up whole months."""
    local = series.tz_convert(ZONE)
    sums = local.groupby(local.index.strftime("%Y-%m")).agg(["sum", "count"])
    whole = sums["count"].to_numpy() == [pd.Period(month).days_in_month for month in sums.index]
    return sums.loc[whole, "sum"]


def main() -> None:
    """Print monthly and daily errors by gap and method."""
    console = Console(width=140)
    found = list(households())
    if not found:
        console.print("accuracy: no household data is here; put it into ../shared/data or name METERS_BENCH_DATA.")
        return
    for household in found:
        console.print(_table(household))


def _table(household: Household) -> Table:
    register = register_of(household.hours)
    truth = true_days(household.hours)
    table = Table(
        "gap [d]", *(f"{scale} {method}" for scale in ("month", "day") for method in ("straight", "table", "profile")),
        title=f"{household.name}: error against the truth, {SCHEDULES} schedules [%]", title_justify="left",
    )  # fmt: skip
    hourly = wape(daily(register, table_profile(household.table), register), truth)
    for gap in GAPS:
        errors: dict[tuple[str, str], list[float]] = {}
        for seed in range(SCHEDULES):
            readings = schedule(register, gap, seed)
            fitted = fit_profile([clean(readings, Counter("bench", "kWh", 0.001))], household.table)
            profiles = {"straight": FLAT, "table": table_profile(household.table), "profile": fitted}
            for method, profile in profiles.items():
                estimate = daily(readings, profile, register)
                errors.setdefault(("day", method), []).append(wape(estimate, truth))
                errors.setdefault(("month", method), []).append(wape(monthly(estimate), monthly(truth)))
        order = [(scale, method) for scale in ("month", "day") for method in ("straight", "table", "profile")]
        table.add_row(str(gap), *(f"{np.mean(errors[key]):.1f}" for key in order))
    table.caption = f"hourly register: daily error {hourly:.4f} %"
    return table


if __name__ == "__main__":
    main()
