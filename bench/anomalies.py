"""Which unusual days are found at two false alarms per 100 days, on real series with injected events.

python -m bench.anomalies [FOLDER …] [--events N]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from bench.accuracy.households import Household, UnreadableSeriesError, find_households
from bench.accuracy.methods import cleaned, register_of
from bench.accuracy.trials import true_days
from workflows_dagster.domain import days
from workflows_dagster.domain.anomalies import AnomalyRule, Scale, judge_days
from workflows_dagster.domain.deviations import LOOKBACK_DAYS
from workflows_dagster.domain.season import fit_profile, weight_of

FALSE_ALARMS = 0.02
EVENTS = 300
# What the best that was known scored on such series, spike, zero, fortnight and half week in sum. [%]
KNOWN_BEST = {"spike": 81, "zero": 82, "fortnight": 28, "half week": 33}
_SHARED = Path(__file__).parents[2] / "shared" / "data"
_VARIABLE = "METERS_BENCH_DATA"
_ZONE = ZoneInfo("Europe/London")
# Days before the first that counts, and before an event: every method knows what it wants to know.
_BEFORE = 2 * LOOKBACK_DAYS
_AFTER = 28
_SCORES = np.geomspace(0.5, 60, 240)


@dataclass(frozen=True)
class Kind:
    """A kind of event: every day of it is multiplied.

    Attributes:
        name: How the table calls it.
        days: How long it lasts.
        factor: By how much. [1]
    """

    name: str
    days: int
    factor: float


KINDS = (Kind("spike", 1, 3.0), Kind("zero", 1, 0.0), Kind("fortnight", 14, 1.5), Kind("half week", 7, 0.5))

# Consumption and weight of consecutive days, and a threshold in; which days are flagged out, each from its past alone.
Method = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Series:
    """A real series by civil day, with the meter's seasonal weight."""

    name: str
    consumption: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Found:
    """What a method finds in a series.

    Attributes:
        threshold: Its threshold.
        false_alarms: Flagged days without any event. [1/d]
        recall: Share of events of which at least one day is flagged, by kind. [1]
        afterwards: Days flagged in the four weeks after an event, and not without it. [1/event]
    """

    threshold: float
    false_alarms: float
    recall: Mapping[str, float]
    afterwards: float


def robust(consumption: np.ndarray, weight: np.ndarray, threshold: float) -> np.ndarray:
    """Flag as the system does."""
    civil = pd.Index(pd.date_range("2001-01-01", periods=len(consumption)).date, dtype=object)
    lead = np.full(LOOKBACK_DAYS, np.nan)
    judged = judge_days(
        np.concatenate([lead, consumption]),
        np.concatenate([np.ones(LOOKBACK_DAYS), weight]),
        civil,
        Scale("kWh", 0.001),
        AnomalyRule("robust", threshold),
    )
    return judged["severity"].notna().to_numpy()


def plain(consumption: np.ndarray, _: np.ndarray, threshold: float) -> np.ndarray:
    """Flag more than a multiple of the mean of the seven days before."""
    return consumption > threshold * _before(consumption, 7).mean(axis=1)


def hampel(consumption: np.ndarray, _: np.ndarray, threshold: float) -> np.ndarray:
    """Flag what lies further than so many scaled MAD from the median of the 28 days before."""
    return _far(consumption, _before(consumption, 28), threshold)


def log_weekday(consumption: np.ndarray, _: np.ndarray, threshold: float) -> np.ndarray:
    """Flag what lies further than so many scaled MAD from the median log of the same weekday, eight weeks back."""
    logs = np.log(consumption + 0.05)
    return _far(logs, _before(logs, LOOKBACK_DAYS)[:, ::7], threshold)


def told_once(method: Method) -> Method:
    """Keep the first day of each run of flagged days, as the system does, so that it is no advantage."""

    def first_days(consumption: np.ndarray, weight: np.ndarray, threshold: float) -> np.ndarray:
        flagged = method(consumption, weight, threshold)
        return flagged & ~np.concatenate([[False], flagged[:-1]])

    return first_days


METHODS: Mapping[str, Method] = {
    "robust (ours)": robust,
    "plain rule": plain,
    "plain rule, runs told once": told_once(plain),
    "Hampel, 28 days": hampel,
    "Hampel, runs told once": told_once(hampel),
    "log-weekday MAD": log_weekday,
}


def _before(values: np.ndarray, count: int) -> np.ndarray:
    """Give each day's so many days before, oldest first; NaN before the first. Shape (n, count)."""
    padded = np.concatenate([np.full(count, np.nan), values[:-1]])
    return np.lib.stride_tricks.sliding_window_view(padded, count)


def _far(values: np.ndarray, past: np.ndarray, threshold: float) -> np.ndarray:
    middle = np.median(past, axis=1)
    scale = 1.4826 * np.median(np.abs(past - middle[:, None]), axis=1)
    return np.abs(values - middle) > threshold * np.maximum(scale, 1e-3)


def series_of(household: Household) -> Series:
    """Add up a household's hours to civil days, and fit the meter's profile to them as the system would."""
    by_day = true_days(household)
    weight = weight_of(fit_profile([cleaned(register_of(household.hours))], household.table))
    openings = days.microseconds(pd.DatetimeIndex(by_day.index))
    cuts = np.append(openings, openings[-1] + days.MICROSECONDS_PER_DAY)
    return Series(household.name, by_day.to_numpy(dtype=float), np.diff(weight.integral(cuts)))


