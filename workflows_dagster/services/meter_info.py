"""Stores what a query has to know of the meters, so that no dashboard has to know the house."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.days import REPRESENTABLE
from workflows_dagster.evaluation.costs import Costing, is_priced
from workflows_dagster.reports.layout import fed_into_grid, layout
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter
from workflows_dagster.stores.ports import METER_CHANGE, METER_INFO, Store
from workflows_dagster.wording import Words, words_of

# InfluxDB's beginning of time, where a query finds it whatever range a dashboard shows.
AT = pd.Timestamp("1970-01-01", tz="UTC")
_ENERGY = "kWh"
REPLACEMENT, PRICE = "replacement", "price"


def write_meter_info(settings: Settings, store: Store) -> None:
    """Store each meter's place in the house, replacements and changes of prices; those of other meters are removed.

    Raises:
        StoreError: Not everything is stored.
    """
    known = {meter.meter_id: meter for meter in settings.meters}
    for old in {*store.present(METER_INFO, *REPRESENTABLE), *store.present(METER_CHANGE, *REPRESENTABLE)} - set(known):
        for measurement in (METER_INFO, METER_CHANGE):
            store.replace(measurement, old, _ENERGY, *REPRESENTABLE, pd.DataFrame())
    facts, words, costing = meter_facts(settings), words_of(settings.site), Costing(settings, store)
    for name, meter in known.items():
        at = pd.DatetimeIndex([AT]).as_unit("us")
        store.replace(METER_INFO, name, meter.output_unit, *REPRESENTABLE, pd.DataFrame([facts[name]], at))
        changes = dict(sorted(_changes(settings, costing, meter, words, is_main=bool(facts[name]["main"]))))
        openings = [days.opening(day, settings.site.zone) for day, _ in changes]
        rows = pd.DataFrame(
            {"kind": [kind for _, kind in changes], "sentence": list(changes.values())},
            index=pd.DatetimeIndex(openings, tz="UTC").as_unit("us"),
        )
        rows = rows[~rows.index.duplicated()]
        store.replace(METER_CHANGE, name, meter.output_unit, *REPRESENTABLE, rows)


def meter_facts(settings: Settings) -> dict[str, dict[str, object]]:
    """Give the facts of each meter, by the report's rule of what adds up to a utility."""
    fed_in = fed_into_grid(settings)
    places = {place.meter.meter_id: place for found in layout(settings.meters, fed_in).values() for place in found}
    devices = {device.meter_id for place in places.values() for device in place.devices}
    facts: dict[str, dict[str, object]] = {}
    for meter in settings.meters:
        place = places.get(meter.meter_id)
        role = place.role if place else "device" if meter.meter_id in devices else "other"
        facts[meter.meter_id] = {
            "utility": meter.utility,
            "main": float(role == "main"),
            "role": role,
            "depth": float(place.depth if place else 0),
            "fed_in": float(meter.meter_id in fed_in),
            "kwh_per_unit": _kwh(settings, meter),
            "description": meter.description or meter.meter_id,
        }
    return facts


def _kwh(settings: Settings, meter: Meter) -> float:
    """Give the energy of one of a meter's units by the present gas factors; NaN for what is no energy."""
    if units.is_energy(meter.output_unit):
        return units.factor(meter.output_unit, _ENERGY)
    if meter.utility != "gas" or not settings.site.gas_conversion:
        return float("nan")
    return float(units.conversion(meter.output_unit, _ENERGY, pd.Index([date.max]), settings.site.gas_conversion)[0])


def _changes(
    settings: Settings, costing: Costing, meter: Meter, words: Words, *, is_main: bool
) -> Iterator[tuple[tuple[date, str], str]]:
    """Give a meter's replacements and changes of prices by first day and kind, each with its sentence."""
    periods = meter.periods if isinstance(meter, MasterMeter) else ()
    for before, after in pairwise(periods):
        sources = " + ".join(before.source_meters), " + ".join(after.source_meters)
        text = words.say("{meter}: {new} follows {old}", meter=meter.meter_id, new=sources[1], old=sources[0])
        yield (after.start_date, REPLACEMENT), text
    # The parts have the price of the whole.
    if not is_main or not is_priced(settings, meter):
        return
    dated = costing.dated(meter)
    for old, new in pairwise(dated):
        if old.unit_price is None or new.unit_price is None or new.valid_from == date.min:
            continue
        text = words.say(
            "{meter}: {new} instead of {old} {currency} a {unit}",
            meter=meter.meter_id,
            new=words.format.number(new.unit_price),
            old=words.format.number(old.unit_price),
            currency=settings.tariffs.currency,
            unit=new.per,
        )
        yield (new.valid_from, PRICE), text
