"""Reviews whole months: consumption that no period claims, residuals below zero, broken balances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workflows_dagster.domain.composition import clipped, unclaimed
from workflows_dagster.domain.conservation import seams
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.findings.balance import FALLS, balance, jitter_of
from workflows_dagster.evaluation.findings.stored_days import BESIDE, StoredDays
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter, VirtualMeter


def month_findings(meter: Meter, stored: StoredDays, evaluation: Evaluation, settings: Settings) -> list[Finding]:
    """Review a meter's stored days over whole months.

    Args:
        meter: The meter.
        stored: The house's days.
        evaluation: Of the same house, for its masters' periods.
        settings: The house.

    Raises:
        StoreError: The store cannot be read.
    """
    if isinstance(meter, PhysicalMeter):
        if meter.source.kind == "resetting":
            return []
        falls = [finding for finding in stored.found(meter.meter_id) if finding.code in FALLS]
        return seams(meter.meter_id, stored.within(meter.meter_id), jitter_of(meter), falls)
    if isinstance(meter, MasterMeter):
        return [*balance(meter, stored, settings), *_unclaimed(meter, stored, evaluation)]
    return [*balance(meter, stored, settings), *_clipped(meter, stored, evaluation)]


def _unclaimed(meter: MasterMeter, stored: StoredDays, evaluation: Evaluation) -> Iterator[Finding]:
    frames = {source: stored.within(source) for source in meter.upstream}
    starts = pd.DatetimeIndex(sorted(set().union(*(frame.index for frame in frames.values()))), tz="UTC").as_unit("us")
    for month in _months(pd.Series(0.0, index=starts), stored):
        index = pd.DatetimeIndex(month.index)
        inside = {source: frame.reindex(index) for source, frame in frames.items()}
        rows = evaluation.of_derived.contributions(meter, stored.civil(month.to_frame()))
        yield from unclaimed(meter.meter_id, index, rows, inside)


def _clipped(meter: VirtualMeter, stored: StoredDays, evaluation: Evaluation) -> Iterator[Finding]:
    frame = stored.of(meter.meter_id)
    everything = frame["residual"]
    for month in _months(stored.within(meter.meter_id)["residual"], stored):
        if not (month < 0).any():
            continue
        around = everything[
            (everything.index >= month.index[0] - BESIDE) & (everything.index <= month.index[-1] + BESIDE)
        ]
        estimated = bool((frame.loc[month.index, "quality"] != "measured").any())
        open_by = (0.0, 0.0)
        if estimated and month.sum() < 0:
            civil = [stored.civil(part.to_frame()) for part in (month, around)]
            spans = [DayRange(part[0], part[-1]) for part in civil]
            own, wider = evaluation.bands.half_widths(meter.meter_id, spans)
            open_by = (float(own), float(wider))
        finding = clipped(meter.meter_id, month, float(around.sum()), estimated, open_by)
        if finding is not None:
            yield finding


def _months(series: pd.Series, stored: StoredDays) -> Iterator[pd.Series]:
    if series.empty:
        return
    names = np.array([day.strftime("%Y-%m") for day in stored.civil(series.to_frame())], dtype=object)
    for _, month in series.groupby(names, sort=True):
        yield month
