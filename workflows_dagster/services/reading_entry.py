"""Judges, stores, lists and deletes single hand readings."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.clients.spreadsheets.cells import TIME_OF_A_BARE_DAY
from workflows_dagster.clients.spreadsheets.time_stamps import Stamp, placed, stamp
from workflows_dagster.clients.spreadsheets.verdicts import CellError, Remark
from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import Allowance
from workflows_dagster.domain.bands import Bands, half_width
from workflows_dagster.domain.hand_readings import JudgedReading, StoredReading, judged, outcome_of
from workflows_dagster.domain.number_notation import Meaning, meanings
from workflows_dagster.domain.rate_window import RATE_WINDOW_DAYS, rate_window
from workflows_dagster.domain.register import Register, empty
from workflows_dagster.domain.slips import Expected, likely_slip
from workflows_dagster.evaluation import Evaluation, raw_series
from workflows_dagster.evaluation.valid_readings import counter_of
from workflows_dagster.records.added_readings import Added, mark_added
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import READING_NOTE, RawSeries, Store

_STEP = pd.Timedelta(microseconds=1)
_BY_AMOUNT = ("less_than_expected", "more_than_expected")
_WINDOW = pd.Timedelta(days=RATE_WINDOW_DAYS)
_WITHOUT_YEAR = re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.?(?P<clock> +\d{1,2}:\d{2}(:\d{2})?)?")
_CLOCK_ONLY = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


class NoSuchReadingError(LookupError):
    """No reading is stored at an instant.

    Args:
        near: Instants of the nearest stored readings, UTC.
    """

    def __init__(self, near: tuple[pd.Timestamp, ...]) -> None:
        self.near = near
        super().__init__("no reading at that instant")


class WrongMomentError(ValueError):
    """A moment cannot be read, or lies in the future.

    Args:
        remark: The reason.
    """

    def __init__(self, remark: Remark) -> None:
        self.remark = remark
        super().__init__(remark.code)


def moment_of(text: str, settings: Settings, now: pd.Timestamp) -> pd.Timestamp:
    """Parse a moment as a person writes it: `24.11. 18:00`, `24.11.2026`, `2026-11-24 18:00`, `18:00`.

    A day without a time is noon, a day without a year is the latest past one, a time without a day is today's.

    Raises:
        WrongMomentError: It is not a moment, or lies in the future.
    """
    zone = settings.site.zone
    local = now.tz_convert(zone)
    text = text.strip()
    try:
        written = _written(text, local)
    except CellError as error:
        raise WrongMomentError(error.remark) from None
    (placed_at,) = placed([written], zone, TIME_OF_A_BARE_DAY)
    at = placed_at.at
    if at is None:
        raise WrongMomentError(placed_at.remarks[0])
    if at > now:
        raise WrongMomentError(Remark("in_the_future", {"time": at.tz_convert(zone).to_pydatetime()}))
    return at


def _written(text: str, local: pd.Timestamp) -> Stamp:
    if _CLOCK_ONLY.fullmatch(text):
        return stamp(f"{local:%d.%m.%Y}", text, day_first=None, alone=False)
    short = _WITHOUT_YEAR.fullmatch(text)
    if short is None:
        return stamp(text, None, day_first=None, alone="." not in text.split(" ")[0])
    clock = (short["clock"] or "").strip() or None
    found = stamp(f"{short['d']}.{short['m']}.{local.year}", clock, day_first=None, alone=False)
    if found.moment.date() > local.date():
        return stamp(f"{short['d']}.{short['m']}.{local.year - 1}", clock, day_first=None, alone=False)
    if found.is_bare and found.moment.date() == local.date() and local.time() < TIME_OF_A_BARE_DAY:
        # Today without a time of day: the reading was taken just now.
        return Stamp(local.floor("min").tz_localize(None).to_pydatetime())
    return found


def readings_written(text: str) -> tuple[Meaning, ...]:
    """Give the possible meanings of a number as a reading: none, one, or two (the whole number first)."""
    return tuple(meaning for meaning in meanings(text) if np.isfinite(meaning.value) and meaning.value >= 0)


def register_series(meter: PhysicalMeter) -> RawSeries:
    """Give the series of the meter's register readings; for an interval meter, the one beside its intervals."""
    return RawSeries(meter.output_unit, meter.meter_id) if meter.source.kind == "interval" else raw_series(meter)


EntryVerdict = Literal["new", "same", "conflict", "implausible"]


@dataclass(frozen=True)
class Entered:
    """What became of a reading that was given.

    Attributes:
        judged: The reading and what is to be said of it.
        verdict: Whether it is new, stored already, in conflict with another at the same instant, or implausible.
        is_stored: Whether the store holds it now.
    """

    judged: JudgedReading
    verdict: EntryVerdict
    is_stored: bool