def calibrated(method: Method, series: Series) -> float:
    """Give the least threshold from which on there are at most two false alarms per 100 days without events."""
    rates = [_rate(method, series, float(score)) for score in _SCORES]
    above = np.flatnonzero(np.array(rates) > FALSE_ALARMS)
    return float(_SCORES[min(int(above[-1]) + 1, len(_SCORES) - 1)]) if len(above) else float(_SCORES[0])


def _rate(method: Method, series: Series, threshold: float) -> float:
    return float(method(series.consumption, series.weight, threshold)[_BEFORE:].mean())


def find(method: Method, series: Series, threshold: float, events: int) -> Found:
    """Inject events at random days, one at a time, and see which are found."""
    clean = method(series.consumption, series.weight, threshold)
    recall, afterwards = {}, 0
    for number, kind in enumerate(KINDS):
        random = np.random.default_rng([number, kind.days])
        found = 0
        for start in random.integers(_BEFORE, len(clean) - kind.days, events).tolist():
            since, end = start - _BEFORE, start + kind.days
            until = min(end + _AFTER, len(clean))
            changed = series.consumption[since:until].copy()
            changed[start - since : end - since] *= kind.factor
            flagged = method(changed, series.weight[since:until], threshold)
            found += bool(flagged[start - since : end - since].any())
            afterwards += int((flagged[end - since :] & ~clean[end:until]).sum())
        recall[kind.name] = found / events
    return Found(threshold, float(clean[_BEFORE:].mean()), recall, afterwards / (len(KINDS) * events))


def main(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ, shared: Path = _SHARED
) -> int:
    """Print recall by kind of event, method and series.

    Args:
        arguments: Command line; None is this run's own.
        environment: Environment variables.
        shared: Folder that is looked into first.

    Returns:
        0, or 2 where what was given cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.anomalies", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folders of hourly CSV files")
    parser.add_argument("--events", type=int, default=EVENTS, help="events a kind and series (%(default)s)")
    options = parser.parse_args(arguments)
    named = [*([Path(environment[_VARIABLE])] if environment.get(_VARIABLE) else []), *options.folders]
    console = Console(width=120)
    try:
        households = find_households([shared, *named], _ZONE)
    except UnreadableSeriesError as error:
        console.print(f"anomalies: {error}")
        return 2
    found = [series_of(household) for household in households]
    found = [series for series in found if len(series.consumption) >= 2 * _BEFORE]
    if not found:
        console.print(
            "anomalies: no household's hours are here; there is nothing to measure by. "
            f"Put them into ../shared/data, or name their folder in {_VARIABLE}."
        )
        return 0
    results = {
        name: [find(method, series, calibrated(method, series), options.events) for series in found]
        for name, method in METHODS.items()
    }
    shipped = AnomalyRule().score
    results[f"robust as shipped, score {shipped:g}"] = [
        find(robust, series, shipped, options.events) for series in found
    ]
    for number, series in enumerate(found):
        console.print(_table(series.name, {name: result[number] for name, result in results.items()}))
    console.print(_table("mean of all series", {name: _mean(result) for name, result in results.items()}))
    console.print(_verdict(_mean(results["robust (ours)"]), _mean(results["plain rule"])))
    return 0


def _mean(results: Sequence[Found]) -> Found:
    return Found(
        float("nan"),
        float(np.mean([result.false_alarms for result in results])),
        {kind.name: float(np.mean([result.recall[kind.name] for result in results])) for kind in KINDS},
        float(np.mean([result.afterwards for result in results])),
    )


def _table(title: str, results: Mapping[str, Found]) -> Table:
    figures = [*(kind.name for kind in KINDS), "sum", "false/100 d", "after/event", "threshold"]
    table = Table(
        "recall of events [%]", *(Column(name, justify="right") for name in figures), title=title, title_justify="left"
    )
    for name, found in results.items():
        recall = [100 * found.recall[kind.name] for kind in KINDS]
        threshold = "" if np.isnan(found.threshold) else f"{found.threshold:.2f}"
        table.add_row(
            name, *(f"{share:.0f}" for share in recall), f"{sum(recall):.0f}", f"{100 * found.false_alarms:.1f}",
            f"{found.afterwards:.2f}", threshold,
        )  # fmt: skip
    chance = [100 * (1 - (1 - FALSE_ALARMS) ** kind.days) for kind in KINDS]
    table.add_row("by chance alone", *(f"{share:.0f}" for share in chance), f"{sum(chance):.0f}", style="dim")
    return table


def _verdict(ours: Found, plain_rule: Found) -> str:
    behind = [kind.name for kind in KINDS if ours.recall[kind.name] <= plain_rule.recall[kind.name]]
    total, known = 100 * sum(ours.recall.values()), sum(KNOWN_BEST.values())
    return (
        f"Against the plain rule: {'ahead on each kind' if not behind else 'behind on ' + ', '.join(behind)}. "
        f"In sum {total:.0f}; robust STL with log-weekday MAD, which looks ahead, is known to have {known} on such "
        "series (not measured here, and by another draw of events)."
    )


if __name__ == "__main__":
    sys.exit(main())
