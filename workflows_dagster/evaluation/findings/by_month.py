"""What a meter's months say: consumption that no period claims, residuals below zero, sums that do not hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workflows_dagster.domain.composition import clipped, unclaimed
from workflows_dagster.domain.conservation import parts, seams
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.findings.stored_days import BESIDE, StoredDays
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter, VirtualMeter

_FALLS = ("rollover", "undeclared_reset")


def month_findings(
    meter: Meter, stored: StoredDays, evaluation: Evaluation, of_days: tuple[Finding, ...]
) -> list[Finding]:
    """Review a meter's stored days over whole months.

    Args:
        meter: The meter.
        stored: The house's days.
        evaluation: Of the same house, for its periods and conversions.
        of_days: What was found in the meter's days, for the falls of its register.

    Raises:
        StoreError: The store cannot be read.
    """
    if isinstance(meter, PhysicalMeter):
        falls = [finding for finding in of_days if finding.code in _FALLS]
        return seams(meter.meter_id, meter.output_unit, stored.within(meter.meter_id), 1.001 * meter.resolution, falls)
    if isinstance(meter, MasterMeter):
        return [*_sum_of_sources(meter, stored, evaluation), *_unclaimed(meter, stored, evaluation)]
    return [*_difference(meter, stored, evaluation), *_clipped(meter, stored)]


def _sum_of_sources(meter: MasterMeter, stored: StoredDays, evaluation: Evaluation) -> list[Finding]:
    whole = stored.within(meter.meter_id)["consumption"]
    civil = np.asarray(stored.civil(whole.to_frame()), dtype=object)
    pieces = {source: pd.Series(0.0, index=whole.index) for source in meter.upstream}
    segments = evaluation.of_derived.claims(meter)
    for k, segment in enumerate(segments):
        for source in segment.sources:
            within = segment.holds(civil)
            used = stored.of(source)["consumption"].reindex(whole.index).fillna(0.0)
            pieces[source] += np.where(within, used * segment.factors[source], 0.0)
        for source in segment.successors:
            used = stored.of(source)["consumption"].reindex(whole.index).fillna(0.0)
            pieces[source] += np.where(civil == segment.last, used * segments[k + 1].factors[source], 0.0)
    return parts(meter.meter_id, meter.output_unit, whole, pieces)


def _difference(meter: VirtualMeter, stored: StoredDays, evaluation: Evaluation) -> list[Finding]:
    whole = stored.within(meter.meter_id)["residual"]
    civil = stored.civil(whole.to_frame())
    pieces = {}
    for source in meter.upstream:
        sign = 1.0 if source == meter.base_meter else -1.0
        used = stored.of(source)["consumption"].reindex(whole.index)
        pieces[source] = sign * used * evaluation.of_derived.factor(source, meter, civil)
    return parts(meter.meter_id, meter.output_unit, whole, pieces)


def _unclaimed(meter: MasterMeter, stored: StoredDays, evaluation: Evaluation) -> Iterator[Finding]:
    segments = evaluation.of_derived.claims(meter)
    frames = {source: stored.within(source) for source in meter.upstream}
    starts = pd.DatetimeIndex(sorted(set().union(*(frame.index for frame in frames.values()))), tz="UTC").as_unit("us")
    for month in _months(pd.Series(0.0, index=starts), stored):
        index = pd.DatetimeIndex(month.index)
        inside = {source: frame.reindex(index) for source, frame in frames.items()}
        civil = stored.civil(month.to_frame())
        yield from unclaimed(meter.meter_id, meter.output_unit, index, civil, segments, inside)


def _clipped(meter: VirtualMeter, stored: StoredDays) -> Iterator[Finding]:
    frame = stored.of(meter.meter_id)
    everything = frame["residual"]
    for month in _months(stored.within(meter.meter_id)["residual"], stored):
        if not (month < 0).any():
            continue
        around = everything[
            (everything.index >= month.index[0] - BESIDE) & (everything.index <= month.index[-1] + BESIDE)
        ]
        estimated = bool((frame.loc[month.index, "quality"] != "measured").any())
        finding = clipped(meter.meter_id, meter.output_unit, month, float(around.sum()), estimated)
        if finding is not None:
            yield finding


def _months(series: pd.Series, stored: StoredDays) -> Iterator[pd.Series]:
    if series.empty:
        return
    names = np.array([day.strftime("%Y-%m") for day in stored.civil(series.to_frame())], dtype=object)
    for _, month in series.groupby(names, sort=True):
        yield month
