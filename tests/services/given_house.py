"""A house whose hours are given back to a stand-in for Home Assistant."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd

from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.records.made_from import replace_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, COST_DAILY, Store


def compute(settings: Settings, store: Store, first: date, last: date) -> None:
    """Store the days and costs of all meters, as the assets do."""
    asked, zone = DayRange(first, last), settings.site.zone
    evaluation = Evaluation(settings, store)
    for meter in settings.meters.in_order():
        frame = evaluation.days(meter.meter_id, asked).days
        replace_days(store, meter.meter_id, meter.output_unit, zone, asked, frame)
    costing = Costing(settings, store)
    for meter in settings.meters:
        frame = costing.of_meter(meter.meter_id, asked)
        points = frame[[name for name in COST_DAILY.fields if name in frame]]
        store.replace(COST_DAILY, meter.meter_id, settings.tariffs.currency, *asked.bounds(zone), points)


def named(settings: Settings, *meters: str) -> Settings:
    """Name the meters that are given back."""
    assistant = settings.site.home_assistant.model_copy(update={"statistics": meters})
    return replace(settings, site=settings.site.model_copy(update={"home_assistant": assistant}))


def recounted(settings: Settings, store: Store, meter_id: str) -> dict[pd.Timestamp, float]:
    """Count the sum at the end of each stored day, by the last hour of it: plain Python over the stored points."""
    total, sums = 0.0, {}
    frame = store.read(CONSUMPTION_DAILY, meter_id)
    for opens, amount in zip(frame.index, frame["consumption"], strict=True):
        civil = opens.tz_convert(settings.site.zone).date() + timedelta(days=1)
        closes = pd.Timestamp(civil).tz_localize(settings.site.zone).tz_convert("UTC")
        total += 0.0 if amount != amount else amount
        sums[closes.ceil("h") - pd.Timedelta(hours=1)] = round(total, 6)
    return sums
