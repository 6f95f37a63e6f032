"""Explains a physical meter's days: its readings, gap by gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.degree_days import DegreeDayProfile
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.like_profile import LikeProfile
from workflows_dagster.domain.season import Profile
from workflows_dagster.evaluation.explanation.pieces import PieceCutter, Stretch
from workflows_dagster.evaluation.explanation.reading_figures import (
    BeyondReadings,
    FromReadings,
    Piece,
    ProfileUsed,
    Reading,
    WholeGaps,
)
from workflows_dagster.evaluation.explanation.reasons import Figure, Reason
from workflows_dagster.evaluation.outdoor_temperature import credit
from workflows_dagster.evaluation.physical import Basis, PhysicalMeters
from workflows_dagster.evaluation.valid_readings import raw_series
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import RawStore


@dataclass(frozen=True)
class PhysicalGrounds:
    """The parts of a physical meter's explanation.

    Attributes:
        arithmetic: None where there is no value.
        reasons: Reasons for the days' quality, or for missing values.
        findings: About the readings used, in time order.
        lives_from: Where the meter's life begins within the days, else None.
        lives_until: Where it ends within the days, else None.
    """

    arithmetic: FromReadings | None
    reasons: tuple[Reason, ...]
    findings: tuple[Finding, ...]
    lives_from: pd.Timestamp | None
    lives_until: pd.Timestamp | None


class PhysicalExplained:
    """Explains days of one physical meter.

    Args:
        settings: The house.
        store: Its readings.
        meters: Evaluates its physical meters.
        meter: The meter.
        cuts: Instants at which the days open, and at which the last one closes, UTC, shape (n + 1,).
        frame: Those days as evaluated, index the openings of the days within the meter's life.

    Raises:
        StoreError: The raw readings cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        store: RawStore,
        meters: PhysicalMeters,
        meter: PhysicalMeter,
        cuts: pd.DatetimeIndex,
        frame: pd.DataFrame,
    ) -> None:
        self._store, self._meter, self._zone, self._frame = store, meter, settings.site.zone, frame
        self._credit = credit(settings)
        self._edges = days.microseconds(cuts)
        self._basis: Basis = meters.basis(meter, cuts)
        self._raw = self._raw_around()
        self._cutter = PieceCutter(self._basis, self._zone, self._declared_at())

    def grounds(self) -> PhysicalGrounds:
        """Give the arithmetic, and the reasons for its quality."""
        stretches = list(self._stretches())
        arithmetic = self._arithmetic(stretches) if stretches else None
        absence = tuple(self._absence())
        reasons = (*self._reasons(arithmetic.pieces), *absence) if arithmetic else absence
        lo, hi = self._used()
        begins, ends = (
            days.instants(np.array([at if at is not None else edge]))[0]
            for at, edge in ((lo, self._edges[0]), (hi, self._edges[-1]))
        )
        findings = tuple(
            finding
            for finding in self._basis.register.findings
            if finding.end >= begins and (finding.start <= ends or hi is None)
        )
        life = self._basis.life
        inside = [
            at if at is not None and self._edges[0] < at < self._edges[-1] else None for at in (life.start, life.end)
        ]
        local = [self._cutter.local(at) if at is not None else None for at in inside]
        return PhysicalGrounds(arithmetic, reasons, findings, local[0], local[1])

    def _stretches(self) -> Iterator[Stretch]:
        """Join consecutive days with a value, each no longer than the meter's life."""
        starts = days.microseconds(pd.DatetimeIndex(self._frame.index))
        known = self._frame["consumption"].notna().to_numpy()
        clipped = self._basis.life.clip(self._edges)
        begin: int | None = None
        end = 0
        for at in starts[known].tolist():
            day = int(np.searchsorted(self._edges, at))
            opens, closes = int(clipped[day]), int(clipped[day + 1])
            if begin is not None and opens != end:
                yield Stretch(begin, end)
                begin = None
            begin, end = (opens if begin is None else begin), closes
        if begin is not None:
            yield Stretch(begin, end)

    def _arithmetic(self, stretches: list[Stretch]) -> FromReadings:
        basis, meter = self._basis, self._meter
        profile = basis.weight.profile
        follows = (profile.percentages is not None or isinstance(profile, LikeProfile)) and profile.season != 0
        seasonal = follows or profile.ahead is not None
        times = basis.register.times
        inside = np.flatnonzero((times >= self._edges[0]) & (times < self._edges[-1]))
        held, excluded = self._held_and_excluded()
        return FromReadings(
            source="interval" if meter.source.kind == "interval" else "register",
            profile=_profile_used(profile, self._credit) if seasonal else None,
            measured_max_gap_hours=meter.measured_max_gap_hours,
            pieces=tuple(piece for stretch in stretches for piece in self._cutter.pieces(stretch)),
            readings_inside=len(inside),
            first_inside=self._cutter.reading(int(inside[0])) if len(inside) else None,
            last_inside=self._cutter.reading(int(inside[-1])) if len(inside) else None,
            held=held,
            excluded=excluded,
            like=meter.estimate.like if basis.weight.given is not None else None,
        )

    def _used(self) -> tuple[int | None, int | None]:
        """Give the instants of the readings around the days; None where there is none on a side."""
        times = self._basis.register.times
        before, after = times[times <= self._edges[0]], times[times >= self._edges[-1]]
        return (int(before[-1]) if len(before) else None), (int(after[0]) if len(after) else None)

    def _raw_around(self) -> pd.Series:
        lo, hi = self._used()
        start, end = self._basis.life.start, self._basis.life.end
        lo, hi = lo if lo is not None else start, hi if hi is not None else end
        bounds = [days.instants(np.array([at]))[0] if at is not None else None for at in (lo, hi)]
        past = bounds[1] + pd.Timedelta(microseconds=1) if bounds[1] is not None else None
        return self._store.readings(raw_series(self._meter), bounds[0], past)

    def _held_and_excluded(self) -> tuple[int, tuple[Reading, ...]]:
        if not self._basis.register.counts:
            return 0, ()
        times = days.microseconds(pd.DatetimeIndex(self._raw.index))
        values = self._raw.to_numpy(dtype=float)
        register = self._basis.register
        at = np.searchsorted(register.times, times)
        valid = np.isin(times, register.times)
        shown = register.values[np.minimum(at, len(register) - 1)]
        held = int((valid & (values < shown)).sum())
        lo, hi = self._used()
        # Readings beyond the first or last one that was read are not known here.
        inside = (times >= (lo if lo is not None else times.min(initial=0))) & ((times <= hi) if hi else True)
        left_out = np.flatnonzero(~valid & inside & np.isfinite(values))
        return held, tuple(Reading(self._cutter.local(int(times[k])), float(values[k])) for k in left_out.tolist())

    def _declared_at(self) -> int | None:
        """Give the instant of the register's first reading if it comes from meters.yaml, not from the store."""
        register = self._basis.register
        if self._meter.initial_reading is None or not register.counts or not (len(register) and register.begins):
            return None
        first = int(register.times[0])
        read = days.microseconds(pd.DatetimeIndex(self._raw.index))
        is_start = first == self._basis.life.start and register.values[0] == self._meter.initial_reading
        return first if is_start and first not in read else None

    def _reasons(self, pieces: tuple[Piece, ...]) -> tuple[Reason, ...]:
        """Give the reasons for the quality of the first and last pieces, which determine that of the days."""
        if len(self._edges) > 2:
            return ()
        both = [self._reason(piece) for piece in (pieces[0], pieces[-1])]
        return tuple(both[:1] if both[0] == both[1] else both)

    def _reason(self, piece: Piece) -> Reason:
        meter, limit = self._meter, self._basis.allowance.measured_max_gap_hours
        if isinstance(piece, BeyondReadings):
            at = {"at": piece.reading.at}
            return Reason("extrapolated_before", at) if piece.side == "first" else Reason("extrapolated_after", at)
        if isinstance(piece, WholeGaps):
            apart = piece.longest_gap_days
            kind = "climb" if self._basis.register.counts else "hour"
            estimated = piece.estimated_amount != 0
        else:
            apart, kind, estimated = piece.gap.days, piece.gap.kind, piece.estimated
        if kind == "bridged":
            return Reason("hours_bridged", {"apart": apart})
        if kind == "fitted":
            return Reason("hours_fitted", {"apart": apart, "estimated": "yes" if estimated else "no"})
        if kind == "hour":
            return Reason("hours_known", {})
        if estimated:
            return Reason("interpolated", {"apart": apart, "limit": limit})
        if apart * 24 > limit:
            return Reason("nothing_used", {"apart": apart, "resolution": meter.resolution})
        return Reason("measured", {"limit": limit})

    def _absence(self) -> Iterator[Reason]:
        """Give the reasons why days have no value or lie outside the meter's life."""
        meter, basis, life = self._meter, self._basis, self._basis.life
        if len(basis.register) == 0 and life.start is None:
            yield Reason("no_reading", self._where())
            return
        start, end = (self._cutter.local(at) if at is not None else None for at in (life.start, life.end))
        if life.start is not None and start is not None and self._edges[-1] <= life.start:
            if meter.installation_date is not None:
                yield Reason("not_yet_installed", {"at": start, "installed": _configured(meter.installation_date)})
            else:
                yield Reason("before_first_reading", {"at": start})
        if life.end is not None and end is not None and self._edges[0] >= life.end:
            taken_out = _configured(meter.deinstallation_date) if meter.deinstallation_date else ""
            yield Reason("taken_out", {"at": end, "taken_out": taken_out})
        missing = self._frame.index[self._frame["consumption"].isna()]
        if len(missing) == 0:
            return
        reason = self._why_missing(days.microseconds(pd.DatetimeIndex(missing)))
        if len(self._edges) == 2:
            yield reason
        else:
            yield replace(reason, missing=len(missing), first_missing=days.civil_day(missing[0], self._zone))

    def _why_missing(self, starts: np.ndarray) -> Reason:
        basis, register = self._basis, self._basis.register
        if len(register) == 0:
            return Reason("no_reading", self._where())
        clipped = basis.life.clip(self._edges)
        opens = clipped[np.searchsorted(self._edges, starts)]
        closes = clipped[np.searchsorted(self._edges, starts) + 1]
        after = closes > register.times[-1]
        number = -1 if after.any() else 0
        reading = self._cutter.reading(len(register) - 1 if number else 0)
        side = "last" if after.any() else "first"
        known: dict[str, Figure] = {"side": side, "value": reading.value, "at": reading.at}
        if (basis.tail if after.any() else basis.head) is None:
            return Reason("no_rate", known)
        away = closes[after].max() - register.times[-1] if after.any() else register.times[0] - opens.min()
        limit = float(basis.allowance.max_extrapolation_days)
        return Reason("too_far", {**known, "away": float(away) / MICROSECONDS_PER_DAY, "limit": limit})

    def _where(self) -> dict[str, Figure]:
        series = raw_series(self._meter)
        return {"measurement": series.measurement, "entity_id": series.entity_id, "field": series.field}


def _configured(moment: date) -> Figure:
    """Give a date as it was configured: a civil day, or an exact time as text."""
    return str(moment) if isinstance(moment, datetime) else moment


def _profile_used(profile: Profile, said: str | None) -> ProfileUsed:
    used = ProfileUsed(profile.base, profile.season, profile.version, is_shaped=profile.ahead is not None)
    if isinstance(profile, LikeProfile):
        return replace(used, other=profile.other, mean_use=profile.mean_use)
    if not isinstance(profile, DegreeDayProfile):
        return used
    return replace(
        used,
        base_temperature=profile.base_temperature,
        missed=profile.missed,
        missed_by_season=profile.missed_by_season,
        credit=said,
    )
