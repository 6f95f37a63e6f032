"""Plans the runs that recompute stale days."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from workflows_dagster.domain.days import DayRange, joined
from workflows_dagster.domain.season import table_profile
from workflows_dagster.evaluation.outdoor_temperature import temperature_series
from workflows_dagster.evaluation.valid_readings import raw_series
from workflows_dagster.records.profiles import followers_of_weather, kept_versions
from workflows_dagster.repair.snapshot import Snapshot, changed_periods, digest, digests, periods_of
from workflows_dagster.repair.stale_days import StaleDays
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import RawSeries, Store

# The outdoor temperature among the meters of a snapshot; no meter's id has a space.
WEATHER = "outdoor temperature"
# By which rules a physical meter's days are computed, beside its settings; others make all days be compared once.
_RULES = "rate by the reading nearest to a year, level where much is used, bands with the followed meter's error"
Look = Callable[[Sequence[RawSeries]], pd.DataFrame]


@dataclass(frozen=True, order=True)
class Repair:
    """One run: consecutive days of some meters.

    Attributes:
        days: The days.
        meters: The meters, each after its sources.
    """

    days: DayRange
    meters: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The runs to request, and the snapshot to keep once they are requested."""

    repairs: tuple[Repair, ...]
    snapshot: Snapshot
    changed: tuple[str, ...]


def plan_repairs(
    settings: Settings,
    store: Store,
    before: Snapshot | None,
    within: DayRange,
    computed: Callable[[str], Collection[date]],
    look: Look | None = None,
) -> Plan:
    """Find what changed since a snapshot, and plan the runs that recompute it.

    Args:
        settings: The house.
        store: Its readings and days.
        before: The last snapshot; None compares everything.
        within: Days that partitions exist for.
        computed: Gives the days of a meter that were computed before; the daily schedule computes the others.
        look: Gives the fingerprints of raw series; by default those of the store.

    Raises:
        StoreError: The store cannot be read.
    """
    followers = followers_of_weather(store)
    fingerprints = _fingerprints(settings, look or store.fingerprints, weather=bool(followers))
    snapshot = take_snapshot(settings, store, fingerprints)
    if before is not None and before.encode() == snapshot.encode():
        return Plan((), snapshot, ())
    stale = StaleDays(settings, store, within, computed)
    found: dict[str, set[date]] = {}
    changed: list[str] = []
    changes = _changes(settings, fingerprints, before, followers)
    for meter in settings.meters.in_order():
        whole = before is None or before.recipes.get(meter.meter_id) != snapshot.recipes[meter.meter_id]
        if isinstance(meter, PhysicalMeter):
            periods = {*changes[meter.meter_id], *_of_contained(settings, stale, meter, changes)}
            reached = stale.expiry.remaining(sorted(periods))
            if whole or reached:
                changed.append(meter.meter_id)
                windows = [within] if whole else stale.reach(meter, reached)
                found[meter.meter_id] = stale.among(meter.meter_id, windows)
        elif whole:
            changed.append(meter.meter_id)
            found[meter.meter_id] = stale.among(meter.meter_id, [within])
        elif any(found.get(source) for source in meter.upstream):
            found[meter.meter_id] = stale.derived(meter.meter_id, found)
    return Plan(tuple(group(settings, found)), snapshot, tuple(changed))


def _changes(
    settings: Settings, fingerprints: Mapping[str, pd.DataFrame], before: Snapshot | None, followers: Collection[str]
) -> dict[str, list[str]]:
    """Give the periods in which a physical meter's readings changed, or the weather that it follows."""
    known = {} if before is None else before.readings
    weathers = changed_periods(fingerprints[WEATHER], known.get(WEATHER, {})) if followers else []
    found = {}
    for meter in settings.meters.physical:
        own = changed_periods(fingerprints[meter.meter_id], known.get(meter.meter_id, {}))
        # A temperature changes the whole gap in which its days lie.
        found[meter.meter_id] = sorted({*own, *(weathers if meter.meter_id in followers else ())})
    return found


def _of_contained(
    settings: Settings, stale: StaleDays, meter: PhysicalMeter, changes: Mapping[str, Sequence[str]]
) -> set[str]:
    """Give the months in which a meter that this one contains may have changed."""
    months: set[str] = set()
    for name in settings.meters.contained_in(meter.meter_id):
        part = settings.meters[name]
        if isinstance(part, PhysicalMeter) and changes[name]:
            months |= {f"{day:%Y-%m}" for window in stale.reach(part, changes[name]) for day in window}
    return months


def take_snapshot(settings: Settings, store: Store, fingerprints: Mapping[str, pd.DataFrame]) -> Snapshot:
    """Digest the readings, and the recipe (settings and profile) of each meter's days."""
    profiles = kept_versions(store)
    return Snapshot(
        readings={meter_id: digests(rows, periods_of(rows)) for meter_id, rows in fingerprints.items()},
        recipes={meter.meter_id: _recipe(meter, settings, profiles) for meter in settings.meters},
    )


def group(settings: Settings, stale: Mapping[str, set[date]]) -> list[Repair]:
    """Group stale days into runs: a meter's spans with the stale meters derived from it; equal spans share a run.

    A derived meter joins the run of each of its sources, so that it is computed after the last of them. Its stale days
    that no such run covers, as after a change of a master's offset, get runs of their own.
    """
    order = [meter.meter_id for meter in settings.meters.in_order()]
    by_span: dict[DayRange, set[str]] = {}
    covered: dict[str, set[date]] = {}
    for meter_id in order:
        own = stale.get(meter_id, set()) - covered.get(meter_id, set())
        for span in joined(own):
            inside = span.days()
            for member in settings.meters.downstream_of([meter_id]):
                if member == meter_id or stale.get(member, set()) & inside:
                    by_span.setdefault(span, set()).add(member)
                    covered.setdefault(member, set()).update(inside)
    return [
        Repair(span, tuple(meter for meter in order if meter in members)) for span, members in sorted(by_span.items())
    ]


def _fingerprints(settings: Settings, look: Look, *, weather: bool) -> dict[str, pd.DataFrame]:
    """Read all meters' fingerprints at once, with an interval meter's register readings and the outdoor temperature."""
    series: dict[str, list[RawSeries]] = {}
    for meter in settings.meters.physical:
        own = list(raw_series(meter).parts())
        if meter.source.kind == "interval":
            own.append(RawSeries(meter.output_unit, meter.meter_id))
        series[meter.meter_id] = own
    if weather:
        series[WEATHER] = list(temperature_series(settings))
    numbers: dict[RawSeries, int] = {}
    for address in (address for own in series.values() for address in own):
        numbers.setdefault(address, len(numbers))
    everything = look(list(numbers))
    number = everything["series"].map(numbers)
    # Two meters may share one entity: the old and the new one under the same name.
    return {meter_id: everything[number.isin([numbers[one] for one in own])] for meter_id, own in series.items()}


def _recipe(meter: Meter, settings: Settings, profiles: Mapping[str, str]) -> str:
    facts: list[object] = [repr(meter.model_copy(update={"description": None})), settings.site.timezone]
    if isinstance(meter, PhysicalMeter):
        table = table_profile(settings.pattern_of(meter.meter_id))
        facts += [_RULES, profiles.get(meter.meter_id) or table.version]
        parts = settings.meters.contained_in(meter.meter_id)
        if parts:
            facts.append(settings.site.gas_conversion)
            facts += [_recipe(settings.meters[part], settings, profiles) for part in parts]
    if isinstance(meter, VirtualMeter) and meter.subtract_meter_conversions:
        facts.append(settings.site.gas_conversion)
    return digest(*facts)
