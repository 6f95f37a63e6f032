"""Months from days: what is added up, what compares, and what a month alone is."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.domain import months
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import MONTHS
from workflows_dagster.domain.months import months_of


def days_of(first: date, consumption: list[float], *, quality="measured", share=0.0, residual=None):
    """A meter's days from `first` on, whose register begins at 100."""
    used = np.array(consumption, dtype=float)
    civil = pd.Index([first + timedelta(days=k) for k in range(len(used))], dtype=object)
    closing = 100 + np.nancumsum(used)
    frame = pd.DataFrame(
        {
            "opening": closing - np.nan_to_num(used),
            "closing": closing,
            "consumption": used,
            "quality": pd.Series(np.where(np.isnan(used), "missing", quality), dtype=object),
            "estimated_share": np.where(np.isnan(used), np.nan, share),
            "residual": np.nan if residual is None else residual,
        }
    )
    return frame, civil


def a_year_and_more(daily):
    """Days from 1 January 2023 to 31 March 2024, each month with a figure of its own a day."""
    first, last = date(2023, 1, 1), date(2024, 3, 31)
    spread = [daily[(first + timedelta(days=k)).strftime("%Y-%m")] for k in range((last - first).days + 1)]
    return days_of(first, spread)


DAILY = {f"{year}-{month:02d}": float(10 * (year - 2022) + month) for year in (2023, 2024) for month in range(1, 13)}


def test_february_is_compared_a_day_with_a_longer_january_and_a_leap_year():
    frame, civil = a_year_and_more(DAILY)
    february = months_of(frame, civil, DayRange(date(2024, 2, 1), date(2024, 2, 29))).loc[date(2024, 2, 1)]
    assert february["consumption"] == 29 * 22.0
    assert february["per_day"] == 22.0
    assert february["previous_month"] == 21.0
    assert february["previous_year"] == 12.0
    assert february["days"] == 29
    assert february["missing_days"] == 0
    assert february["whole"]


def test_the_register_is_that_of_the_first_opening_and_the_last_closing():
    frame, civil = days_of(date(2024, 2, 1), [2.0] * 29)
    february = months_of(frame, civil, DayRange.single(date(2024, 2, 1))).iloc[0]
    assert (february["value"], february["closing"]) == (100.0, 158.0)


def test_a_month_alone_is_the_month_in_a_range_to_the_last_bit():
    random = np.random.default_rng(3)
    used = random.gamma(2.0, 1 / 3, 800)
    used[[17, 400]] = np.nan
    frame, civil = days_of(date(2022, 1, 9), used, share=random.random(800), residual=used - 0.4)
    every = months_of(frame, civil, DayRange(date(2022, 1, 1), date(2024, 3, 1)))
    assert len(every) == 27
    for month in every.index:
        recent = np.array([day >= months.first_needed(month) for day in civil])
        alone = months_of(frame[recent], civil[recent], DayRange(month, months.last_day(month)))
        pd.testing.assert_frame_equal(alone, every.loc[[month]], check_exact=True)


def test_the_sum_is_exact_where_adding_one_after_the_other_is_not():
    frame, civil = days_of(date(2024, 4, 1), [1e16, *[1.0] * 28, -1e16])
    assert months_of(frame, civil, DayRange.single(date(2024, 4, 1)))["consumption"].iloc[0] == 28.0


def test_a_running_month_tells_its_days_and_its_mean_and_compares_with_nothing():
    frame, civil = a_year_and_more(DAILY)
    march = months_of(frame[:-11], civil[:-11], DayRange.single(date(2024, 3, 1))).iloc[0]
    assert march["days"] == 20
    assert march["per_day"] == 23.0
    assert not march["whole"]
    assert math.isnan(march["previous_month"])
    assert math.isnan(march["previous_year"])


def test_a_month_with_a_missing_day_is_compared_neither_with_nor_by_others():
    frame, civil = a_year_and_more(DAILY)
    frame.loc[list(civil).index(date(2024, 2, 10)), ["consumption", "estimated_share"]] = np.nan
    rows = months_of(frame, civil, DayRange(date(2024, 2, 1), date(2024, 3, 1)))
    february, march = rows.iloc[0], rows.iloc[1]
    assert (february["days"], february["missing_days"]) == (29, 1)
    assert february["consumption"] == 28 * 22.0
    assert february["per_day"] == 22.0
    assert math.isnan(february["previous_month"])
    assert math.isnan(march["previous_month"])
    assert march["previous_year"] == 13.0


def test_the_quality_is_the_worst_days_and_the_share_is_weighted_by_consumption():
    frame, civil = days_of(date(2024, 6, 1), [1.0] * 29 + [31.0])
    frame.loc[29, ["quality", "estimated_share"]] = ["interpolated", 1.0]
    june = months_of(frame, civil, DayRange.single(date(2024, 6, 1))).iloc[0]
    assert june["quality"] == "interpolated"
    assert june["estimated_share"] == pytest.approx(31 / 60)


def test_a_virtual_meters_month_is_the_sum_of_its_residuals_clipped_once():
    residual = [5.0] * 27 + [-2.0, -1.0, 4.0]
    frame, civil = days_of(date(2024, 6, 1), [max(value, 0.0) for value in residual], residual=residual)
    june = months_of(frame, civil, DayRange.single(date(2024, 6, 1))).iloc[0]
    assert june["clipped"] == 3.0
    assert june["residual"] == 136.0
    assert june["consumption"] == 136.0
    assert june["per_day"] == 136.0 / 30


def test_a_virtual_meters_month_that_comes_to_less_than_nothing_is_nothing():
    residual = [1.0] * 20 + [-3.0] * 10
    frame, civil = days_of(date(2024, 6, 1), [max(value, 0.0) for value in residual], residual=residual)
    june = months_of(frame, civil, DayRange.single(date(2024, 6, 1))).iloc[0]
    assert june["residual"] == -10.0
    assert june["consumption"] == 0.0


def test_a_meter_with_a_register_has_neither_residual_nor_clipped():
    frame, civil = days_of(date(2024, 6, 1), [1.0] * 30)
    june = months_of(frame.drop(columns="residual"), civil, DayRange.single(date(2024, 6, 1))).iloc[0]
    assert math.isnan(june["clipped"])
    assert math.isnan(june["residual"])


def test_a_month_without_any_value_has_a_row_and_no_figures():
    frame, civil = days_of(date(2024, 6, 1), [math.nan] * 30)
    june = months_of(frame, civil, DayRange.single(date(2024, 6, 1))).iloc[0]
    assert june["quality"] == "missing"
    assert math.isnan(june["consumption"])
    assert math.isnan(june["per_day"])


def test_a_month_without_any_day_has_no_row():
    frame, civil = days_of(date(2024, 6, 1), [1.0] * 30)
    assert months_of(frame, civil, DayRange(date(2024, 7, 1), date(2024, 8, 1))).empty
    nothing = months_of(frame[:0], civil[:0], DayRange(date(2024, 7, 1), date(2024, 8, 1)))
    assert list(nothing.columns) == list(MONTHS.columns)


def test_a_leap_february_ends_on_the_29th():
    assert months.last_day(date(2024, 2, 1)) == date(2024, 2, 29)
    assert months.last_day(date(2100, 2, 1)) == date(2100, 2, 28)
