"""Masters and virtual meters, by a pencil's sums."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.domain.house import BERLIN
from workflows_dagster.domain import days
from workflows_dagster.domain.composition import Segment, clipped, compose_master, compose_virtual, unclaimed
from workflows_dagster.domain.days import DayRange

FIRST, LAST = date(2024, 11, 10), date(2024, 11, 15)
STARTS = DayRange(FIRST, LAST).openings(BERLIN)[:-1]
CIVIL = days.civil_days(STARTS, BERLIN)
CHANGE = date(2024, 11, 12)


def meter(registers, first=0, quality="measured", share=0.0):
    """Days of a source whose register stands at the given values when days open, and after the last."""
    values = np.asarray(registers, dtype=float)
    frame = pd.DataFrame({"opening": values[:-1], "closing": values[1:], "consumption": np.diff(values)})
    frame["quality"] = quality
    frame["estimated_share"] = share
    frame.index = STARTS[first : first + len(frame)]
    return frame


# The old meter counts 2 a day until noon of the 12th; its successor, installed at noon, goes on from 3.
OLD = meter([100, 102, 104, 105])
NEW = meter([3, 4, 6, 8, 10], first=2)


def two_periods(**following):
    return [
        Segment(FIRST, CHANGE, ("old",), {"old": 1.0}, successors=("new",)),
        Segment(date(2024, 11, 13), None, ("new",), {"new": 1.0}, **following),
    ]


def test_a_replacement_day_has_two_halves():
    frame = compose_master(STARTS, CIVIL, two_periods(), {"old": OLD, "new": NEW})
    assert list(frame["consumption"]) == [2, 2, 2, 2, 2, 2]


def test_the_register_continues_across_a_replacement():
    frame = compose_master(STARTS, CIVIL, two_periods(carried=105.0, taken_over=3.0), {"old": OLD, "new": NEW})
    assert list(frame["opening"]) == [100, 102, 104, 106, 108, 110]
    assert (frame["closing"].to_numpy()[:-1] == frame["opening"].to_numpy()[1:]).all()


def test_without_an_offset_the_register_is_the_successors_own():
    frame = compose_master(STARTS, CIVIL, two_periods(), {"old": OLD, "new": NEW})
    assert list(frame["opening"])[3:] == [4, 6, 8]


def test_a_sum_converts_its_sources():
    segment = Segment(FIRST, None, ("nt", "ht"), {"nt": 1.0, "ht": 0.001})
    frame = compose_master(STARTS, CIVIL, [segment], {"nt": meter([1, 2, 3]), "ht": meter([0, 500, 2500])})
    assert frame["consumption"].iloc[:2].to_numpy() == pytest.approx([1.5, 3.0])
    assert frame["closing"].iloc[1] == pytest.approx(5.5)


def test_quality_is_the_worst_and_the_share_is_weighted_by_consumption():
    segment = Segment(FIRST, FIRST, ("nt", "ht"), {"nt": 1.0, "ht": 1.0})
    frames = {"nt": meter([0, 3]), "ht": meter([0, 1], quality="interpolated", share=1.0)}
    frame = compose_master(STARTS, CIVIL, [segment], frames)
    assert list(frame["quality"]) == ["interpolated"]
    assert list(frame["estimated_share"]) == [0.25]


def test_a_period_whose_source_was_not_there_is_missing_and_days_without_a_period_have_no_row():
    segment = Segment(date(2024, 11, 14), date(2024, 11, 14), ("old",), {"old": 1.0})
    frame = compose_master(STARTS, CIVIL, [segment], {"old": OLD})
    assert list(frame["quality"]) == ["missing"]
    assert list(days.civil_days(frame.index, BERLIN)) == [date(2024, 11, 14)]


def test_consumption_that_no_period_claims_is_found_with_its_amount():
    segments = [Segment(FIRST, date(2024, 11, 11), ("old",), {"old": 1.0})]
    (finding,) = unclaimed("gas_total", "m³", STARTS, CIVIL, segments, {"old": OLD})
    assert finding.code == "unclaimed_consumption"
    assert finding.figures["amount"] == 1.0
    assert "1 m³ of 'old' between 2024-11-12 and 2024-11-12" in finding.sentence


def test_the_successors_half_of_the_replacement_day_is_claimed():
    segments = two_periods()
    assert unclaimed("gas_total", "m³", STARTS, CIVIL, segments, {"old": OLD, "new": NEW}) == []


def test_a_virtual_meter_is_what_is_left():
    base = meter([0, 10, 25])
    ones = np.ones(2)
    frame = compose_virtual(base, ones, [(meter([0, 4, 6]), ones), (meter([0, 30, 60]), ones * 0.1)])
    assert frame["residual"].to_numpy() == pytest.approx([3, 10])
    assert frame["consumption"].to_numpy() == pytest.approx([3, 10])


def test_a_negative_residual_is_kept_and_the_consumption_is_zero():
    frame = compose_virtual(meter([0, 10]), np.ones(1), [(meter([0, 12]), np.ones(1))])
    assert list(frame["residual"]) == [-2]
    assert list(frame["consumption"]) == [0]


def test_a_sub_meter_that_was_not_installed_yet_takes_nothing():
    base = meter([0, 10, 20])
    sub = meter([0, 4], first=1)
    frame = compose_virtual(base, np.ones(2), [(sub, np.ones(2))])
    assert list(frame["consumption"]) == [10, 6]


def test_a_missing_sub_meter_makes_the_day_missing():
    sub = meter([np.nan, np.nan], quality="missing", share=np.nan)
    frame = compose_virtual(meter([0, 10]), np.ones(1), [(sub, np.ones(1))])
    assert list(frame["quality"]) == ["missing"]
    assert frame["consumption"].isna().all()


def test_the_factor_of_a_virtual_meter_may_change_from_day_to_day():
    frame = compose_virtual(meter([0, 10, 20]), np.ones(2), [(meter([0, 10, 20]), np.array([0.1, 0.2]))])
    assert frame["residual"].to_numpy() == pytest.approx([9, 8])


def test_what_is_clipped_is_told_without_powers_of_ten():
    warned = clipped("rest", "Wh", pd.Series([-12_345.6, 345.6], index=STARTS[:2]), -12_000.0, estimated=False)
    assert warned is not None
    assert warned.sentence.startswith(
        "the meters subtracted counted 12,350 Wh more than their main meter on 1 day, and 12,000 Wh more over the whole"
    )
    evened = clipped("rest", "Wh", pd.Series([-12_345.6, 20_000.0], index=STARTS[:2]), 0.0, estimated=False)
    assert evened is not None
    assert "counted 12,350 Wh more than their main meter on 1 day; over the month it evens out" in evened.sentence
