"""Bands of a meter that contains another one, both as if read by hand, against the truth of real series.

Usage: `python -m bench.contained_bands FOLDER WHOLE PART`: two series of a folder as `bench.accuracy` reads them, by
their names, where PART is contained in WHOLE, such as a house and its hot water.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from bench.accuracy.households import Household, find_households
from bench.accuracy.methods import look_at, register_of
from bench.accuracy.trials import true_days
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.records.profiles import keep_profile
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

# How often the whole and its part are read. [d]
_READ_EVERY = ((30, 90), (60, 45), (60, 60), (90, 30), (90, 180), (180, 90))
_SEEDS = 4
# Beyond so much of a series its months are not judged: they lie before the first readings or after the last. [d]
_MARGIN = 60
_METERS = """\
meters:
  - {meter_id: whole, type: physical, output_unit: kWh, pattern: typical, estimate: [like: part]}
  - {meter_id: part, type: physical, output_unit: kWh, pattern: typical}
  - {meter_id: rest, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: whole,
     subtract_meters: [part]}
"""


def house_in(folder: Path, whole: Household) -> Settings:
    """Write the configuration of the house."""
    (folder / "config.yaml").write_text(f"timezone: {whole.zone}\n", encoding="utf-8")
    (folder / "meters.yaml").write_text(_METERS, encoding="utf-8")
    table = ", ".join(map(str, whole.table))
    patterns = f"patterns: {{typical: {{monthly_percentages: [{table}]}}}}\n"
    (folder / "seasonal_patterns.yaml").write_text(patterns, encoding="utf-8")
    return load(folder, {"METERS_DATA_DIR": str(folder)})


def judged(whole: Household, part: Household, every: tuple[int, int], seed: int) -> list[tuple[str, bool, float]]:
    """Give each month of each meter: whether the truth lies in its band, and the band's half width. [meter unit]"""  # noqa: D415
    with tempfile.TemporaryDirectory() as name:
        settings = house_in(Path(name), whole)
        store, zone = EmbeddedStore(Path(name) / "readings.sqlite"), whole.zone
        for meter, household, gap in zip(("whole", "part"), (whole, part), every, strict=True):
            store.write_readings(RawSeries("kWh", meter), look_at(register_of(household.hours), gap, seed).round(3))
        at = pd.Timestamp(whole.hours.index[-1]).as_unit("us")
        # What is contained is fitted first: the whole's own scatter is what it leaves.
        for meter in ("part", "whole"):
            physical = Evaluation(settings, store).of_physical
            profile, spread = physical.fitted(settings.meters[meter])  # type: ignore[arg-type]
            keep_profile(store, meter, "kWh", profile, at, spread)
        truth = {"whole": true_days(whole), "part": true_days(part)}
        truth["rest"] = truth["whole"] - truth["part"]
        ends = truth["whole"].index[[_MARGIN, -_MARGIN]]
        first, last = (days.civil_day(moment, zone) for moment in ends)
        months = [
            DayRange(month.start_time.date(), month.end_time.date()) for month in pd.period_range(first, last, freq="M")
        ][1:-1]
        evaluation, found = Evaluation(settings, store, hold=True), []
        for meter, true in truth.items():
            computed = evaluation.days(meter, DayRange(months[0].first, months[-1].last)).days["consumption"]
            widths = evaluation.bands.half_widths(meter, months)
            for span, width in zip(months, widths, strict=True):
                start, end = span.bounds(zone)
                sums = [series[(series.index >= start) & (series.index < end)].sum() for series in (computed, true)]
                found.append((meter, bool(abs(sums[0] - sums[1]) <= width), float(width)))
        store.close()
    return [row for row in found if row[2] > 0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table; 2 where a series is not there."""
    parser = argparse.ArgumentParser(prog="python -m bench.contained_bands", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("whole")
    parser.add_argument("part")
    parser.add_argument("--zone", type=ZoneInfo, default=ZoneInfo("Europe/Paris"), help="where days are cut")
    options = parser.parse_args(arguments)
    series = {one.name: one for one in find_households([options.folder], options.zone)}
    if missing := [name for name in (options.whole, options.part) if name not in series]:
        print(f"{options.folder}: no series {missing[0]}. There are: {', '.join(series)}.", file=sys.stderr)
        return 2
    whole, part = series[options.whole], series[options.part]
    rows = [
        (f"{every[0]}/{every[1]}", *row)
        for every in _READ_EVERY
        for seed in range(_SEEDS)
        for row in judged(whole, part, every, seed)
    ]
    frame = pd.DataFrame(rows, columns=["read every", "meter", "inside", "half width"])
    for keys in (["meter"], ["read every", "meter"]):
        table = frame.groupby(keys).agg(
            months=("inside", "size"), inside=("inside", "mean"), half_width=("half width", "mean")
        )
        print(table.assign(inside=np.round(100 * table["inside"]), half_width=table["half_width"].round(1)).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
