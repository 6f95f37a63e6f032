"""Masters and virtual meters, by a pencil's sums."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.domain.house import BERLIN
from tests.sentences import said
from workflows_dagster.domain import days
from workflows_dagster.domain.composition import clipped, compose_master, compose_virtual, unclaimed
from workflows_dagster.domain.contributions import Segment, of_master, of_virtual
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
        Segment(FIRST, CHANGE, ("old",), successors=("new",)),
        Segment(date(2024, 11, 13), None, ("new",), **following),
    ]


def conversion(count, **factors):
    """Give each source's factor on so many days; 1 where none is named."""
    return lambda source: np.full(count, 1.0) * factors.get(source, 1.0)


def composed(segments, frames, **factors):
    rows = of_master(segments, CIVIL, conversion(len(CIVIL), **factors))
    return compose_master(STARTS, segments, rows, frames)


def left(base, *subtracted, **factors):
    """Subtract meters, named sub0, sub1 … with their factors, from a base meter."""
    names = [f"sub{k}" for k in range(len(subtracted))]
    rows = of_virtual("base", names, CIVIL[: len(base)], conversion(len(base), **factors))
    return compose_virtual(rows, {"base": base, **dict(zip(names, subtracted, strict=True))})


def test_a_replacement_day_has_two_halves():
    frame = composed(two_periods(), {"old": OLD, "new": NEW})
    assert list(frame["consumption"]) == [2, 2, 2, 2, 2, 2]


def test_the_register_continues_across_a_replacement():
    frame = composed(two_periods(carried=105.0, taken_over=3.0), {"old": OLD, "new": NEW})
    assert list(frame["opening"]) == [100, 102, 104, 106, 108, 110]
    assert (frame["closing"].to_numpy()[:-1] == frame["opening"].to_numpy()[1:]).all()


def test_without_an_offset_the_register_is_the_successors_own():
    frame = composed(two_periods(), {"old": OLD, "new": NEW})
    assert list(frame["opening"])[3:] == [4, 6, 8]


def test_a_sum_converts_its_sources():
    segment = Segment(FIRST, None, ("nt", "ht"))
    frame = composed([segment], {"nt": meter([1, 2, 3]), "ht": meter([0, 500, 2500])}, ht=0.001)
    assert frame["consumption"].iloc[:2].to_numpy() == pytest.approx([1.5, 3.0])
    assert frame["closing"].iloc[1] == pytest.approx(5.5)


def banded(frame, lower, upper):
    """Add how far the register may lie below and above what is computed."""
    return frame.assign(opening_lower=frame["opening"] - lower, opening_upper=frame["opening"] + upper)


def test_a_register_of_two_rates_is_open_by_the_root_of_their_squares():
    segment = Segment(FIRST, None, ("nt", "ht"))
    nt = banded(meter([10, 20, 30], quality="interpolated", share=1.0), 3.0, 6.0)
    ht = banded(meter([10, 20, 30], quality="interpolated", share=1.0), 4.0, 8.0)
    frame = composed([segment], {"nt": nt, "ht": ht}).iloc[:2]
    assert frame["opening_lower"].to_list() == [20 - 5, 40 - 5]
    assert frame["opening_upper"].to_list() == [20 + 10, 40 + 10]


def test_a_master_has_no_band_where_that_of_a_source_is_not_known_and_measured_ones_add_nothing():
    segment = Segment(FIRST, None, ("nt", "ht"))
    measured, unknown = meter([10, 20, 30]), meter([10, 20, 30], quality="interpolated", share=1.0)
    known = banded(unknown, 3.0, 3.0)
    bands = ["opening_lower", "opening_upper"]
    for other, expected in ((measured, [17.0, 23.0]), (unknown, [np.nan, np.nan])):
        frame = composed([segment], {"nt": known, "ht": other})
        assert frame[bands].iloc[0].to_list() == pytest.approx(expected, nan_ok=True)
    assert composed([segment], {"nt": measured, "ht": measured})[bands].isna().all(axis=None)


def test_what_the_replacement_leaves_open_stays_open_on_measured_days_too():
    segments = two_periods(carried=105.0, taken_over=4.0, open_by=3.0)
    frame = composed(segments, {"old": OLD, "new": banded(NEW, 4.0, 4.0)})
    assert (frame["opening_upper"] - frame["opening"]).to_list()[3:] == pytest.approx([5.0, 5.0, 5.0])
    frame = composed(segments, {"old": OLD, "new": NEW})
    assert (frame["opening"] - frame["opening_lower"]).to_list()[3:] == pytest.approx([3.0, 3.0, 3.0])
    assert frame["opening_lower"].iloc[:3].isna().all()


def test_quality_is_the_worst_and_the_share_is_weighted_by_consumption():
    segment = Segment(FIRST, FIRST, ("nt", "ht"))
    frames = {"nt": meter([0, 3]), "ht": meter([0, 1], quality="interpolated", share=1.0)}
    frame = composed([segment], frames)
    assert list(frame["quality"]) == ["interpolated"]
    assert list(frame["estimated_share"]) == [0.25]


def test_a_period_whose_source_was_not_there_is_missing_and_days_without_a_period_have_no_row():
    segment = Segment(date(2024, 11, 14), date(2024, 11, 14), ("old",))
    frame = composed([segment], {"old": OLD})
    assert list(frame["quality"]) == ["missing"]
    assert list(days.civil_days(frame.index, BERLIN)) == [date(2024, 11, 14)]


