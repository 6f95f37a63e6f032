"""How often the truth lies in the bands, how wide they are, and whether a constant share would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.accuracy.households import Household
from bench.accuracy.methods import ALLOWANCE, cleaned, look_at, register_of, spread
from bench.accuracy.trials import months_of, true_days, weather_of
from workflows_dagster.domain import days
from workflows_dagster.domain.bands import Bands, half_width
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.irregularity import fit_spread
from workflows_dagster.domain.profile_choice import Candidates, fit_best, weight_for
from workflows_dagster.domain.rate_window import rate_window

GAPS = (30, 60, 90, 180, 365)
NEXT_READINGS = (30, 90, 365)
SCHEDULES = 20
_NOMINAL = 0.8


@dataclass(frozen=True)
class Judged:
    """Numbers with bands, over what a mean number is.

    Attributes:
        estimate: Estimates, shape (n,). [1]
        truth: What they stand for, shape (n,). [1]
        half: Half widths of their bands, shape (n,). [1]
    """

    estimate: np.ndarray
    truth: np.ndarray
    half: np.ndarray

    @property
    def coverage(self) -> float:
        """Share of the truths within their bands, 0..1."""
        return float(np.mean(np.abs(self.truth - self.estimate) <= self.half))

    @property
    def width(self) -> float:
        """Mean full width. [1]"""  # noqa: D415
        return float(np.mean(2 * self.half))

    @property
    def score(self) -> float:
        """Mean interval score: the width, and ten times what a truth lies outside. [1]"""  # noqa: D415
        outside = np.maximum(np.abs(self.truth - self.estimate) - self.half, 0.0)
        return float(np.mean(2 * self.half + 2 / (1 - _NOMINAL) * outside))

    def by_share(self, share: float) -> Judged:
        """Give the same numbers with a constant share of each as its half width."""
        return Judged(self.estimate, self.truth, share * np.abs(self.estimate))


def judge_months(household: Household, gaps: Sequence[int] = GAPS, schedules: int = SCHEDULES) -> dict[int, Judged]:
    """Judge the bands of whole months between readings, by days between readings."""
    register = register_of(household.hours)
    truth = true_days(household)
    first, last = (days.civil_day(moment, household.zone) for moment in truth.index[[0, -1]])
    cuts = DayRange(first, last).openings(household.zone)
    months = months_of(truth, household)
    starts, ends = (
        days.microseconds(pd.DatetimeIndex([f(pd.Period(month)) for month in months.index]))
        for f in (
            lambda month: days.opening(month.start_time.date(), household.zone),
            lambda month: days.closing(month.end_time.date(), household.zone),
        )
    )
    weather = weather_of(household.temperatures)
    found: dict[int, Judged] = {}
    for gap in gaps:
        parts = []
        for seed in range(schedules):
            seen = cleaned(look_at(register, gap, seed))
            weight = weight_for(fit_best(seen, Candidates(household.table, weather)), weather)
            windows = rate_window(seen, "first", weight), rate_window(seen, "last", weight)
            bands = Bands(seen, weight, ALLOWANCE, fit_spread(seen, weight), *windows)
            estimate = months_of(spread(seen, cuts, weight), household).to_numpy()
            parts.append((estimate, months.to_numpy(), half_width(bands.variance(starts, ends))))
        found[gap] = _joined(parts, float(months.mean()))
    return found


def judge_next(
    household: Household, gaps: Sequence[int] = NEXT_READINGS, schedules: int = SCHEDULES
) -> dict[int, Judged]:
    """Judge the bands of what a next reading should show, by days until it."""
    register = register_of(household.hours)
    found: dict[int, Judged] = {}
    for gap in gaps:
        parts = []
        for seed in range(schedules):
            looked = look_at(register, gap, seed)
            for end in range(max(4, 400 // gap + 2), len(looked) - 1):
                seen, at = cleaned(looked.iloc[:end]), looked.index[end]
                weather = weather_of(household.temperatures, at)
                weight = weight_for(fit_best(seen, Candidates(household.table, weather)), weather)
                tail = rate_window(seen, "last", weight)
                bands = Bands(seen, weight, ALLOWANCE, fit_spread(seen, weight), None, tail)
                span = days.microseconds(pd.DatetimeIndex([looked.index[end - 1], at]))
                estimate = 0.0 if tail is None else tail.rate * float(np.diff(weight.beyond.integral(span))[0])
                truth = float(looked.iloc[end] - looked.iloc[end - 1])
                parts.append((np.array([estimate]), np.array([truth]), half_width(bands.variance(span[:1], span[1:]))))
        if parts:
            found[gap] = _joined(parts, float(np.mean([truth.mean() for _, truth, _ in parts])))
    return found


def constant_share(others: Sequence[Judged]) -> float:
    """Give the share of an estimate that holds four truths of five of other meters."""
    strayed = np.concatenate(
        [np.abs(one.truth - one.estimate) / np.maximum(np.abs(one.estimate), 1e-9) for one in others]
    )
    return float(np.quantile(strayed, _NOMINAL))


def table_rows(judged: Mapping[str, Mapping[int, Judged]]) -> list[list[str]]:
    """Give a row for each gap: coverage, its lowest meter, width, score, and the score of a constant share. [%]"""  # noqa: D415
    rows = []
    for gap in sorted({gap for of_meter in judged.values() for gap in of_meter}):
        here = {name: of_meter[gap] for name, of_meter in judged.items() if gap in of_meter}
        shares = [
            one.by_share(constant_share([other for key, other in here.items() if key != name] or [one])).score
            for name, one in here.items()
        ]
        lowest = min(here, key=lambda name: here[name].coverage)
        rows.append(
            [
                str(gap),
                str(len(here)),
                f"{100 * np.mean([one.coverage for one in here.values()]):.0f}",
                f"{100 * here[lowest].coverage:.0f} (`{lowest}`)",
                f"{100 * np.mean([one.width for one in here.values()]):.0f}",
                f"{100 * np.mean([one.score for one in here.values()]):.0f}",
                f"{100 * np.mean(shares):.0f}",
            ]
        )
    return rows


def _joined(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], mean: float) -> Judged:
    estimate, truth, half = (np.concatenate([part[k] for part in parts]) / mean for k in range(3))
    return Judged(estimate, truth, half)
