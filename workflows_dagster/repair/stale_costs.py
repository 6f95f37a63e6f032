"""Which stored costs are not what the tariffs and the stored days give now."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import COST_DAILY, Store


def stale_cost_days(settings: Settings, store: Store, within: DayRange) -> set[date]:
    """Find the days on which a meter's stored cost differs, to the last bit, from what it is by the tariffs.

    A price that is added for the future finds none; one that is corrected finds the days on which it held.

    Args:
        settings: The house and its tariffs.
        store: Its days and costs.
        within: Days to look at.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    start, end = within.bounds(zone)
    costing = Costing(settings, store)
    stale: set[date] = set()
    for meter in settings.meters:
        now = costing.of_meter(meter.meter_id, within)
        stored = store.read(COST_DAILY, meter.meter_id, start, end)
        index = pd.DatetimeIndex(now.index.union(stored.index))
        now, stored = now.reindex(index), stored.reindex(index)
        equal = np.array((stored["unit"] == settings.tariffs.currency) | stored["unit"].isna())
        for field in COST_DAILY.fields:
            equal &= np.asarray((now[field] == stored[field]) | (now[field].isna() & stored[field].isna()))
        stale.update(days.civil_days(index[~equal], zone))
    return stale
