"""The mathematics alone: cleaning, allocating and composing all meters' days, with the readings already in memory.

python -m bench.mathematics [--runs N] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from bench.apart import environment_of
from bench.household import FIRST, HALF_A_MILLION, LAST, copy_config, readings_of_house, write_house
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import Measurement, RawSeries

MOST_SECONDS = 1.0
# Far enough for half a million readings at the sample household's own pace.
LAST_OF_LONG = date(2027, 12, 31)


class Remembered:
    """A store that answers from memory what it was asked before, so that only the mathematics takes time."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._readings: dict[Any, pd.Series] = {}
        self._points: dict[Any, pd.DataFrame] = {}

    def readings(self, series: RawSeries, *given: Any, **named: Any) -> pd.Series:
        """Read as the store does."""
        key = (series, given, *sorted(named.items()))
        if key not in self._readings:
            self._readings[key] = self._store.readings(series, *given, **named)
        return self._readings[key]

    def read(self, measurement: Measurement, meter_id: str, *given: Any, **named: Any) -> pd.DataFrame:
        """Read as the store does."""
        key = (measurement.name, meter_id, given, *sorted(named.items()))
        if key not in self._points:
            self._points[key] = self._store.read(measurement, meter_id, *given, **named)
        return self._points[key]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass(frozen=True)
class Case:
    """What is computed.

    Attributes:
        name: How the table calls it.
        readings: Readings by meter.
        first: First civil day.
        last: Last civil day.
    """

    name: str
    readings: Mapping[str, pd.Series]
    first: date
    last: date


def evaluate(settings: Settings, store: Any, first: date, last: date) -> int:
    """Compute the days of every meter, each from what it is made of, and count them."""
    evaluation = Evaluation(settings, store)
    frames: dict[str, pd.DataFrame] = {}
    for meter in settings.meters.in_order():
        if isinstance(meter, PhysicalMeter):
            frames[meter.meter_id] = evaluation.physical(meter, DayRange(first, last)).days
        else:
            frames[meter.meter_id] = evaluation.derived(meter, DayRange(first, last), frames).days
    return sum(map(len, frames.values()))


def fit(settings: Settings, store: Any) -> int:
    """Fit the seasonal profiles, and how irregular the meters are, to the whole history, and count them."""
    evaluation = Evaluation(settings, store)
    return len([evaluation.of_physical.fitted(meter) for meter in settings.meters.physical])


def cases(settings: Settings) -> list[Case]:
    """Give the household as it is, read twice as often, and over so many years that it has as many readings."""
    return [
        Case("four years, as they are", readings_of_house(settings, at_least=0), FIRST, LAST),
        Case("four years, every half hour", readings_of_house(settings), FIRST, LAST),
        Case("eight years", readings_of_house(settings, None, LAST_OF_LONG), settings.first_day, LAST_OF_LONG),
    ]


def main(arguments: list[str] | None = None) -> None:
    """Print seconds by number of readings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="function by function, half a million readings")
    options = parser.parse_args(arguments)
    table = Table(
        "mathematics alone",
        *(Column(name, justify="right") for name in ("readings", "days", "median [s]", "fastest [s]", "profiles [s]")),
        caption=f"asked: all meters and years, {HALF_A_MILLION:,} readings, ≤ {MOST_SECONDS:g} s; "
        "profiles are fitted once a month, apart",
    )
    with TemporaryDirectory() as folder:
        config = copy_config(Path(folder) / "config", {"storage": {"backend": "embedded"}})
        settings = load(config, environment_of(Path(folder)))
        for number, case in enumerate(cases(settings)):
            embedded = EmbeddedStore(Path(folder) / f"{number}.sqlite")
            count = write_house(settings, embedded, case.readings)
            store = Remembered(embedded)
            evaluated = evaluate(settings, store, case.first, case.last)
            fit(settings, store)
            seconds = [_seconds(evaluate, settings, store, case.first, case.last) for _ in range(options.runs)]
            fitting = statistics.median(_seconds(fit, settings, store) for _ in range(options.runs))
            table.add_row(
                case.name, f"{count:,}", f"{evaluated:,}", f"{statistics.median(seconds):.2f}",
                f"{min(seconds):.2f}", f"{fitting:.2f}",
            )  # fmt: skip
            if options.profile and count >= HALF_A_MILLION:
                _print_profile(settings, store, case)
            embedded.close()
    Console(width=140).print(table)


def _seconds(work: Any, *given: Any) -> float:
    began = time.perf_counter()
    work(*given)
    return time.perf_counter() - began


def _print_profile(settings: Settings, store: Remembered, case: Case) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(evaluate, settings, store, case.first, case.last)
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(35)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(20)


if __name__ == "__main__":
    main()
