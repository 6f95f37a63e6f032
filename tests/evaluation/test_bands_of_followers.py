"""Bands of meters that are estimated by another one's use, itself estimated, and of what is left beside both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evaluation.test_bands import FITTED, YEAR, ZONE, bands_of, keep, spans_of
from tests.houses import SmallHouse, fit_profiles, small
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.passed_on import passed_on
from workflows_dagster.domain.stretches import Stretches, variance_of
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.records.profiles import kept
from workflows_dagster.services.consumption import stored_days
from workflows_dagster.stores.ports import PROFILE

FLAT = pd.Series(np.cumsum(8.0 + 3.0 * np.sin(np.arange(370) / 9)), pd.date_range("2023-01-01", periods=370, freq="D"))


@pytest.fixture
def containing(small_house) -> SmallHouse:
    """A main meter read every 60 days, which contains a flat's that is read every 45 days."""
    return containing_in(small_house, "kWh")


def containing_in(small_house: Callable[[str], SmallHouse], unit: str) -> SmallHouse:
    """Such a house, whose flat counts in a unit."""
    written = small("2023-01-01", main="estimate: [like: flat]").replace(
        "flat, type: physical, output_unit: kWh", f"flat, type: physical, output_unit: {unit}"
    )
    house = small_house(
        f"{written}  - {{meter_id: again, type: virtual, output_unit: kWh, calculation_type: subtraction, "
        "base_meter: main, subtract_meters: [rest]}\n"
    )
    main = FLAT + np.cumsum(4.0 + np.sin(np.arange(len(FLAT)) / 5))
    for meter, every, shown, unit_of in (("main", 60, main, "kWh"), ("flat", 45, FLAT, unit)):
        factor = 1000 if unit_of == "Wh" else 1
        picked = {f"{at:%Y-%m-%d} 00:00": factor * round(float(value), 1) for at, value in shown.iloc[::every].items()}
        house.read(meter, picked, unit_of)
    fit_profiles(house.settings, house.store, FITTED)
    return house


def test_what_a_contained_meter_leaves_open_is_converted_as_its_use_is(small_house):
    spans, found = spans_of("2023-04-10 2023-04-20", "2023-12-01 2024-01-05"), []
    for unit in ("kWh", "Wh"):
        bands = bands_of(containing_in(small_house, unit))
        found.append([bands.half_widths(meter, spans) for meter in ("main", "rest")])
    assert np.array(found[0]) == pytest.approx(np.array(found[1]))


def test_a_meter_that_contains_another_one_is_no_surer_than_the_others_use_allows(containing):
    """Main is read on 2 March and 1 May, the flat on 1 April and 16 May; the days asked for are 10 to 20 April."""
    bands, span = bands_of(containing), spans_of("2023-04-10 2023-04-20")
    before, after, gap, since, until = spans_of(
        "2023-03-02 2023-04-09",
        "2023-04-21 2023-04-30",
        "2023-03-02 2023-04-30",
        "2023-03-02 2023-04-20",
        "2023-04-10 2023-04-30",
    )

    def of_flat(days: DayRange) -> float:
        return float(bands.half_widths("flat", [days])[0] / 1.476) ** 2

    part = of_flat(span[0])
    # Var(a + b) = Var(a) + Var(b) + 2 Cov(a, b), for the days and those before and after them in the gap.
    together = part + (of_flat(since) - part - of_flat(before)) / 2 + (of_flat(until) - part - of_flat(after)) / 2
    main = containing.settings.meters["main"]
    ends = days.microseconds(pd.DatetimeIndex([f"2023-{day}" for day in ("03-02", "04-10", "04-21", "05-01")], tz=ZONE))
    basis = bands.variances.basis(main, int(ends[1]), int(ends[2]))
    alone = bands.variances.bands(main, basis, bands.variances.spread(main)).variance(ends[1:2], ends[2:3])[0]
    opens, first, last, closes = basis.weight.integral(ends)
    share = (last - first) / (closes - opens)
    ours, rest, again = (float(bands.half_widths(meter, span)[0] / 1.476) ** 2 for meter in ("main", "rest", "again"))
    assert ours == pytest.approx(alone + part - 2 * share * together + share**2 * of_flat(gap))
    assert ours > 2 * alone
    # What the main has too much in those days the flat has as well: of the rest, only its share of the gap is open.
    assert rest == pytest.approx(alone + share**2 * of_flat(gap))
    assert again == pytest.approx(part)


def test_over_a_whole_gap_a_meter_is_known_whatever_it_contains_and_the_remainder_is_as_open_as_that(containing):
    gap = spans_of("2023-03-02 2023-04-30")
    bands = bands_of(containing)
    main, flat, rest = (bands.half_widths(meter, gap)[0] for meter in ("main", "flat", "rest"))
    assert main == 0
    assert rest == pytest.approx(flat)
    assert flat > 1


