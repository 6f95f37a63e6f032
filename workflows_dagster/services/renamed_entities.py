"""New series that go on with a meter's register where the meter's own ended: renamed entities."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from workflows_dagster.domain.discovery import goes_on
from workflows_dagster.evaluation import raw_series
from workflows_dagster.services.raw_catalogue import Discovered
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import RawStore

_LAST = 200


def continuations(
    store: RawStore, found: Iterable[Discovered], settings: Settings
) -> list[tuple[Discovered, PhysicalMeter]]:
    """Find which of the discovered series go on where a meter's register ended.

    Args:
        store: The raw readings.
        found: Series that no meter reads.
        settings: The house.

    Raises:
        StoreError: The raw readings cannot be read.
    """
    return [(one, meter) for one in found if (meter := _ended_before(store, one, settings)) is not None]


def names_line(one: Discovered, meter: PhysicalMeter, settings: Settings) -> str:
    """Write the line for `source` of the meter that a series goes on with."""
    zone = settings.site.zone
    spans = [(name.entity_id, name.until) for name in raw_series(meter).earlier]
    spans.append((meter.raw_entity_id, one.first))
    earlier = [f"{{id: {entity}, until: {_local(until.tz_convert(zone))}}}" for entity, until in spans]
    return f"entity_id: [{', '.join(earlier)}, {{id: {one.series.entity_id}}}]"


def _ended_before(store: RawStore, one: Discovered, settings: Settings) -> PhysicalMeter | None:
    new = store.readings(one.series, one.first, one.first, after=1)
    for meter in settings.meters.physical:
        own = raw_series(meter)
        same_kind = (own.measurement, own.field) == (one.series.measurement, one.series.field)
        if not same_kind or meter.source.kind != "register" or meter.deinstallation_date is not None:
            continue
        around = store.readings(own, one.first, one.first, before=_LAST, after=1)
        if len(around) and around.index[-1] < one.first and goes_on(around, new):
            return meter
    return None


def _local(moment: pd.Timestamp) -> str:
    return moment.tz_localize(None).isoformat(timespec="minutes" if moment == moment.floor("min") else "auto")
