"""A heat meter read by hand that goes along with its neighbour's, which reports by itself: fitted, kept, repaired."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse
from tests.neighbour_house import DAYS, DOWNSTAIRS, FITTED, LIKE, METERS, house_of, upstairs, used
from tests.repair.repaired_house import WITHIN, compute, plan
from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.like_profile import LikeProfile
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.explanation import Explainer
from workflows_dagster.evaluation.explanation.text import render
from workflows_dagster.evaluation.findings.contained import would_pay
from workflows_dagster.evaluation.weights import MeterWeights
from workflows_dagster.records.days import read_days
from workflows_dagster.records.profiles import followers_of_weather, kept
from workflows_dagster.repair.repairs import Repair


def everything(house: SmallHouse) -> SmallHouse:
    compute(house, [Repair(WITHIN, tuple(meter.meter_id for meter in house.settings.meters.in_order()))])
    return house


def missed(house: SmallHouse) -> float:
    """What lies in the wrong month, over all that was used. 0..1"""
    frame = (
        Evaluation(house.settings, house.store).days("upstairs", DayRange(date(2023, 1, 1), date(2024, 10, 31))).days
    )
    found = frame["consumption"].tz_convert("Europe/Berlin").resample("MS").sum()
    truth = pd.Series(upstairs(), DAYS[:-1]).resample("MS").sum().reindex(found.index)
    return float((found - truth).abs().sum() / truth.sum())


def test_its_months_are_those_of_the_neighbour_and_unlike_the_calendars(small_house):
    """Read every two months: the calendar misplaces a seventh, the neighbour knows nearly all."""
    by_calendar = missed(house_of(small_house, estimate=", estimate: season"))
    house = house_of(small_house)
    profile = kept(house.store, "upstairs").profile
    assert isinstance(profile, LikeProfile)
    assert (profile.other, profile.season) == ("downstairs", pytest.approx(0.75, abs=0.02))
    assert missed(house) < 0.01 < 0.04 < by_calendar
    assert followers_of_weather(house.store) == set()


def test_a_day_alone_is_the_same_to_the_last_bit_and_the_gaps_add_up(small_house):
    house = everything(house_of(small_house))
    stored = read_days(house.store, "upstairs")
    for day in (date(2023, 3, 26), date(2023, 7, 2), date(2024, 2, 29), date(2024, 12, 30)):
        alone = Evaluation(house.settings, house.store).days("upstairs", DayRange.single(day)).days
        pd.testing.assert_frame_equal(
            alone, stored.loc[alone.index, list(alone.columns)], check_exact=True, check_dtype=False
        )
    gap = stored["2022-12-31 23:00":"2024-10-31 22:00"]
    whole = gap["closing"].iloc[-1] - gap["opening"].iloc[0]
    assert gap["consumption"].sum() == pytest.approx(whole, rel=1e-12)


def test_a_corrected_reading_of_the_neighbour_repairs_its_gap_and_nothing_else(small_house):
    house = everything(house_of(small_house))
    before = plan(house, None)
    assert before.repairs == ()
    at = pd.DatetimeIndex(["2023-10-11"]).tz_localize("Europe/Berlin").tz_convert("UTC").as_unit("us")
    reading = house.store.readings(DOWNSTAIRS, at[0], at[0] + pd.Timedelta(seconds=1))
    house.store.write_readings(DOWNSTAIRS, reading - 2.0)
    found = plan(house, before.snapshot)
    changed = {day for repair in found.repairs if "upstairs" in repair.meters for day in repair.days}
    # Read on 2 September and 2 November.
    assert {date(2023, 10, 10), date(2023, 10, 11)} <= changed
    assert changed <= {date(2023, 9, 1) + timedelta(days=k) for k in range(64)}
    compute(house, found.repairs)
    assert plan(house, None).repairs == ()


def test_a_line_that_names_no_neighbour_any_more_has_the_table_until_the_next_fit(small_house):
    house = house_of(small_house)
    declared = MeterWeights(house.settings, house.store)
    assert isinstance(declared.profile(house.settings.meters["upstairs"]), LikeProfile)
    text = METERS.format(estimate=", pattern: even")
    other = small_house(text, patterns=f"patterns: {{even: {{monthly_percentages: [{', '.join(['8'] * 11)}, 12]}}}}")
    meter = other.settings.meters["upstairs"]
    weights = MeterWeights(other.settings, house.store)
    assert not isinstance(weights.profile(meter), LikeProfile)
    assert not weights.awaits_fit(meter)


def test_it_is_suggested_with_what_it_gains_and_not_once_it_is_written(small_house):
    for estimate, expected in (("", ["downstairs"]), (LIKE, []), (", estimate: season", [])):
        house = house_of(small_house, estimate=estimate)
        meter = house.settings.meters["upstairs"]
        found = would_pay(house.settings, meter, Evaluation(house.settings, house.store), FITTED)
        assert [finding.figures["other"] for finding in found] == expected
        if found:
            assert float(found[0].figures["missed_with"]) < 0.01 < float(found[0].figures["missed"])


def test_a_neighbour_that_follows_it_or_goes_another_way_is_not_suggested(small_house):
    house = house_of(small_house, estimate="")
    follows = METERS.format(estimate="").replace("output_unit: kWh,", "output_unit: kWh, estimate: [like: upstairs],")
    one = small_house(follows)
    assert would_pay(one.settings, one.settings.meters["upstairs"], Evaluation(one.settings, one.store), FITTED) == []
    at = DAYS.tz_convert("UTC")
    against = np.roll(used(), 182)
    house.store.write_readings(DOWNSTAIRS, pd.Series(np.concatenate([[0.0], np.cumsum(against)]), at))
    meter = house.settings.meters["upstairs"]
    assert would_pay(house.settings, meter, Evaluation(house.settings, house.store), FITTED) == []


def test_it_is_explained(small_house):
    house = house_of(small_house)
    explained = Explainer(house.settings, house.store, FITTED).explain("upstairs", CivilPeriod.parse("2023-10-11"))
    text = " ".join(render(explained, 0).split())
    assert "× the use of 'downstairs' over its mean of" in text
    assert "is taken as it is" not in text
    truth = upstairs()[(date(2023, 10, 11) - date(2023, 1, 1)).days]
    assert explained.consumption == pytest.approx(truth, abs=0.0005)