def test_consumption_that_no_period_claims_is_found_with_its_amount():
    rows = of_master([Segment(FIRST, date(2024, 11, 11), ("old",))], CIVIL, conversion(len(CIVIL)))
    (finding,) = unclaimed("gas_total", STARTS, rows, {"old": OLD})
    assert finding.code == "unclaimed_consumption"
    assert finding.figures["amount"] == 1.0
    assert "1 m³ of 'old' between 2024-11-12 and 2024-11-12" in said(finding, "m³")


def test_the_successors_half_of_the_replacement_day_is_claimed():
    rows = of_master(two_periods(), CIVIL, conversion(len(CIVIL)))
    assert unclaimed("gas_total", STARTS, rows, {"old": OLD, "new": NEW}) == []


def test_each_source_counts_on_the_days_of_its_period_and_a_successor_on_the_day_before():
    old, successor, new = of_master(two_periods(), CIVIL, conversion(len(CIVIL), new=0.001))
    nothing = np.nan
    np.testing.assert_array_equal(old.factor, [1, 1, 1, nothing, nothing, nothing])
    np.testing.assert_array_equal(successor.factor, [nothing, nothing, 0.001, nothing, nothing, nothing])
    np.testing.assert_array_equal(new.factor, [nothing, nothing, nothing, 0.001, 0.001, 0.001])
    assert [(row.source, row.period, row.succeeds) for row in (old, successor, new)] == [
        ("old", 0, False),
        ("new", 1, True),
        ("new", 1, False),
    ]


def test_a_virtual_meters_base_is_added_and_the_others_are_subtracted_by_the_factor_of_the_day():
    base, sub = of_virtual("main", ["boiler"], CIVIL[:2], conversion(2, boiler=np.array([0.1, 0.2])))
    assert base.factor.tolist() == [1.0, 1.0]
    assert sub.factor.tolist() == [-0.1, -0.2]


def test_a_virtual_meter_is_what_is_left():
    base = meter([0, 10, 25])
    frame = left(base, meter([0, 4, 6]), meter([0, 30, 60]), sub1=0.1)
    assert frame["residual"].to_numpy() == pytest.approx([3, 10])
    assert frame["consumption"].to_numpy() == pytest.approx([3, 10])


def test_a_virtual_meters_share_is_weighted_by_what_each_input_consumed():
    """Of 10 + 5 that go in, the 5 of the sub-meter are estimated."""
    frame = left(meter([0, 10]), meter([0, 5], quality="interpolated", share=1.0))
    assert frame["estimated_share"].to_numpy() == pytest.approx([1 / 3])
    assert list(frame["quality"]) == ["interpolated"]


@pytest.mark.parametrize(("quality", "share"), [("measured", 0.0), ("interpolated", 1.0)])
def test_a_day_without_consumption_is_wholly_estimated_unless_it_is_measured(quality, share):
    unused = meter([5, 5], quality=quality)
    composition = composed([Segment(FIRST, FIRST, ("nt",))], {"nt": unused})
    assert list(composition["estimated_share"]) == [share]
    assert list(left(unused, unused)["estimated_share"]) == [share]


def test_a_negative_residual_is_kept_and_the_consumption_is_zero():
    frame = left(meter([0, 10]), meter([0, 12]))
    assert list(frame["residual"]) == [-2]
    assert list(frame["consumption"]) == [0]


def test_a_sub_meter_that_was_not_installed_yet_takes_nothing():
    base = meter([0, 10, 20])
    sub = meter([0, 4], first=1)
    frame = left(base, sub)
    assert list(frame["consumption"]) == [10, 6]


def test_a_missing_sub_meter_makes_the_day_missing():
    sub = meter([np.nan, np.nan], quality="missing", share=np.nan)
    frame = left(meter([0, 10]), sub)
    assert list(frame["quality"]) == ["missing"]
    assert frame["consumption"].isna().all()


def test_the_factor_of_a_virtual_meter_may_change_from_day_to_day():
    frame = left(meter([0, 10, 20]), meter([0, 10, 20]), sub0=np.array([0.1, 0.2]))
    assert frame["residual"].to_numpy() == pytest.approx([9, 8])


def test_what_is_clipped_is_told_without_powers_of_ten():
    warned = clipped("rest", pd.Series([-12_345.6, 345.6], index=STARTS[:2]), -12_000.0, estimated=False)
    assert warned is not None
    assert said(warned, "Wh").startswith(
        "the meters subtracted counted 12,350 Wh more than their main meter on 1 day, and 12,000 Wh more over the whole"
    )
    within = clipped(
        "rest", pd.Series([-12_345.6, 345.6], index=STARTS[:2]), -12_000.0, estimated=True, open_by=(13e3, 13e3)
    )
    assert within is not None
    assert within.severity == "note"
    assert "over the month it is 12,000 Wh, no more than the readings leave open (± 13,000 Wh)" in said(within, "Wh")
    beyond = clipped(
        "rest", pd.Series([-12_345.6, 345.6], index=STARTS[:2]), -12_000.0, estimated=True, open_by=(13e3, 11e3)
    )
    assert beyond is not None
    assert beyond.severity == "warn"
    wrong = clipped(
        "rest", pd.Series([-12_345.6, 345.6], index=STARTS[:2]), -12_000.0, estimated=True, open_by=(1e3, 13e3)
    )
    assert wrong is not None
    assert wrong.severity == "warn"
    evened = clipped("rest", pd.Series([-12_345.6, 20_000.0], index=STARTS[:2]), 0.0, estimated=False)
    assert evened is not None
    assert "counted 12,350 Wh more than their main meter on 1 day; over the month it evens out" in said(evened, "Wh")
