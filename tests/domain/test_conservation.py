"""The laws that a meter's stored days must obey, each broken once."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.sentences import said
from workflows_dagster.domain.conservation import parts, seams, total
from workflows_dagster.domain.findings import Finding

DAYS = pd.date_range("2024-05-01", periods=4, freq="D", tz="UTC").as_unit("us")


def frame(opening: list[float], closing: list[float], consumption: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"opening": opening, "closing": closing, "consumption": consumption}, index=DAYS, dtype=float)


EXACT = pd.Series(0.0, index=DAYS)
OVER = {"before": 99999.0, "after": 1.0, "advance": 2.0}
GOOD = frame([10, 12, 15, 15], [12, 15, 15, 19], [2, 3, 0, 4])


def test_days_that_close_where_the_next_opens_are_well():
    assert seams("strom", GOOD, 0.001, []) == []


def test_a_day_that_was_recomputed_alone_tears_the_seam():
    torn = GOOD.copy()
    torn.iloc[1] = [12, 15.5, 3.5]
    (found,) = seams("strom", torn, 0.001, [])
    assert found.severity == "error"
    assert found.start == DAYS[1]
    assert "0.5 kWh away" in said(found)


@pytest.mark.parametrize(("first", "hours"), [("2024-10-26", 25), ("2024-03-30", 23)])
def test_a_seam_is_checked_over_the_days_on_which_the_clocks_change(first, hours):
    starts = pd.date_range(first, periods=4, freq="D", tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
    assert (starts[2] - starts[1]) / pd.Timedelta(hours=1) == hours
    torn = GOOD.set_axis(starts)
    torn.iloc[1] = [12, 15.5, 3.5]
    (found,) = seams("strom", torn, 0.001, [])
    assert found.start == starts[1]
    assert found.figures["amount"] == 0.5


def test_a_missing_day_is_no_seam():
    assert seams("strom", GOOD.drop(DAYS[1]), 0.001, []) == []


def test_a_consumption_that_is_not_the_advance_is_named():
    off = GOOD.copy()
    off.loc[DAYS[3], "consumption"] = 5.0
    (found,) = seams("strom", off, 0.001, [])
    assert "differs by 1 kWh" in said(found)


def test_a_step_back_within_the_resolution_is_no_fault():
    off = GOOD.copy()
    off.loc[DAYS[3], "consumption"] = 4.001
    assert seams("strom", off, 0.00101, []) == []


def test_a_day_over_which_the_counter_ran_over_is_not_judged():
    over = GOOD.copy()
    over.loc[DAYS[3], ["opening", "closing"]] = [15, 1]
    fall = Finding("rollover", "strom", DAYS[3], DAYS[3] + pd.Timedelta(hours=3), OVER)
    assert seams("strom", over, 0.001, [fall]) == []
    assert len(seams("strom", over, 0.001, [])) == 1


def test_days_that_do_not_add_up_to_the_readings_are_an_error():
    assert total("strom", DAYS, 100.0 + 1e-12, 100.0) == []
    (found,) = total("strom", DAYS, 100.1, 100.0)
    assert (found.code, found.severity) == ("not_conserved", "error")


def test_a_master_that_was_not_recomputed_with_its_source_is_named():
    whole = pd.Series([5.0, 6.0, 7.0, float("nan")], index=DAYS)
    pieces = {"ht": pd.Series([3.0, 4.0, 9.0, 1.0], index=DAYS), "nt": pd.Series([2.0, 2.0, 2.0], index=DAYS[:3])}
    (found,) = parts("strom_total", whole, pieces, EXACT)
    assert found.start == DAYS[2]
    assert "on one day it differs by 4 kWh from what ht and nt give" in said(found)
    pieces["ht"][DAYS[2]] = 5.0
    assert parts("strom_total", whole, pieces, EXACT) == []