class ReadingEntry:
    """Judges, stores, lists and deletes hand readings of one house.

    Args:
        settings: The house.
        store: Its readings.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        evaluation = Evaluation(settings, store)
        self._physical, self._variances = evaluation.of_physical, evaluation.bands.variances

    def judge(self, meter: PhysicalMeter, value: float, at: pd.Timestamp) -> JudgedReading:
        """Judge a reading without storing it.

        Args:
            meter: The meter.
            value: Register reading. [meter unit]
            at: When, UTC.

        Raises:
            StoreError: The readings cannot be read.
        """
        series = register_series(meter)
        there = self._store.readings(series, at, at + _STEP)
        replaces = float(there.iloc[0]) if len(there) and float(there.iloc[0]) != value else None
        start, end = self._physical.readings.bounds(meter)
        if (start is not None and at < start) or (end is not None and at > end):
            return JudgedReading(meter.meter_id, at, value, doubts=("outside_life",), replaces=replaces)
        if meter.source.kind == "interval":
            # The rate comes from the intervals; readings of the register only have to rise.
            return JudgedReading(meter.meter_id, at, value, replaces=replaces)
        before, following = self._beside(meter, at)
        weight = self._physical.weight(meter)
        found = replace(judged(value, at, before, following, counter_of(meter), weight), replaces=replaces)
        expected = self._expected(meter, at, before)
        if expected is None:
            return found
        # What lies in the band is not implausible, however narrow the meter's history is.
        doubts = tuple(doubt for doubt in found.doubts if not (doubt in _BY_AMOUNT and expected.holds(value)))
        slip = likely_slip(value, expected, self._others(meter, at)) if doubts else None
        return replace(found, doubts=doubts, band=(expected.lower, expected.upper), slip=slip)

    def enter(
        self,
        meter: PhysicalMeter,
        value: float,
        at: pd.Timestamp,
        note: str | None = None,
        *,
        replacing: bool = False,
        though_implausible: bool = False,
        dry_run: bool = False,
    ) -> Entered:
        """Judge a reading and store it, if nothing speaks against it.

        Args:
            meter: The meter.
            value: Register reading. [meter unit]
            at: When, UTC.
            note: The person's note.
            replacing: Whether it may replace another reading at the same instant.
            though_implausible: Whether it is stored though it is implausible.
            dry_run: Whether nothing is stored.

        Raises:
            StoreError: The readings cannot be read or written.
        """
        judged_one = self.judge(meter, value, at)
        there = self._store.readings(register_series(meter), at, at + _STEP)
        if len(there) and float(there.iloc[0]) == value:
            return Entered(judged_one, "same", True)
        if judged_one.replaces is not None and not replacing:
            return Entered(judged_one, "conflict", False)
        if judged_one.doubts and not though_implausible:
            return Entered(judged_one, "implausible", False)
        if not dry_run:
            self.store(meter, value, at, note)
        return Entered(judged_one, "new", not dry_run)

    def expected(self, meter: PhysicalMeter, at: pd.Timestamp) -> Expected | None:
        """Give where a meter's reading is expected; None if its readings give no rate.

        Args:
            meter: The meter.
            at: When, UTC.

        Raises:
            StoreError: The readings cannot be read.
        """
        if meter.source.kind == "interval":
            return None
        return self._expected(meter, at, self._beside(meter, at)[0])

    def _expected(self, meter: PhysicalMeter, at: pd.Timestamp, before: Register) -> Expected | None:
        """Give the band of a register's advance since its last reading; None if its readings give no rate."""
        weight = self._physical.weight(meter)
        tail = rate_window(before, "last", weight)
        here = days.microsecond(at)
        if tail is None or not before.counts or counter_of(meter).kind != "register" or here <= before.times[-1]:
            return None
        allowance = Allowance(meter.measured_max_gap_hours, meter.max_extrapolation_days, counter_of(meter).jitter)
        spread = self._variances.spread(meter)
        span = np.array([before.times[-1], here], dtype=np.int64)
        bands = Bands(before, weight, allowance, spread, None, tail)
        width = float(half_width(self._variances.of_stretches(meter, bands, span[:1], span[1:]))[0])
        since = weight.beyond.integral(span)
        likely = tail.rate * float(since[1] - since[0])
        if weight.given is not None:
            likely += tail.given_share * float(np.diff(weight.given.integral(span))[0])
        return Expected(float(before.values[-1]), max(likely - width, 0.0), likely + width)

    def _others(self, meter: PhysicalMeter, at: pd.Timestamp) -> dict[str, Expected]:
        """Give where the readings of the other meters that are read by hand are expected."""
        found = {}
        for other in self._settings.meters.physical:
            if other.meter_id != meter.meter_id and other.reading_interval_days and other.source.kind == "register":
                expected = self._expected(other, at, self._beside(other, at)[0])
                if expected is not None:
                    found[other.meter_id] = expected
        return found

    def _beside(self, meter: PhysicalMeter, at: pd.Timestamp) -> tuple[Register, float | None]:
        """Give the valid readings before an instant that its rate follows from, and the one after it."""
        register = self._physical.readings.around(meter, at - 2 * _WINDOW, at)
        here = days.microsecond(at)
        count = int(np.searchsorted(register.times, here, side="left"))
        a_year_before = register.times[count - 1] - _WINDOW // pd.Timedelta(microseconds=1) if count else here
        # The one before that may be nearer to a year.
        first = max(int(np.searchsorted(register.times, a_year_before, side="left")) - 1, 0)
        later = np.flatnonzero(register.times > here)
        following = float(register.values[later[0]]) if len(later) else None
        before = register.between(min(first, max(count - 2, 0)), count - 1) if count else empty()
        return before, following

    def store(self, meter: PhysicalMeter, value: float, at: pd.Timestamp, note: str | None = None) -> None:
        """Store a reading; one at the same instant is replaced.

        Raises:
            StoreError: It was not stored.
        """
        self._store.write_readings(register_series(meter), pd.Series([value], index=_index(at), dtype=float))
        mark_added(self._store, meter.meter_id, Added(pd.Timestamp.now("UTC").as_unit("us"), at, at))
        if note:
            self._note(meter, at, note)

    def _note(self, meter: PhysicalMeter, at: pd.Timestamp, note: str | None) -> None:
        points = pd.DataFrame({"note": [note] if note else []}, index=_index(at) if note else _index(at)[:0])
        self._store.replace(READING_NOTE, meter.meter_id, meter.output_unit, at, at + _STEP, points)

    def newest(self, meter: PhysicalMeter) -> JudgedReading | None:
        """Judge the newest stored reading by those before it; None without any.

        Raises:
            StoreError: The readings cannot be read.
        """
        found = self._store.readings(register_series(meter), days.REPRESENTABLE[1], before=1)
        if found.empty:
            return None
        return self.judge(meter, float(found.iloc[0]), pd.Timestamp(pd.DatetimeIndex(found.index)[0]))

    def stored(self, meter: PhysicalMeter, newest: int | None = None) -> list[StoredReading]:
        """List stored readings in time order, with the outcome of cleaning.

        Args:
            meter: The meter.
            newest: Number of newest readings; None for all.

        Raises:
            StoreError: The readings cannot be read.
        """
        raw = self._store.readings(register_series(meter))
        if raw.empty:
            return []
        shown = raw if newest is None else raw.iloc[-newest:]
        first = pd.Timestamp(shown.index[0])
        if meter.source.kind == "interval":
            instants = pd.DatetimeIndex(shown.index)
            return [StoredReading(at, float(value), "used") for at, value in zip(instants, shown, strict=True)]
        register = self._physical.readings.around(meter, first, pd.Timestamp(shown.index[-1]) + _STEP)
        found = [*register.findings, *self._physical.suspicions(meter, register)]
        notes = self._store.read(READING_NOTE, meter.meter_id, first)["note"]
        start, end = self._physical.readings.bounds(meter)
        listed = []
        for at, value in zip(pd.DatetimeIndex(shown.index), shown.to_numpy(dtype=float), strict=True):
            note = notes.get(at)
            if (start is not None and at < start) or (end is not None and at > end):
                listed.append(StoredReading(at, float(value), "outside_life", note=note))
                continue
            outcome, advance, finding = outcome_of(register, found, at, float(value))
            listed.append(StoredReading(at, float(value), outcome, advance, finding, note))
        return listed

    def forget(self, meter: PhysicalMeter, at: pd.Timestamp) -> StoredReading:
        """Delete the reading at an instant; for an instant given to the minute, the only reading within that minute.

        Returns:
            The deleted reading.

        Raises:
            NoSuchReadingError: There is none; the error holds the nearest ones.
            StoreError: It was not deleted.
        """
        series = register_series(meter)
        found = self._store.readings(series, at, at + timedelta(minutes=1), before=1, after=1)
        inside = found[(found.index >= at) & (found.index < at + timedelta(minutes=1))]
        exact = inside[inside.index == at]
        chosen = exact if len(exact) else inside
        if len(chosen) != 1:
            raise NoSuchReadingError(tuple(pd.Timestamp(one) for one in found.index))
        when, value = pd.Timestamp(chosen.index[0]), float(chosen.iloc[0])
        self._store.delete_readings(series, when, when + _STEP)
        self._note(meter, when, None)
        return StoredReading(when, value, "used")


def _index(at: pd.Timestamp) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([at]).as_unit("us")
