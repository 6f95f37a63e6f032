"""Finds the costs, anomalies, months and checks whose inputs differ from those they were computed from.

One number per day digests a result's inputs: the stored days that it reads, and the prices, rules and profiles that it
applies. The number is stored with the result (records/made_from.py). A result is due on the days on which the stored
number differs from the one computed now, regardless of what caused the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.costs import prices_of_days, standing_charges, unit_prices
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.deviations import LOOKBACK_DAYS
from workflows_dagster.domain.months import MONTHS_A_YEAR, last_day, month_of, months_in, shifted
from workflows_dagster.domain.rate_window import RATE_WINDOW_DAYS
from workflows_dagster.evaluation.costs import sums_sources
from workflows_dagster.evaluation.hour_prices import hourly_prices, hourly_series
from workflows_dagster.records.made_from import (
    all_kept_digests,
    keep_digests,
    kept_digests,
    month_digests,
    stored_digests,
)
from workflows_dagster.records.profiles import kept_versions
from workflows_dagster.repair.digest_sums import (
    Numbers,
    folded,
    key,
    mixed,
    nothing,
    nothing_at,
    of_meter,
    summed,
    window,
)
from workflows_dagster.repair.fingerprints import Fingerprints
from workflows_dagster.repair.snapshot import digest
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter, PhysicalMeter
from workflows_dagster.stores.ports import Store

COSTS, ANOMALIES, MONTHS, CHECKS = "costs", "anomalies", "monthly_consumption", "meter_checks"
OWNERS = (COSTS, ANOMALIES, MONTHS, CHECKS)
# A physical meter's long gap is compared with the year before it, and may itself last a year. [d]
GAP_LOOKBACK_DAYS = 2 * RATE_WINDOW_DAYS

# What a month is made of its days by; another rule makes all months due.
_MONTHS_RULE = "residuals clipped once, bands, years"

_Profiles = dict[str, str]


@dataclass(frozen=True)
class DueDays:
    """The days on which a result is due.

    Attributes:
        days: Civil days in order; of months their first days.
        reason: Digest of the current and the recorded inputs; unchanged as long as neither changes.
    """

    days: tuple[date, ...]
    reason: str


class MadeFrom:
    """Compares the inputs of one house's results with the recorded ones.

    Args:
        settings: The house.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._zone = settings, settings.site.zone
        site, meters = settings.site, [repr(meter) for meter in settings.meters]
        self._recipe = digest(
            _MONTHS_RULE, settings.tariffs, site.gas_conversion, site.anomalies, site.timezone, meters
        )
        self._dated_prices: dict[DayRange, dict[str, Numbers]] = {}
        self._hourly: dict[str, tuple[str, pd.Series]] = {}
        self._fingerprints = Fingerprints()

    def state(self, store: Store, last: date, now: pd.Timestamp) -> str:
        """Digest everything that `due` depends on, cheaply: equal states have equal due days.

        Args:
            store: The house's store.
            last: Last complete day.
            now: The present, UTC.

        Raises:
            StoreError: The store cannot be read.
        """
        months = {owner: (tuple(found.index), tuple(found)) for owner, found in month_digests(store).items()}
        prices = {}
        if self._settings.tariffs.has_hourly_prices:
            prices = _by_month(self._fingerprints.look(store, list(hourly_series(self._settings)), now))
        return digest(last, sorted(months.items()), sorted(prices.items()), kept_versions(store), self._recipe)

    def due(self, store: Store, within: DayRange) -> dict[str, DueDays]:
        """Find the days on which each result is due; a result without due days is absent.

        Raises:
            StoreError: The store cannot be read.
        """
        span = DayRange(month_of(within.first), within.last)
        kept = all_kept_digests(store, self._zone, span)
        wanted = {
            COSTS: self._costs(kept, span, self._all_hourly(store, span)),
            ANOMALIES: self._anomalies(kept, span, kept_versions(store)),
            CHECKS: self._checks(kept, span),
        }
        wanted[MONTHS] = self._months({**kept, COSTS: wanted[COSTS]}, span)
        found = {}
        for owner in OWNERS:
            made = kept.get(owner, np.zeros(len(wanted[owner]), dtype=np.uint32))
            at = np.flatnonzero(wanted[owner] != made)
            if len(at):
                civil = tuple(span.first + timedelta(days=int(k)) for k in at)
                found[owner] = DueDays(civil, digest(civil, wanted[owner][at].tobytes(), made[at].tobytes()))
        return found

    def now(self, store: Store, owner: str, asked: DayRange) -> np.ndarray:
        """Give the digests of a result's current inputs.

        Call it before the days are read, and pass the digests to `keep` after the result is written: a change in
        between then leaves the result due.

        Args:
            store: The house's store.
            owner: One of `OWNERS`.
            asked: The civil days; of months all of theirs.

        Returns:
            Number of each day, shape (days,), `uint32`.

        Raises:
            StoreError: The store cannot be read.
        """
        # Days before the house's first day do not count; `due` ignores them.
        reached = max(month_of(asked.first - self._reach(owner)), month_of(self._settings.first_day))
        span = DayRange(min(reached, asked.first), asked.last)
        kept = all_kept_digests(store, self._zone, span)
        if owner == COSTS:
            numbers = self._costs(kept, span, self._hourly_prices(store, span))
        elif owner == ANOMALIES:
            numbers = self._anomalies(kept, span, kept_versions(store))
        elif owner == MONTHS:
            numbers = self._months(kept, span)
        else:
            numbers = self._checks(kept, span)
        return numbers[(asked.first - span.first).days :]

    def keep(self, store: Store, owner: str, asked: DayRange, numbers: np.ndarray) -> None:
        """Record the digests of a result's inputs, after the result is written.

        Raises:
            StoreError: It does not read back as written.
        """
        keep_digests(store, owner, self._zone, asked, numbers)

    # Inputs of each result

    def _costs(self, kept: Mapping[str, np.ndarray], span: DayRange, hourly: pd.Series) -> np.ndarray:
        total, there = nothing(span), np.zeros(span.count, dtype=bool)
        for meter_id, prices in self._dated(span).items():
            if meter_id in kept:
                present = kept[meter_id] != 0
                total += np.where(present, mixed(mixed(kept[meter_id] + key(meter_id)) + prices), np.uint64(0))
                there |= present
        return np.where(there, folded(total + self._by_day(hourly, span)), np.uint32(0))

    def _anomalies(self, kept: Mapping[str, np.ndarray], span: DayRange, profiles: _Profiles) -> np.ndarray:
        rule, total = repr(self._settings.site.anomalies), nothing(span)
        for meter in self._settings.meters:
            if meter.meter_id in kept:
                facts = repr(meter.model_copy(update={"description": None}))
                of_profile = [profiles.get(source) for source in sorted(self._physical(meter))]
                own = of_meter(kept[meter.meter_id], span, key(meter.meter_id, facts, rule, of_profile))
                reach = GAP_LOOKBACK_DAYS if isinstance(meter, PhysicalMeter) else LOOKBACK_DAYS
                total += window(own, reach)
        return np.where(self._present(kept, span), folded(total), np.uint32(0))

    def _checks(self, kept: Mapping[str, np.ndarray], span: DayRange) -> np.ndarray:
        return np.where(self._present(kept, span), folded(self._house(kept, span)), np.uint32(0))

    def _months(self, kept: Mapping[str, np.ndarray], span: DayRange) -> np.ndarray:
        """Give each month's digest on its first day: of its days and costs, and of the months compared with."""
        numbers = np.zeros(span.count, dtype=np.uint32)
        house, present = summed(self._house(kept, span)), summed(self._present(kept, span).astype(np.uint64))
        costs = summed(of_meter(kept[COSTS], span, key(COSTS))) if COSTS in kept else None

        def of(month: date, sums: Numbers | None) -> Numbers:
            low = max((month - span.first).days, 0)
            high = min((last_day(month) - span.first).days + 1, len(numbers))
            return sums[high : high + 1] - sums[low : low + 1] if sums is not None and low < high else nothing_at()

        for month in months_in(span):
            if of(month, present)[0] and month >= span.first:
                parts = (of(month, house), of(shifted(month, -1), house), of(shifted(month, -MONTHS_A_YEAR), house))
                total = nothing_at() + key(_MONTHS_RULE)
                for place, part in enumerate((*parts, of(month, costs)), start=1):
                    total += mixed(part + key(place))
                numbers[(month - span.first).days] = folded(total)[0]
        return numbers

    @staticmethod
    def _reach(owner: str) -> timedelta:
        if owner == ANOMALIES:
            return timedelta(days=GAP_LOOKBACK_DAYS)
        return timedelta(days=366) if owner == MONTHS else timedelta()

    def _house(self, kept: Mapping[str, np.ndarray], span: DayRange) -> Numbers:
        total = nothing(span)
        for meter in self._settings.meters:
            if meter.meter_id in kept:
                total += of_meter(kept[meter.meter_id], span, key(meter.meter_id))
        return total

    def _present(self, kept: Mapping[str, np.ndarray], span: DayRange) -> npt.NDArray[np.bool_]:
        there = np.zeros(span.count, dtype=bool)
        for meter in self._settings.meters:
            if meter.meter_id in kept:
                there |= kept[meter.meter_id] != 0
        return there

    def _physical(self, meter: Meter) -> Iterable[str]:
        if isinstance(meter, PhysicalMeter):
            return {meter.meter_id}
        return {found for source in meter.upstream for found in self._physical(self._settings.meters[source])}

    # Prices and profiles

    def _dated(self, span: DayRange) -> dict[str, Numbers]:
        """Digest the dated prices of each meter's days; meters without a tariff have equal digests."""
        if span not in self._dated_prices:
            tariffs, gas = self._settings.tariffs, self._settings.site.gas_conversion
            civil = pd.Index(list(span), dtype=object)
            found = {}
            for meter in self._settings.meters:
                numbers, tariff = nothing(span), tariffs.of_meter(meter)
                if tariff is not None:
                    prices = tariff.dated(meter)
                    facts: tuple[object, ...] = (
                        tariffs.currency, meter.output_unit, tariff.sign, tariff.hourly_prices,
                    )  # fmt: skip
                    unit_price = unit_prices(civil, meter.output_unit, prices, gas).view(np.uint64)
                    numbers = mixed(unit_price + key(*facts)) + standing_charges(civil, prices).view(np.uint64)
                    for k, on in prices_of_days(civil, prices):
                        if prices[k].times:
                            numbers[on] = mixed(numbers[on] + key(prices[k].times))
                found[meter.meter_id] = numbers
            for meter in self._settings.meters:
                if sums_sources(self._settings, meter):
                    parts = [mixed(found[source] + key(source)) for source in meter.upstream]
                    found[meter.meter_id] = mixed(sum(parts, found[meter.meter_id]))
            # Called every 30 s; only the newest span is cached.
            self._dated_prices = {span: found}
        return self._dated_prices[span]

    def _all_hourly(self, store: Store, span: DayRange) -> pd.Series:
        """Reread the hourly prices of months that changed since the last call, and give those of all months."""
        if not self._settings.tariffs.has_hourly_prices:
            return pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC"))
        months = _by_month(store.fingerprints(list(hourly_series(self._settings))))
        for month, fingerprint in months.items():
            if self._hourly.get(month, ("", None))[0] != fingerprint:
                begin = pd.Timestamp(f"{month}-01", tz="UTC")
                readings = hourly_prices(self._settings, store, begin, begin + pd.offsets.MonthBegin(1))
                self._hourly[month] = (fingerprint, readings)
        self._hourly = {month: self._hourly[month] for month in sorted(months)}
        parts = [readings for _, readings in self._hourly.values()]
        return pd.concat(parts) if parts else pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC"))

    def _hourly_prices(self, store: Store, span: DayRange) -> pd.Series:
        if not self._settings.tariffs.has_hourly_prices:
            return pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC"))
        start, end = span.bounds(self._zone)
        return hourly_prices(self._settings, store, start.floor("h"), end)

    def _by_day(self, hourly: pd.Series, span: DayRange) -> Numbers:
        """Digest the prices of the hours that touch each day."""
        numbers = nothing(span)
        if hourly.empty:
            return numbers
        cuts = span.midnights(self._zone)
        times = pd.DatetimeIndex(hourly.index)
        lows, highs = times.searchsorted(cuts[:-1].floor("h")), times.searchsorted(cuts[1:])
        instants, values = days.microseconds(times), hourly.to_numpy(dtype=np.float64)
        for k in np.flatnonzero(highs > lows):
            low, high = lows[k], highs[k]
            numbers[k] = key(instants[low:high].tobytes(), values[low:high].tobytes())
        return numbers


def _by_month(fingerprints: pd.DataFrame) -> dict[str, str]:
    """Digest the hourly prices of each UTC month."""
    by_month: dict[str, list[str]] = {}
    for row in fingerprints[["month", "count", "sum", "first", "last"]].itertuples(index=False, name=None):
        by_month.setdefault(str(row[0]), []).extend(map(str, row))
    return {month: digest(*rows) for month, rows in by_month.items()}


def prove_digests(settings: Settings, store: Store, within: DayRange) -> list[str]:
    """Recompute the digests of all meters' stored days, and correct those that differ.

    Call it while no days are being computed.

    Returns:
        The meters with corrected digests.

    Raises:
        StoreError: The store cannot be read or written.
    """
    zone, span = settings.site.zone, DayRange(month_of(within.first), within.last)
    differed = []
    for meter in settings.meters:
        before = kept_digests(store, meter.meter_id, zone, span)
        true = stored_digests(store, meter.meter_id, zone, span)
        if not np.array_equal(before, true):
            differed.append(meter.meter_id)
            keep_digests(store, meter.meter_id, zone, span, true)
    return differed
