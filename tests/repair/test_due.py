"""A result is due on the days on which it was made from something else, and on no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.months import whole_months
from workflows_dagster.domain.season import Profile
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.hour_prices import hourly_series
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.records.made_from import kept_digests, replace_days
from workflows_dagster.records.profiles import keep_profile
from workflows_dagster.repair.due import (
    ANOMALIES,
    CHECKS,
    COSTS,
    GAP_LOOKBACK_DAYS,
    MONTHS,
    OWNERS,
    MadeFrom,
    prove_digests,
)
from workflows_dagster.settings.tariffs import Tariff, TariffFile
from workflows_dagster.stores.ports import FINDING_DAILY

HOUSE = """
    meters:
      - {meter_id: main, type: physical, output_unit: kWh, installation_date: 2022-01-01, utility: electricity}
      - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2022-01-01, utility: electricity}
      - meter_id: rest
        type: virtual
        output_unit: kWh
        utility: electricity
        calculation_type: subtraction
        base_meter: main
        subtract_meters: [flat]
"""
CONFIG = "timezone: Europe/Berlin\nworkflows: {analytics: {start_year: 2022}}"
WITHIN = DayRange(date(2022, 1, 1), date(2025, 6, 30))
DAY = date(2022, 5, 17)
GLITCH = {"count": 1.0, "lowest": 0.0, "highest": 0.0}
PRICES = [{"valid_from": "2022-01-01", "unit_price": 0.3, "per": "kWh"}]


def compute(house: SmallHouse, asked: DayRange = WITHIN) -> None:
    """Do what a run over days does."""
    evaluation, zone = Evaluation(house.settings, house.store), house.settings.site.zone
    for meter in house.settings.meters.in_order():
        frame = evaluation.days(meter.meter_id, asked).days
        replace_days(house.store, meter.meter_id, meter.output_unit, zone, asked, frame)


def follow(house: SmallHouse, owner: str, asked: DayRange) -> None:
    """Do what the run of a result does, but for the result."""
    made_from = MadeFrom(house.settings)
    days = whole_months(asked) if owner == MONTHS else asked
    made_from.keep(house.store, owner, days, made_from.now(house.store, owner, days))


def follow_all(house: SmallHouse) -> None:
    for owner in OWNERS:
        follow(house, owner, WITHIN)


def due(house: SmallHouse) -> dict[str, tuple[date, ...]]:
    return {owner: found.days for owner, found in MadeFrom(house.settings).due(house.store, WITHIN).items()}


def state(house: SmallHouse) -> str:
    return MadeFrom(house.settings).state(house.store, WITHIN.last, pd.Timestamp.now("UTC"))


def ranges(days: tuple[date, ...]) -> tuple[date, date, int]:
    return days[0], days[-1], len(days)


def priced(house: SmallHouse, **tariff: object) -> None:
    file = TariffFile.model_validate({"tariffs": [{"utility": "electricity", "prices": PRICES, **tariff}]})
    house.settings = replace(house.settings, tariffs=file)


def change(house: SmallHouse, meter_id: str, day: date = DAY) -> None:
    """Store another consumption of one day."""
    zone, asked = house.settings.site.zone, DayRange.single(day)
    frame = read_days(house.store, meter_id, *asked.bounds(zone)).drop(columns="unit")
    replace_days(house.store, meter_id, "kWh", zone, asked, frame.assign(consumption=frame["consumption"] + 0.125))


@pytest.fixture
def house(small_house) -> SmallHouse:
    house = small_house(HOUSE, config=CONFIG)
    for meter_id, step in (("main", 60.0), ("flat", 30.0)):
        house.read(meter_id, {f"{2022 + k // 12}-{k % 12 + 1:02d}-01 12:00": step * k for k in range(43)})
    priced(house)
    compute(house)
    return house


@pytest.fixture
def followed(house) -> SmallHouse:
    follow_all(house)
    assert due(house) == {}
    return house


def test_all_is_due_where_nothing_was_made_yet(house) -> None:
    found = due(house)
    assert set(found) == set(OWNERS)
    assert ranges(found[COSTS]) == (WITHIN.first, WITHIN.last, WITHIN.count)
    assert ranges(found[MONTHS]) == (date(2022, 1, 1), date(2025, 6, 1), 42)


def test_a_changed_day_is_due_with_all_that_was_made_by_looking_at_it(followed) -> None:
    before = state(followed)
    change(followed, "flat")
    assert state(followed) != before
    found = due(followed)
    assert found[COSTS] == found[CHECKS] == (DAY,)
    last = DAY + timedelta(days=GAP_LOOKBACK_DAYS)
    assert ranges(found[ANOMALIES]) == (DAY, last, GAP_LOOKBACK_DAYS + 1)
    assert found[MONTHS] == (date(2022, 5, 1), date(2022, 6, 1), date(2023, 5, 1))


def test_a_derived_meters_day_reaches_the_eight_weeks_after_it(followed) -> None:
    change(followed, "rest")
    assert ranges(due(followed)[ANOMALIES]) == (DAY, DAY + timedelta(days=56), 57)


def test_a_run_over_part_of_what_is_due_leaves_the_rest_due(followed) -> None:
    change(followed, "flat")
    for owner in (COSTS, CHECKS):
        follow(followed, owner, DayRange.single(DAY))
    follow(followed, ANOMALIES, DayRange(DAY, DAY + timedelta(days=9)))
    follow(followed, MONTHS, DayRange(date(2022, 5, 1), date(2022, 6, 1)))
    found = due(followed)
    assert set(found) == {ANOMALIES, MONTHS}
    assert found[ANOMALIES][0] == DAY + timedelta(days=10)
    assert found[MONTHS] == (date(2023, 5, 1),)


def test_a_change_between_the_look_and_the_result_leaves_the_result_due(followed) -> None:
    change(followed, "flat")
    made_from = MadeFrom(followed.settings)
    numbers = made_from.now(followed.store, COSTS, DayRange.single(DAY))
    change(followed, "flat")
    made_from.keep(followed.store, COSTS, DayRange.single(DAY), numbers)
    assert due(followed)[COSTS] == (DAY,)


def test_months_are_due_with_the_costs_that_they_tell(followed) -> None:
    """The run of the months may come before that of the costs."""
    change(followed, "flat")
    for month in (date(2022, 5, 1), date(2022, 6, 1), date(2023, 5, 1)):
        follow(followed, MONTHS, DayRange.single(month))
    assert due(followed)[MONTHS] == (date(2022, 5, 1),)
    follow(followed, COSTS, DayRange.single(DAY))
    follow(followed, MONTHS, DayRange.single(DAY))
    assert MONTHS not in due(followed)


def test_days_that_are_being_written_are_due(followed) -> None:
    """A process that is killed between two writes leaves them like this."""
    zone, asked = followed.settings.site.zone, DayRange.single(DAY)
    frame = read_days(followed.store, "flat", *asked.bounds(zone)).drop(columns="unit")

    class KilledStore:
        """Dies when the days come."""

        def __getattr__(self, name: str) -> object:
            return getattr(followed.store, name)

        def replace(self, measurement: object, *arguments: object) -> None:
            if measurement.name != "meter_made_from":
                raise KeyboardInterrupt
            followed.store.replace(measurement, *arguments)

    with pytest.raises(KeyboardInterrupt):
        replace_days(KilledStore(), "flat", "kWh", zone, asked, frame.assign(consumption=9.0))
    assert due(followed)[COSTS] == (DAY,)
    assert prove_digests(followed.settings, followed.store, WITHIN) == ["flat"]
    assert due(followed) == {}


def test_proving_the_digests_finds_days_that_were_written_without(followed) -> None:
    zone, asked = followed.settings.site.zone, DayRange.single(DAY)
    assert prove_digests(followed.settings, followed.store, WITHIN) == []
    frame = read_days(followed.store, "rest", *asked.bounds(zone)).drop(columns="unit")
    write_days(followed.store, "rest", "kWh", *asked.bounds(zone), frame.assign(quality="missing"))
    assert due(followed) == {}
    assert prove_digests(followed.settings, followed.store, WITHIN) == ["rest"]
    assert due(followed)[COSTS] == (DAY,)


def test_days_that_are_gone_are_due_once(followed) -> None:
    zone, asked = followed.settings.site.zone, DayRange(date(2025, 6, 29), date(2025, 6, 30))
    for meter_id in ("main", "flat", "rest"):
        empty = read_days(followed.store, meter_id).iloc[:0].drop(columns="unit")
        replace_days(followed.store, meter_id, "kWh", zone, asked, empty)
    assert due(followed)[COSTS] == tuple(asked)
    for owner in (COSTS, ANOMALIES, CHECKS, MONTHS):
        follow(followed, owner, asked)
    assert due(followed) == {}


def test_a_finding_in_a_days_readings_is_part_of_it_and_its_words_are_not(followed) -> None:
    zone, asked = followed.settings.site.zone, DayRange.single(DAY)
    start = asked.bounds(zone)[0] + pd.Timedelta(hours=3)
    finding = Finding("glitch_dropped", "flat", start, start, GLITCH)
    frame = read_days(followed.store, "flat", *asked.bounds(zone)).drop(columns="unit")

    def digest(found: Finding, sentence: str) -> int:
        keep_findings(followed.store, FINDING_DAILY, "flat", *asked.bounds(zone), [found], lambda _: sentence)
        replace_days(followed.store, "flat", "kWh", zone, asked, frame)
        return int(kept_digests(followed.store, "flat", zone, asked)[0])

    with_it = digest(finding, "1 reading left out")
    assert due(followed)[CHECKS] == (DAY,)
    assert digest(finding, "1 reading ignored") == with_it
    assert digest(replace(finding, figures={**GLITCH, "highest": 2.0}), "1 reading left out") != with_it


def test_a_price_is_due_on_the_days_on_which_it_holds(followed) -> None:
    before = state(followed)
    priced(followed, prices=[*PRICES, {"valid_from": "2025-06-20", "unit_price": 0.4, "per": "kWh"}])
    assert state(followed) != before
    found = due(followed)
    assert ranges(found[COSTS]) == (date(2025, 6, 20), WITHIN.last, 11)
    assert found[MONTHS] == (date(2025, 6, 1),)
    assert set(found) == {COSTS, MONTHS}


def test_a_tariff_that_is_gone_is_due_on_all_days(followed) -> None:
    followed.settings = replace(followed.settings, tariffs=TariffFile())
    assert ranges(due(followed)[COSTS]) == (WITHIN.first, WITHIN.last, WITHIN.count)


def test_a_price_of_an_hour_is_due_on_its_day_alone(followed) -> None:
    priced(followed, hourly_prices="tibber")
    follow_all(followed)
    before = state(followed)
    hours = pd.date_range("2025-06-09 22:00", "2025-06-11 21:00", freq="h", tz="UTC", unit="us")
    followed.store.write_readings(hourly_series(followed.settings)[0], pd.Series(0.25, hours))
    assert state(followed) != before
    made_from = MadeFrom(followed.settings)
    assert made_from.due(followed.store, WITHIN)[COSTS].days == (date(2025, 6, 10), date(2025, 6, 11))
    follow(followed, COSTS, DayRange(date(2025, 6, 10), date(2025, 6, 11)))
    assert COSTS not in made_from.due(followed.store, WITHIN)
    # The same object reads only months that have changed.
    followed.store.write_readings(hourly_series(followed.settings)[0], pd.Series(0.5, hours[-1:]))
    assert made_from.due(followed.store, WITHIN)[COSTS].days == (date(2025, 6, 11),)
    assert isinstance(followed.settings.tariffs.tariffs[0], Tariff)


def test_a_rule_or_a_profile_makes_anomalies_due_and_nothing_else(followed) -> None:
    rule = followed.settings.site.anomalies.model_copy(update={"score": 9.0})
    site = followed.settings.site.model_copy(update={"anomalies": rule})
    before = followed.settings
    followed.settings = replace(before, site=site)
    assert list(due(followed)) == [ANOMALIES]
    followed.settings = before
    keep_profile(followed.store, "flat", "kWh", Profile(0.5, 0.5, (8.0,) * 12), pd.Timestamp("2025-01-01", tz="UTC"))
    found = due(followed)
    assert list(found) == [ANOMALIES]
    assert len(found[ANOMALIES]) == WITHIN.count


def test_a_new_day_makes_nothing_before_it_due(followed) -> None:
    longer = DayRange(WITHIN.first, WITHIN.last + timedelta(days=1))
    made_from = MadeFrom(followed.settings)
    assert made_from.due(followed.store, longer) == {}
    compute(followed, DayRange.single(longer.last))
    found = made_from.due(followed.store, longer)
    assert {owner: found[owner].days for owner in (COSTS, ANOMALIES, CHECKS)} == dict.fromkeys(
        (COSTS, ANOMALIES, CHECKS), (longer.last,)
    )
    assert found[MONTHS].days == (date(2025, 7, 1),)


def test_the_reason_stays_while_nothing_changes(followed) -> None:
    change(followed, "flat")
    made_from = MadeFrom(followed.settings)
    first = made_from.due(followed.store, WITHIN)
    assert made_from.due(followed.store, WITHIN) == first
    change(followed, "flat")
    assert made_from.due(followed.store, WITHIN)[COSTS].reason != first[COSTS].reason


def test_writing_the_same_days_again_leaves_their_digests(followed) -> None:
    zone = followed.settings.site.zone
    before = {meter: kept_digests(followed.store, meter, zone, WITHIN) for meter in ("main", "flat", "rest")}
    compute(followed, DayRange(date(2023, 3, 5), date(2023, 4, 20)))
    for meter, digests in before.items():
        assert digests.all()
        np.testing.assert_array_equal(kept_digests(followed.store, meter, zone, WITHIN), digests)
