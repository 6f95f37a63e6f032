"""Explains a meter's day, month or year, together with its sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import QUALITIES
from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import REGISTER_BAND_COLUMNS
from workflows_dagster.domain.periods import Step, by_period
from workflows_dagster.evaluation.explanation.derived_figures import FromDifference, FromSources
from workflows_dagster.evaluation.explanation.figures import Explanation, Stored, Tally
from workflows_dagster.evaluation.explanation.of_master import MasterExplained, known
from workflows_dagster.evaluation.explanation.of_physical import PhysicalExplained
from workflows_dagster.evaluation.explanation.of_virtual import VirtualExplained
from workflows_dagster.evaluation.explanation.text_reasons import OutsideCode, outside_sentence
from workflows_dagster.evaluation.house import Evaluation
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter
from workflows_dagster.stores.ports import Store
from workflows_dagster.wording import Words

_COMPARED = ("opening", "closing", "consumption", "quality", "estimated_share", "residual")


class NothingToExplainError(ValueError):
    """The days asked for lie outside the computed range; the text names the range.

    Args:
        code: Why.
        period: What was asked for.
        day: Today; for `before_days` the first day.
    """

    def __init__(self, code: OutsideCode, period: str, day: date) -> None:
        self.code, self.period, self.day = code, period, day
        super().__init__(self.sentence(Words("en")))

    def sentence(self, words: Words) -> str:
        """Write why there is nothing to explain, and which period to ask for instead."""
        return outside_sentence(self.code, self.period, self.day, words)


class Explainer:
    """Explains the numbers of one house.

    Args:
        settings: The house.
        store: Its readings, profiles and days.
        now: The present, UTC.
    """

    def __init__(self, settings: Settings, store: Store, now: pd.Timestamp) -> None:
        self._settings, self._store, self._now = settings, store, now.as_unit("us")
        self._zone = settings.site.zone

    def explain(self, meter_id: str, asked: CivilPeriod) -> Explanation:
        """Explain a meter's day, month or year.

        Args:
            meter_id: The meter.
            asked: The period. A running month or year is explained until yesterday; today is explained until now.

        Raises:
            NothingToExplainError: It lies in the future, or before the days begin.
            StoreError: The store cannot be read.
        """
        within = self._within(asked)
        today = days.civil_day(self._now, self._zone)
        house = _House(self._settings, self._store, within, self._now if within.last == today else None)
        explained = house.explain(meter_id, asked.name)
        if house.until is not None:
            return replace(explained, provisional=True)
        return replace(house.banded(explained), stored=self._stored(meter_id, house))

    def _within(self, asked: CivilPeriod) -> DayRange:
        """Limit the period to days that are over and that the system computes."""
        today, begin = days.civil_day(self._now, self._zone), self._settings.first_day
        whole = DayRange(asked.first, asked.last)
        if whole.first > today:
            raise NothingToExplainError("in_future", asked.name, today)
        if whole.last < begin:
            raise NothingToExplainError("before_days", asked.name, begin)
        if whole.count == 1:
            return whole
        over = whole.clipped(DayRange(begin, today - timedelta(days=1))) if begin < today else None
        if over is None:
            raise NothingToExplainError("not_over", asked.name, today)
        return over

    def _stored(self, meter_id: str, house: _House) -> Stored:
        """Compare the days with what the store holds, bit for bit."""
        computed = house.frame(meter_id)
        stored = read_days(self._store, meter_id, house.cuts[0], house.cuts[-1])
        index = pd.DatetimeIndex(computed.index.union(stored.index))
        left, right = computed.reindex(index), stored.reindex(index)
        equal = np.ones(len(index), dtype=bool)
        for column in _COMPARED:
            here = left[column] if column in left else pd.Series(np.nan, index=index)
            equal &= ((here == right[column]) | (here.isna() & right[column].isna())).to_numpy()
        differing = tuple(days.civil_days(pd.DatetimeIndex(index[~equal]), self._zone))
        if stored.empty:
            return Stored(0, None, None, differing)
        values = stored["consumption"].dropna().to_numpy()
        worst = max(QUALITIES.index(quality) for quality in stored["quality"])
        return Stored(len(stored), math.fsum(values) if len(values) else None, QUALITIES[worst], differing)


class _House:
    """All meters' days over one range."""

    def __init__(self, settings: Settings, store: Store, within: DayRange, until: pd.Timestamp | None) -> None:
        self._settings, self._store, self._within = settings, store, within
        self.until = until
        self._evaluation = Evaluation(settings, store, until=until)
        self.cuts = within.openings(settings.site.zone)
        if until is not None:
            self.cuts = pd.DatetimeIndex(self.cuts[:-1].append(pd.DatetimeIndex([until]).as_unit("us")))
        self._frames: dict[str, pd.DataFrame] = {}

    def frame(self, meter_id: str) -> pd.DataFrame:
        """Give a meter's days, each meter evaluated once."""
        if meter_id not in self._frames:
            meter = self._settings.meters[meter_id]
            if isinstance(meter, PhysicalMeter):
                evaluated = self._evaluation.physical(meter, self._within)
            else:
                frames = {source: self.frame(source) for source in meter.upstream}
                evaluated = self._evaluation.derived(meter, self._within, frames)
            self._frames[meter_id] = evaluated.days
        return self._frames[meter_id]

    def explain(self, meter_id: str, name: str) -> Explanation:
        meter, frame = self._settings.meters[meter_id], self.frame(meter_id)
        zone = self._settings.site.zone
        summary = _summary(frame) if len(frame) else None
        bare = Explanation(
            meter_id=meter_id,
            description=meter.description or "",
            type=meter.type,
            unit=meter.output_unit,
            period=name,
            first=self._within.first,
            last=self._within.last,
            opens=self.cuts[0].tz_convert(zone),
            closes=self.cuts[-1].tz_convert(zone),
            lives_from=None,
            lives_until=None,
            consumption=None if summary is None else known(float(summary["consumption"])),
            quality=None if summary is None else str(summary["quality"]),
            estimated_share=None if summary is None else known(float(summary["estimated_share"])),
            opening=None if summary is None else known(float(summary["opening"])),
            closing=None if summary is None else known(float(summary["closing"])),
            tally=tuple(_tally(frame)),
            reasons=(),
            arithmetic=None,
            opening_lower=None if summary is None else known(float(summary["opening_lower"])),
            opening_upper=None if summary is None else known(float(summary["opening_upper"])),
        )
        return self._grounded(bare, meter, frame, name)

    def banded(self, explained: Explanation) -> Explanation:
        """Add the band of an estimated number."""
        if explained.consumption is None or not explained.estimated_share:
            return explained
        lower, upper = self._evaluation.bands.around(
            explained.meter_id, [self._within], np.array([explained.consumption])
        )
        if lower[0] == upper[0]:
            return explained
        return replace(explained, lower=float(lower[0]), upper=float(upper[0]))

    def _grounded(self, bare: Explanation, meter: Meter, frame: pd.DataFrame, name: str) -> Explanation:
        if isinstance(meter, PhysicalMeter):
            of_readings = PhysicalExplained(
                self._settings, self._store, self._evaluation.of_physical, meter, self.cuts, frame
            ).grounds()
            return replace(
                bare,
                arithmetic=of_readings.arithmetic,
                reasons=of_readings.reasons,
                findings=of_readings.findings,
                lives_from=of_readings.lives_from,
                lives_until=of_readings.lives_until,
            )
        frames: Mapping[str, pd.DataFrame] = {source: self.frame(source) for source in meter.upstream}
        starts, derived = pd.DatetimeIndex(self.cuts[:-1]), self._evaluation.of_derived
        grounds: MasterExplained | VirtualExplained
        if isinstance(meter, MasterMeter):
            grounds = MasterExplained(self._settings, derived, meter, starts, frame, frames)
        else:
            grounds = VirtualExplained(self._settings, derived, meter, starts, frame, frames)
        arithmetic = grounds.arithmetic()
        counted = _counted(arithmetic) if arithmetic is not None else meter.upstream
        return replace(
            bare,
            arithmetic=arithmetic,
            reasons=grounds.reasons(),
            sources=tuple(self.explain(source, name) for source in counted),
        )


def _counted(arithmetic: FromSources | FromDifference) -> tuple[str, ...]:
    if isinstance(arithmetic, FromSources):
        return tuple(dict.fromkeys(part.source for part in arithmetic.parts))
    return tuple(dict.fromkeys(term.source for term in arithmetic.terms if term.days))


def _summary(frame: pd.DataFrame) -> pd.Series:
    columns = frame.reindex(columns=[*_COMPARED, *REGISTER_BAND_COLUMNS])
    step: Step = "day" if len(frame) == 1 else "year"
    return by_period(columns, pd.Index([date.min] * len(frame), dtype=object), step).iloc[0]


def _tally(frame: pd.DataFrame) -> list[Tally]:
    return [
        Tally(quality, int(there.sum()), math.fsum(frame.loc[there, "consumption"].dropna()))
        for quality in QUALITIES
        if (there := (frame["quality"] == quality).to_numpy()).any()
    ]
