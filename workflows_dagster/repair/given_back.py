"""Digests of what a meter's hours are computed from, month by month: what changed must be given back again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.months import month_of
from workflows_dagster.evaluation.statistic_sums import month_ranges
from workflows_dagster.evaluation.valid_readings import raw_series
from workflows_dagster.records.made_from import all_kept_digests
from workflows_dagster.records.profiles import kept_versions
from workflows_dagster.repair.snapshot import digest, digests
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter, PhysicalMeter
from workflows_dagster.stores.ports import COST_DAILY, Store

# Another rule by which hours are made of days changes it, and all hours are compared again.
_RULE = "days spread over their hours"


def inputs_by_month(settings: Settings, store: Store, spans: dict[str, DayRange]) -> dict[str, dict[date, str]]:
    """Digest what the hours of some meters are computed from.

    Args:
        settings: The house.
        store: Its readings, days and costs.
        spans: Days that are given back, by meter.

    Returns:
        By meter, then by the month's first day: equal digests mean equal hours, as long as those before are equal.

    Raises:
        StoreError: The store cannot be read.
    """
    if not spans:
        return {}
    zone = settings.site.zone
    whole = DayRange(month_of(min(one.first for one in spans.values())), max(one.last for one in spans.values()))
    kept, versions = all_kept_digests(store, zone, whole), kept_versions(store)
    meters = {name: list(_upstream(settings, settings.meters[name])) for name in spans}
    series = {
        one.meter_id: raw_series(one) for found in meters.values() for one in found if isinstance(one, PhysicalMeter)
    }
    prints = store.fingerprints(list(dict.fromkeys(series.values())))
    by_series: dict[object, pd.DataFrame] = dict(iter(prints.groupby("series", sort=False)))
    result: dict[str, dict[date, str]] = {}
    for name, span in spans.items():
        sources = [one.meter_id for one in meters[name]]
        recipe = (
            _RULE, repr(settings.meters[name]), span.first,
            settings.tariffs.of_meter(settings.meters[name]), settings.site.timezone, settings.site.gas_conversion,
            [versions.get(one) for one in sources],
        )  # fmt: skip
        prices = store.read(COST_DAILY, name)[["cost", "standing_charge"]]
        result[name] = {}
        for month, inside in month_ranges(span):
            start, end = inside.bounds(zone)
            place = slice((inside.first - whole.first).days, (inside.last - whole.first).days + 1)
            of_month = prices[(prices.index >= start) & (prices.index < end)].to_numpy(dtype=np.float64)
            raw = [digests(by_series[series[one]], _utc(start, end)) for one in sources if series.get(one) in by_series]
            of_days = [kept[one][place].tobytes() for one in sources if one in kept]
            result[name][month] = digest(recipe, inside, of_days, of_month.tobytes(), raw)
    return result


def _upstream(settings: Settings, meter: Meter) -> Iterator[Meter]:
    """Give a meter and all that it is made of."""
    yield meter
    if not isinstance(meter, PhysicalMeter):
        for source in meter.upstream:
            yield from _upstream(settings, settings.meters[source])


def _utc(start: pd.Timestamp, end: pd.Timestamp) -> Sequence[str]:
    """Name the UTC months that an interval touches."""
    return [str(month) for month in pd.period_range(start.strftime("%Y-%m"), end.strftime("%Y-%m"), freq="M")]