def test_days_of_such_meters_are_stored_with_the_bands_that_their_readings_give(containing):
    keep(containing, "main", "flat", "rest", "again")
    every = [DayRange.single(day) for day in YEAR]
    for meter in ("main", "flat", "rest", "again"):
        frame = stored_days(containing.settings, containing.store, meter)
        widths = np.nan_to_num((frame["upper"] - frame["consumption"]).to_numpy())
        assert widths == pytest.approx(bands_of(containing).half_widths(meter, every), rel=1e-9, abs=1e-6)
    # The register is as open as what was counted since the reading on 2 March.
    main = stored_days(containing.settings, containing.store, "main").loc["2023-03-31T22:00Z"]
    since = bands_of(containing).half_widths("main", spans_of("2023-03-02 2023-03-31"))[0]
    assert main["opening_upper"] - main["opening"] == pytest.approx(since)


@given(st.integers(0, 350), st.integers(0, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None)
def test_such_a_days_band_is_the_same_alone_and_in_a_range_to_the_last_bit(containing, first, length):
    span = DayRange(YEAR.first + timedelta(days=first), YEAR.first + timedelta(days=first + length))
    evaluation = Evaluation(containing.settings, containing.store)
    for meter in ("main", "rest", "again"):
        whole = evaluation.days(meter, span).days
        for day in (span.first, span.last):
            alone = evaluation.days(meter, DayRange.single(day)).days
            pd.testing.assert_frame_equal(whole.loc[alone.index], alone, check_exact=True)
        assert (
            bands_of(containing).half_widths(meter, [span])[0]
            == bands_of(containing).half_widths(meter, [YEAR, span])[1]
        )


def test_without_the_spread_of_an_estimated_meter_that_it_contains_no_band_is_made_up(containing):
    """Nor is one left out where the contained meter is measured all the while."""
    store = containing.store
    start, end = (pd.Timestamp(year, tz="UTC").as_unit("us") for year in ("2020-01-01", "2030-01-01"))
    store.replace(PROFILE, "flat", "kWh", start, end, store.read(PROFILE, "flat").iloc[:0].drop(columns="unit"))
    assert kept(store, "flat") is None
    bands = ["lower", "upper", "opening_lower", "opening_upper"]
    april = Evaluation(containing.settings, store).days("main", DayRange(date(2023, 4, 5), date(2023, 4, 9))).days
    assert april[bands].isna().all(axis=None)
    containing.read(
        "flat", {f"{at:%Y-%m-%d} 00:00": round(float(value), 1) for at, value in FLAT["2023-06-30":].items()}
    )
    # Those before 30 June lie in a gap of the main in which the flat was estimated.
    found = Evaluation(containing.settings, store).days("main", DayRange(date(2023, 6, 25), date(2023, 7, 9))).days
    known = found[bands].notna().all(axis=1)
    assert known.tolist() == [False] * 5 + [True] * 10


def test_what_one_that_goes_along_with_another_has_too_much_the_other_has_too(small_house):
    """More is open of both together, and of what is left beside them, than of two that know nothing of each other."""
    house: SmallHouse = small_house("""\
        meters:
          - {meter_id: total, type: physical, output_unit: kWh, installation_date: 2023-01-01}
          - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2023-01-01}
          - {meter_id: other, type: physical, output_unit: kWh, installation_date: 2023-01-01, estimate: [like: flat]}
          - {meter_id: rest, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: total,
             subtract_meters: [flat, other]}
        """)
    for meter, every, shown in (("total", 1, 4 * FLAT), ("flat", 45, FLAT), ("other", 60, 0.7 * FLAT)):
        house.read(meter, {f"{at:%Y-%m-%d} 00:00": round(float(v), 1) for at, v in shown.iloc[::every].items()})
    fit_profiles(house.settings, house.store, FITTED)
    bands, span = bands_of(house), spans_of("2023-04-10 2023-04-20")
    other = house.settings.meters["other"]
    ends = days.microseconds(pd.DatetimeIndex([f"2023-{day}" for day in ("03-02", "04-10", "04-21", "05-01")], tz=ZONE))
    basis = bands.variances.basis(other, int(ends[1]), int(ends[2]))
    own = bands.variances.bands(other, basis, bands.variances.spread(other))
    passed = passed_on(own, Stretches.each(ends[1:2], ends[2:3]))
    of_flat = bands.variances.bands(
        house.settings.meters["flat"],
        bands.variances.basis(house.settings.meters["flat"], int(ends[0]), int(ends[3])),
        bands.variances.spread(house.settings.meters["flat"]),
    )
    theirs = float(variance_of(passed, 1, of_flat.variance)[0])
    both = Stretches.joined([Stretches.each(ends[1:2], ends[2:3]), passed])
    alone = float(own.variance(ends[1:2], ends[2:3])[0])
    flat, ours, rest = (float(bands.half_widths(meter, span)[0] / 1.476) ** 2 for meter in ("flat", "other", "rest"))
    # The scale of the other follows from all that its readings missed, the flat's error among it.
    assert ours == pytest.approx(max(alone, theirs))
    together = float(variance_of(both, 1, of_flat.variance)[0]) + max(alone - theirs, 0.0)
    assert rest == pytest.approx(together)
    assert rest > 1.1 * (flat + ours)
    keep(house, "total", "flat", "other", "rest")
    stored = stored_days(house.settings, house.store, "rest")
    widths = np.nan_to_num((stored["upper"] - stored["consumption"]).to_numpy())
    assert widths == pytest.approx(
        bands_of(house).half_widths("rest", [DayRange.single(day) for day in YEAR]), rel=1e-9
    )
