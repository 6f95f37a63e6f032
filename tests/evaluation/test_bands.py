"""Bands of meters' numbers: each for itself, none over whole gaps, whatever else is asked for."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.houses import SmallHouse
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.bands import HouseBands
from workflows_dagster.records.days import write_days
from workflows_dagster.services.consumption import named, stored_days, with_bands

METERS = """\
meters:
  - {meter_id: old, type: physical, output_unit: kWh, installation_date: 2023-01-01, deinstallation_date: 2023-07-01}
  - {meter_id: new, type: physical, output_unit: kWh, installation_date: 2023-07-01}
  - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2023-01-01}
  - {meter_id: sensor, type: physical, output_unit: kWh, installation_date: 2023-01-01}
  - meter_id: house
    type: master
    output_unit: kWh
    periods:
      - {start_date: 2023-01-01, end_date: 2023-07-01, composition_type: single, source_meters: [old]}
      - {start_date: 2023-07-02, composition_type: single, source_meters: [new]}
  - {meter_id: rest, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: house,
     subtract_meters: [flat]}
  - {meter_id: again, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: house,
     subtract_meters: [rest]}
"""
YEAR = DayRange(date(2023, 1, 1), date(2023, 12, 31))


@pytest.fixture
def house(small_house) -> SmallHouse:
    house: SmallHouse = small_house(METERS)
    days = pd.date_range("2023-01-01", "2024-01-05", freq="D")
    shown = np.cumsum(10.0 + 3.0 * np.sin(np.arange(len(days)) / 9))

    def read(meter: str, every: int, first: str, last: str, factor: float = 1.0) -> None:
        picked = pd.Series(np.round(factor * shown, 1), days).loc[first:last]
        chosen = sorted({*range(0, len(picked), every), len(picked) - 1})
        house.read(meter, {f"{day:%Y-%m-%d} 00:00": value for day, value in picked.iloc[chosen].items()})

    read("old", 45, "2023-01-01", "2023-07-01")
    read("new", 45, "2023-07-01", "2024-01-05")
    read("flat", 60, "2023-01-01", "2024-01-05", 0.5)
    read("sensor", 1, "2023-01-01", "2024-01-05")
    return house


def bands_of(house: SmallHouse) -> HouseBands:
    return HouseBands(house.settings, Evaluation(house.settings, house.store))


def spans_of(*texts: str) -> list[DayRange]:
    return [DayRange(*(date.fromisoformat(part) for part in text.split(" "))) for text in texts]


def test_what_is_measured_has_no_band_and_neither_has_a_whole_gap(house):
    bands = bands_of(house)
    assert bands.half_widths("sensor", spans_of("2023-03-01 2023-03-31")).tolist() == [0.0]
    # Read on 1 January, 2 March and 1 May.
    whole, part = bands.half_widths("flat", spans_of("2023-03-02 2023-04-30", "2023-03-02 2023-04-01"))
    assert whole == pytest.approx(0.0, abs=1e-6)
    assert part > 1.0


def test_a_masters_year_is_known_as_its_devices_are_and_its_days_are_not(house):
    bands = bands_of(house)
    year, day = bands.half_widths("house", [YEAR, DayRange.single(date(2023, 5, 5))])
    assert day > 1.0
    assert year < 0.02 * 3650
    both = bands.half_widths("old", spans_of("2023-05-05 2023-05-05"))
    assert both[0] == pytest.approx(day)


def test_a_remainder_is_as_open_as_both_together_and_what_stands_on_both_sides_cancels(house):
    bands = bands_of(house)
    span = spans_of("2023-04-10 2023-05-05")
    main, flat, rest = (bands.half_widths(meter, span)[0] for meter in ("house", "flat", "rest"))
    assert rest == pytest.approx(np.hypot(main, flat))
    # The house less what is left beside the flat is the flat.
    assert bands.half_widths("again", span)[0] == pytest.approx(flat)


@given(st.integers(0, 340), st.integers(1, 24), st.lists(st.integers(0, 360), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_a_band_does_not_depend_on_what_else_is_asked_for(house, first, length, others):
    span = DayRange(YEAR.first + timedelta(days=first), YEAR.first + timedelta(days=first + length))
    more = [span, *(DayRange.single(YEAR.first + timedelta(days=day)) for day in others)]
    for meter in ("flat", "house", "rest"):
        assert bands_of(house).half_widths(meter, [span])[0] == bands_of(house).half_widths(meter, more)[0]


def test_days_and_months_are_shown_with_bands_of_their_own(house):
    evaluation = Evaluation(house.settings, house.store)
    for meter in ("old", "new", "flat", "house", "rest"):
        found = evaluation.days(meter, YEAR).days
        write_days(house.store, meter, "kWh", *YEAR.bounds(house.settings.site.zone), found)
    frame = stored_days(house.settings, house.store, "rest")
    days, months = (
        with_bands(house.settings, house.store, "rest", named(house.settings, frame, step), frame.index[-1])
        for step in ("day", "month")
    )
    for shown in (days, months):
        assert (shown["lower"] <= shown["consumption"]).all()
        assert (shown["consumption"] <= shown["upper"]).all()
        assert (shown["lower"] >= 0).all()
    april = days.loc["2023-04-01":"2023-04-30"]
    summed = (april["upper"] - april["consumption"]).sum()
    assert months.loc["2023-04", "upper"] - months.loc["2023-04", "consumption"] < 0.5 * summed
