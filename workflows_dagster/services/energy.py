"""Energy as it flows: what is used now, by which circuit, what each switch changed, what each device costs.

Nothing known is None with a reason, never a sample value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.event_attribution import CREDITED
from workflows_dagster.records.events import read_correlations, read_events
from workflows_dagster.records.power import house_source, read_circuits, read_devices, read_house, read_power
from workflows_dagster.services.mains import electricity_price
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import Store
from workflows_dagster.stores.tagged import TaggedStore

# Mean length of a month.
_DAYS_PER_MONTH = 365.25 / 12
_SOON = pd.Timedelta(minutes=5)
# A value that nobody has renewed for longer is no present one; Home Assistant is asked again every five minutes.
_NEWEST = pd.Timedelta(hours=1)

# Why something is not known.
NO_POWER, NO_EVENTS, NOT_LEARNT, NO_PRICE = "no_power", "no_events", "device_not_learnt", "no_price"


@dataclass(frozen=True)
class Correlation:
    """What one event changed.

    Attributes:
        timestamp: Instant of the event, UTC.
        entity_id: Its entity.
        domain: Its domain.
        state: State after it.
        previous_state: State before it.
        power_before_w: Power of the house before. [W]
        power_after_w: Power of the house after. [W]
        power_delta_w: What it changed. [W]
        power_delta_pct: The same, of the power before. [%]
        confidence: 0 to 1.
        sample_gap_s: Largest gap between the samples used. [s]
        concurrent_events: Number of events that it was told apart from, or could not be.
        method: How it was credited, or why it was not.
    """

    timestamp: pd.Timestamp
    entity_id: str
    domain: str
    state: str | None
    previous_state: str | None
    power_before_w: float | None
    power_after_w: float | None
    power_delta_w: float | None
    power_delta_pct: float | None
    confidence: float
    sample_gap_s: float | None
    concurrent_events: int
    method: str


@dataclass(frozen=True)
class CurrentPower:
    """Power of the house at present.

    Attributes:
        timestamp: Since when it holds, UTC; None if unknown.
        total_power_w: Power of the house. [W]
        daily_kwh: Energy since the house's midnight. [kWh]
        age_s: Time since it was last heard of. [s]
        reason: Why it is not known.
    """

    timestamp: pd.Timestamp | None
    total_power_w: float | None
    daily_kwh: float | None
    age_s: float | None
    reason: str | None = None


@dataclass(frozen=True)
class CircuitPower:
    """Five minutes of one circuit: their end (UTC), its mean power [W] and its share of the house [%]."""

    timestamp: pd.Timestamp
    circuit_name: str
    power_w: float
    percentage: float | None


@dataclass(frozen=True)
class DeviceImpact:
    """What a device uses and costs.

    Attributes:
        entity_id: The device.
        domain: Its domain.
        average_power_on_w: Mean power while it is on; None if it is not learnt. [W]
        average_power_off_w: Power while it is off; None, as nothing tells.
        total_state_changes: Number of its events.
        on_hours: How long it was on, on the complete days that are known. [h]
        known_days: Number of those days.
        estimated_daily_kwh: Mean energy per known day. [kWh/d]
        estimated_monthly_cost: Cost of that over a mean month, at the mean price of those days. [currency]
        sure: How sure the power is, 0 to 1: by the scatter of its steps and by the share of the days that is known.
        reason: Why something is not known.
    """

    entity_id: str
    domain: str
    average_power_on_w: float | None
    average_power_off_w: float | None
    total_state_changes: int
    on_hours: float | None
    known_days: int
    estimated_daily_kwh: float | None
    estimated_monthly_cost: float | None
    sure: float | None
    reason: str | None = None


@dataclass(frozen=True)
class PowerStatistics:
    """The last hours of the house.

    Attributes:
        current_power_w: Power at present. [W]
        daily_kwh: Energy since the house's midnight. [kWh]
        peak_power_w: Highest power. [W]
        peak_time: End of the five minutes in which it was, UTC.
        average_power_w: Mean power over the known time. [W]
        total_correlations: Number of events that changed the power.
        reason: Why something is not known.
    """

    current_power_w: float | None
    daily_kwh: float | None
    peak_power_w: float | None
    peak_time: pd.Timestamp | None
    average_power_w: float | None
    total_correlations: int
    reason: str | None = None


def correlations(
    store: TaggedStore,
    now: pd.Timestamp,
    *,
    entity_id: str | None = None,
    domain: str | None = None,
    hours: float = 24,
    min_delta: float = 50,
    limit: int = 100,
) -> list[Correlation]:
    """List what the events of the last hours changed, the newest first.

    Args:
        store: Streams and results.
        now: The present, UTC.
        entity_id: One device only.
        domain: One domain only.
        hours: How far back. [h]
        min_delta: Least change, up or down; with 0 events that changed nothing are listed too. [W]
        limit: At most so many.

    Raises:
        StoreError: The store cannot be read.
    """
    found = read_correlations(store, now - pd.Timedelta(hours=hours), _until(now), entity_id)
    if domain is not None:
        found = found[found["domain"] == domain]
    if min_delta > 0:
        found = found[found["power_delta_w"].abs() >= min_delta]
    newest = found.iloc[::-1].head(limit)
    return [
        Correlation(
            timestamp=pd.Timestamp(row["time"]),
            entity_id=row["entity_id"],
            domain=row["domain"],
            state=row["state"],
            previous_state=row["previous_state"],
            power_before_w=_known(row["power_before_w"]),
            power_after_w=_known(row["power_after_w"]),
            power_delta_w=_known(row["power_delta_w"]),
            power_delta_pct=_known(row["power_delta_pct"]),
            confidence=row["confidence"],
            sample_gap_s=_known(row["sample_gap_s"]),
            concurrent_events=int(row["concurrent_events"]),
            method=row["method"],
        )
        for row in newest.to_dict("records")
    ]


def current(settings: Settings, store: TaggedStore, now: pd.Timestamp) -> CurrentPower:
    """Give the house's power at present.

    Raises:
        StoreError: The store cannot be read.
    """
    source = settings.site.home_assistant.power_entity or house_source(store, now)
    today = days.opening(days.civil_day(now, settings.site.zone), settings.site.zone)
    recent = read_house(store, max(today, now - _NEWEST), _until(now))
    daily = None
    if len(recent) and recent["time"].iloc[-1] > today:
        daily = _known(recent["daily_kwh"].iloc[-1])
    if source is None:
        return CurrentPower(None, None, daily, None, NO_POWER)
    changes = read_power(store, now - _NEWEST, _until(now), source)
    if changes.empty or not math.isfinite(changes["power_w"].iloc[-1]):
        return CurrentPower(None, None, daily, None, NO_POWER)
    newest = pd.Timestamp(changes["time"].iloc[-1])
    return CurrentPower(newest, float(changes["power_w"].iloc[-1]), daily, (now - newest).total_seconds())


def circuits(store: TaggedStore, now: pd.Timestamp, *, hours: float = 1) -> list[CircuitPower]:
    """List the circuits' five minutes of the last hours, the newest first, by name.

    Raises:
        StoreError: The store cannot be read.
    """
    found = read_circuits(store, now - pd.Timedelta(hours=hours), _until(now))
    found = found.sort_values(["time", "circuit_name"], ascending=[False, True])
    return [
        CircuitPower(pd.Timestamp(row["time"]), row["circuit_name"], row["power_w"], _known(row["percentage"]))
        for row in found.to_dict("records")
        if math.isfinite(row["power_w"])
    ]


def statistics(settings: Settings, store: TaggedStore, now: pd.Timestamp, *, hours: float = 24) -> PowerStatistics:
    """Give peak and mean of the last hours, and how many events changed the power.

    Raises:
        StoreError: The store cannot be read.
    """
    start = now - pd.Timedelta(hours=hours)
    at_present = current(settings, store, now)
    house = read_house(store, start, _until(now))
    house = house[house["total_power_w"].notna()]
    credited = int(read_correlations(store, start, _until(now))["method"].isin(CREDITED).sum())
    if house.empty:
        return PowerStatistics(
            at_present.total_power_w, at_present.daily_kwh, None, None, None, credited, at_present.reason or NO_POWER
        )
    share = house["known_share"].to_numpy(dtype=float)
    mean = float(np.sum(house["total_power_w"].to_numpy(dtype=float) * share) / np.sum(share))
    peak = int(house["peak_power_w"].to_numpy(dtype=float).argmax())
    return PowerStatistics(
        current_power_w=at_present.total_power_w,
        daily_kwh=at_present.daily_kwh,
        peak_power_w=float(house["peak_power_w"].iloc[peak]),
        peak_time=pd.Timestamp(house["time"].iloc[peak]),
        average_power_w=mean,
        total_correlations=credited,
        reason=at_present.reason,
    )


def device_impact(
    settings: Settings, store: Store, entity_id: str, now: pd.Timestamp, *, period_days: int = 7
) -> DeviceImpact:
    """Give what one device used on the last complete days, and what that costs.

    Raises:
        StoreError: The store cannot be read.
    """
    found = {impact.entity_id: impact for impact in _impacts(settings, store, now, period_days, entity_id)}
    domain = entity_id.partition(".")[0]
    nothing = DeviceImpact(entity_id, domain, None, None, 0, None, 0, None, None, None, NO_EVENTS)
    return found.get(entity_id, nothing)


def top_consumers(
    settings: Settings, store: Store, now: pd.Timestamp, *, period_days: int = 7, limit: int = 10
) -> list[DeviceImpact]:
    """List the devices that used the most on the last complete days; those that are not learnt are left out.

    Raises:
        StoreError: The store cannot be read.
    """
    known = [impact for impact in _impacts(settings, store, now, period_days) if impact.estimated_daily_kwh is not None]
    ranked = sorted(known, key=lambda impact: (-(impact.estimated_daily_kwh or 0.0), impact.entity_id))
    return ranked[:limit]


def _impacts(
    settings: Settings, store: Store, now: pd.Timestamp, period_days: int, entity_id: str | None = None
) -> list[DeviceImpact]:
    zone = settings.site.zone
    today = days.civil_day(now, zone)
    first = today - timedelta(days=period_days)
    start, end = days.opening(first, zone), days.opening(today, zone)
    rows = read_devices(store, start, end, entity_id)
    changes = read_events(store, start, end)["entity_id"].value_counts()
    price = electricity_price(settings, store, first, today - timedelta(days=1))
    impacts = []
    for name, own in rows.groupby("entity_id", sort=True):
        impact = _impact_of(str(name), own, int(changes.get(name, 0)), period_days)
        if impact.estimated_daily_kwh is not None:
            cost = None if price is None else impact.estimated_daily_kwh * _DAYS_PER_MONTH * price
            impact = replace(impact, estimated_monthly_cost=cost, reason=None if price is not None else NO_PRICE)
        impacts.append(impact)
    return impacts


def _impact_of(entity_id: str, rows: pd.DataFrame, changes: int, period_days: int) -> DeviceImpact:
    on_hours = math.fsum(rows["on_hours"])
    learnt = rows[rows["on_w"].notna()]
    domain = entity_id.partition(".")[0]
    if learnt.empty:
        return DeviceImpact(entity_id, domain, None, None, changes, on_hours, len(rows), None, None, None, NOT_LEARNT)
    energy = math.fsum(learnt["on_w"] * learnt["on_hours"])
    hours = math.fsum(learnt["on_hours"])
    power = energy / hours if hours else float(learnt["on_w"].mean())
    scatter = float((learnt["spread_w"] / learnt["on_w"]).mean()) if power else 1.0
    return DeviceImpact(
        entity_id=entity_id,
        domain=domain,
        average_power_on_w=power,
        average_power_off_w=None,
        total_state_changes=changes,
        on_hours=on_hours,
        known_days=len(rows),
        estimated_daily_kwh=energy / 1000 / len(learnt),
        estimated_monthly_cost=None,
        sure=min(max(1 - scatter, 0.0), 1.0) * min(len(learnt) / period_days, 1.0),
    )


def _until(now: pd.Timestamp) -> pd.Timestamp:
    """Give the end of a range that includes the present."""
    return now + pd.Timedelta(microseconds=1)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
