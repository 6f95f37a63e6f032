"""Writes entries for meters.yaml from discovered series."""

from __future__ import annotations

from collections.abc import Iterable

from workflows_dagster.domain import days, discovery
from workflows_dagster.services.raw_catalogue import Discovered
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.new_entries import NewMeter, entries


def entries_for(found: Iterable[Discovered], settings: Settings) -> str:
    """Write entries for meters.yaml from discovered series, each with a free id.

    Args:
        found: Series that no meter reads, as `raw_catalogue.discover` gives them.
        settings: The house.

    Returns:
        YAML to be placed below `meters:`.
    """
    return entries([_new_meter(one, settings) for one in found], [meter.meter_id for meter in settings.meters])


def _new_meter(one: Discovered, settings: Settings) -> NewMeter:
    series = one.series
    return NewMeter(
        entity_id=series.entity_id,
        measurement=series.measurement,
        field=series.field,
        domain=series.domain,
        unit=one.unit or discovery.likely_unit(series.measurement, series.entity_id),
        unit_is_guessed=one.unit is None,
        first_day=days.civil_day(one.first, settings.site.zone),
        interval_days=discovery.reading_interval(one.gap),
    )
