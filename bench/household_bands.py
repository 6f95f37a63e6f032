"""Bands of the sample household's months and years against its known truth: hand-read meters, masters, remainders."""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.sums import HouseSums
from workflows_dagster.records.days import write_days
from workflows_dagster.records.profiles import keep_profile
from workflows_dagster.sample_house import sample_readings, write_sample
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.meters import MasterMeter, VirtualMeter
from workflows_dagster.stores.embedded import EmbeddedStore

_FIRST, _AFTER = date(2022, 1, 1), date(2026, 1, 1)
_SEEDS = (1, 2, 3, 4, 5)
# A cubic metre of gas in the shipped config.yaml. [kWh]
_KWH = 11.504 * 0.8885


def truth_of(settings: Settings, truth: dict[str, pd.Series], meter_id: str) -> pd.Series:
    """Give a meter's true days, of a master or a remainder from those of its parts. [meter unit]"""  # noqa: D415
    meter = settings.meters[meter_id]
    if isinstance(meter, MasterMeter):
        # Of two devices one after the other, or of one alone.
        parts = [truth[name] for name in dict.fromkeys(meter.upstream)]
        return pd.concat(parts, axis=1).sum(axis=1, min_count=1)
    if not isinstance(meter, VirtualMeter):
        return truth[meter_id]
    rest = truth_of(settings, truth, meter.base_meter)
    for name in meter.subtract_meters:
        factor = 1 / _KWH if settings.meters[name].output_unit != meter.output_unit else 1.0
        rest = rest.sub(truth_of(settings, truth, name) * factor, fill_value=0.0)
    return rest


def judged(folder: Path, seed: int) -> list[tuple[str, str, float, float]]:
    """Give each estimated month and year: meter, kind, whether the truth lies in its band, width over the truth."""
    settings = load(Path("config"), {"METERS_DATA_DIR": str(folder)})
    store, zone = EmbeddedStore(folder / f"{seed}.sqlite"), settings.site.zone
    write_sample(store, settings.meters, zone, _AFTER, start=_FIRST, seed=seed)
    samples = sample_readings(settings.meters, zone, _AFTER, start=_FIRST, seed=seed)
    truth = {name: pd.Series(one.truth.to_numpy(), pd.to_datetime(one.truth.index)) for name, one in samples.items()}
    of_physical = Evaluation(settings, store).of_physical
    for meter in settings.meters.physical:
        profile, spread = of_physical.fitted(meter)
        at = pd.Timestamp(_AFTER, tz="UTC").as_unit("us")
        keep_profile(store, meter.meter_id, meter.output_unit, profile, at, spread)
    asked = DayRange(_FIRST, date(_AFTER.year - 1, 12, 31))
    evaluation = Evaluation(settings, store, hold=True)
    for one in settings.meters.in_order():
        write_days(store, one.meter_id, one.output_unit, *asked.bounds(zone), evaluation.days(one.meter_id, asked).days)
    sums, rows = HouseSums(settings, store), []
    for one in settings.meters:
        for kind, frame in (("month", sums.months(one.meter_id, asked)), ("year", sums.years(one.meter_id, asked))):
            true = truth_of(settings, truth, one.meter_id)
            for start, lower, upper in zip(frame.index, frame["lower"], frame["upper"], strict=True):
                inside = true[
                    true.index.to_period("M" if kind == "month" else "Y") == pd.Period(start, kind[0].upper())
                ]
                if np.isnan(lower) or inside.empty or inside.sum() <= 0:
                    continue
                total = float(inside.sum())
                rows.append((one.meter_id, kind, float(lower <= total <= upper), (upper - lower) / total))
    store.close()
    return rows


def main() -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as name:
        rows = [row for seed in _SEEDS for row in judged(Path(name), seed)]
    frame = pd.DataFrame(rows, columns=["meter", "kind", "inside", "width"])
    print(f"{'meter':22} {'kind':6} {'bands':>6} {'coverage':>9} {'full width':>11}")
    groups = [*frame.groupby(["meter", "kind"]), *((("all", kind), found) for kind, found in frame.groupby("kind"))]
    for (meter, kind), found in groups:
        shown = f"{100 * found['inside'].mean():8.0f}% {100 * found['width'].median():10.1f}%"
        print(f"{meter:22} {kind:6} {len(found):6} {shown}")


if __name__ == "__main__":
    sys.exit(main())
