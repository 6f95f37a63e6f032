"""What a month's report says, from days that are known."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.reports.stored import store_costs, store_days
from workflows_dagster.domain import days
from workflows_dagster.domain.periods import by_period
from workflows_dagster.records.days import read_days
from workflows_dagster.reports import NoDaysError, Note, monthly_report, write_report
from workflows_dagster.reports.content import Amount, Money
from workflows_dagster.reports.month_days import cost_of_days
from workflows_dagster.wording.report import NARROW


def plain(text):
    return text.replace(NARROW, " ")


def section(content, utility):
    return next(found for found in content.sections if found.utility == utility)


def line(content, meter_id):
    return next(found for part in content.sections for found in part.lines if found.meter_id == meter_id)


@pytest.fixture(scope="session")
def january(shipped, household):
    return monthly_report(shipped, household, "2025-01").content


def test_each_meter_of_the_household_says_what_its_days_add_up_to(shipped, household, january):
    zone = shipped.site.zone
    shown = {found.meter_id: found for part in january.sections for found in part.lines if found.meter_id}
    for meter_id, found in shown.items():
        frame = read_days(
            household, meter_id, days.opening(date(2025, 1, 1), zone), days.opening(date(2025, 2, 1), zone)
        )
        month = by_period(frame, days.civil_days(pd.DatetimeIndex(frame.index), zone), "month").loc["2025-01"]
        factor = 1000 if shipped.meters[meter_id].output_unit == "MWh" else 1
        assert found.used.value == pytest.approx(factor * month["consumption"], rel=1e-12)
        litres = 1000 if found.per_day.unit == "l" else 1
        assert found.per_day.value == pytest.approx(litres * factor * month["consumption"] / 31, rel=1e-12)
    assert {"strom_total", "eg_kalfire", "haupt_wasser", "og1_heat", "solarspeicher"} <= set(shown)


def test_a_single_device_is_named_in_the_small_print_of_its_master_only(january):
    assert all(found.meter_id != "haupt_strom" for part in january.sections for found in part.lines)
    assert "Main electricity meter since the replacement" in line(january, "strom_total").small_print


def test_in_the_month_of_a_replacement_the_devices_stand_below_the_master(shipped, household):
    november = monthly_report(shipped, household, "2024-11").content
    found = section(november, "electricity").lines[:4]
    assert [(part.meter_id, part.role) for part in found] == [
        ("strom_total", "main"),
        ("strom_1LOG0007013695_NT", "device"),
        ("strom_1LOG0007013695_HT", "device"),
        ("haupt_strom", "device"),
    ]
    assert found[0].used.value == pytest.approx(sum(part.used.value for part in found[1:]))
    assert [part.remarks for part in found] == [(), *[("26 of 30 days",)] * 2, ("5 of 30 days",)]


def test_heat_meters_side_by_side_are_added_up_and_the_sum_says_so(january):
    heat = section(january, "heat")
    assert heat.headline.name == "All five heat meters together"
    assert heat.lines[0] is heat.headline
    assert heat.headline.used.value == pytest.approx(sum(found.used.value for found in heat.lines[1:]))
    assert heat.headline.used.unit == "kWh"
    assert heat.headline.year_change is not None


def test_a_virtual_meter_that_was_clipped_much_is_called_uncertain_with_the_net_amount(shipped, household, january):
    zone = shipped.site.zone
    frame = read_days(
        household, "eg_kalfire", days.opening(date(2025, 1, 1), zone), days.opening(date(2025, 2, 1), zone)
    )
    (remark,) = line(january, "eg_kalfire").remarks
    assert remark.startswith("uncertain: on some days the parts came to more than the whole")
    assert line(january, "eg_kalfire").used.value == pytest.approx(frame["residual"].sum())


def test_the_plots_hold_thirteen_months_and_every_day_of_the_month(january):
    electricity = section(january, "electricity")
    assert [bar.first for bar in electricity.months.bars][::12] == [date(2024, 1, 1), date(2025, 1, 1)]
    assert [bool(bar.label) for bar in electricity.months.bars] == [True, *[False] * 11, True]
    assert len(electricity.days.bars) == 31
    assert sum(bar.value for bar in electricity.days.bars) == pytest.approx(electricity.headline.used.value)
    assert "January 2025" in electricity.months.description


def test_the_summary_tells_each_utility_once_and_what_is_estimated(january):
    said = plain(january.summary)
    for words in ("kWh of electricity", "m³ of gas", "m³ of water", "kWh of heat", "solar gave"):
        assert said.count(words) == 1
    assert said.count("January 2024") == 1
    assert "Gas and water are estimated, because the readings lie more than a day apart." in said


def test_a_flats_month_by_pencil(flat):
    store_days(flat.settings, flat.store, "strom", date(2024, 2, 1), [2.0] * 29)
    store_days(flat.settings, flat.store, "strom", date(2025, 1, 1), [4.0] * 31)
    store_days(flat.settings, flat.store, "strom", date(2025, 2, 1), [3.0] * 28, share=0.38)
    content = monthly_report(flat.settings, flat.store, "2025-02").content
    found = line(content, "strom")
    assert found.used == Amount(84.0, "kWh")
    assert found.per_day == Amount(3.0, "kWh")
    assert found.month_change == -0.25
    assert found.year_change == 0.5
    assert found.year_before == Amount(2.0, "kWh")
    assert found.estimated_share == pytest.approx(0.38)
    assert plain(content.summary) == (
        "In February 2025 the house used 84.0 kWh of electricity (50 % more a day than in February 2024)."
    )
    assert plain(content.sections[0].sentence) == "50 % more than in February 2024: 3.00 against 2.00 kWh a day."
    assert (content.title, content.month_before, content.year_before) == ("February 2025", "January", "February 2024")


def test_a_running_month_tells_its_days_and_compares_with_nothing(flat):
    store_days(flat.settings, flat.store, "strom", date(2025, 2, 1), [2.0] * 40)
    content = monthly_report(flat.settings, flat.store, "2025-03").content
    found = line(content, "strom")
    assert found.used.value == 24.0
    assert (found.month_change, found.year_change) == (None, None)
    assert "These are 12 of the month's 31 days" in content.summary
    assert found.remarks == ()


def test_a_month_before_which_nothing_was_used_has_no_percentage(flat):
    store_days(flat.settings, flat.store, "strom", date(2024, 2, 1), [0.0] * 29)
    store_days(flat.settings, flat.store, "strom", date(2025, 2, 1), [2.0] * 28)
    content = monthly_report(flat.settings, flat.store, "2025-02").content
    assert line(content, "strom").year_change is None
    assert plain(content.sections[0].sentence) == "2.00 kWh a day; none at all in February 2024."


def test_a_month_whose_days_have_no_value_says_so(flat):
    store_days(flat.settings, flat.store, "strom", date(2025, 2, 1), [float("nan")] * 28)
    content = monthly_report(flat.settings, flat.store, "2025-02").content
    assert line(content, "strom").remarks == ("no value this month",)
    assert content.summary == "No values are known of February 2025."
    assert "kWh" in monthly_report(flat.settings, flat.store, "2025-02").html


def test_a_virtual_meters_days_below_zero_are_set_off_in_its_cost():
    index = pd.date_range("2025-02-01", periods=3, freq="D", tz="UTC", unit="us")
    costs = pd.DataFrame({"cost": [3.5, 0.5, 1.5], "unit_price": 1.0, "standing_charge": 0.5}, index=index)
    residual = pd.Series([3.0, -2.0, 1.0], index=index)
    assert cost_of_days(costs, residual) == 1.5 + 2.0
    assert cost_of_days(costs, residual - 2.0) == 1.5
    assert cost_of_days(costs, residual * np.nan) == 5.5


def test_costs_are_added_up_and_days_without_one_are_told(flat):
    store_days(flat.settings, flat.store, "strom", date(2025, 2, 1), [2.0] * 28)
    store_costs(flat.settings, flat.store, "strom", date(2025, 1, 30), [5.0, 5.0, *[0.6] * 20])
    found = line(monthly_report(flat.settings, flat.store, "2025-02").content, "strom")
    assert found.cost == Money(pytest.approx(12.0), "EUR")
    assert found.remarks == ("cost of 20 days",)


def test_a_master_without_costs_bears_those_of_its_only_device(small_house):
    house = small_house(
        """\
        meters:
          - {meter_id: device_strom, type: physical, output_unit: kWh}
          - meter_id: strom_total
            type: master
            output_unit: kWh
            periods: [{start_date: 2025-01-01, composition_type: single, source_meters: [device_strom]}]
        """
    )
    for meter_id in ("device_strom", "strom_total"):
        store_days(house.settings, house.store, meter_id, date(2025, 2, 1), [2.0] * 28)
    store_costs(house.settings, house.store, "device_strom", date(2025, 2, 1), [0.5] * 28)
    found = line(monthly_report(house.settings, house.store, "2025-02").content, "strom_total")
    assert found.cost == Money(14.0, "EUR")


def test_meters_side_by_side_are_missing_together_and_estimated_by_weight(small_house):
    house = small_house(
        """\
        meters:
          - {meter_id: a_heat, type: physical, output_unit: MWh}
          - {meter_id: b_heat, type: physical, output_unit: kWh}
        """
    )
    store_days(house.settings, house.store, "a_heat", date(2025, 2, 1), [0.003] * 27 + [float("nan")])
    store_days(house.settings, house.store, "b_heat", date(2025, 2, 1), [2.0] * 28, share=1.0)
    heat = section(monthly_report(house.settings, house.store, "2025-02").content, "heat")
    assert heat.headline.used.value == pytest.approx(27 * 5.0)
    assert heat.headline.estimated_share == pytest.approx(0.4)
    assert heat.headline.remarks == ("27 of 28 days",)
    assert heat.headline.cost is None


def test_what_stands_out_below_the_whole_is_named_and_what_moved_with_it_is_not(small_house):
    house = small_house(
        """\
        meters:
          - {meter_id: strom, type: physical, output_unit: kWh, description: House}
          - {meter_id: loft_strom, type: physical, output_unit: kWh, description: Loft}
          - {meter_id: shop_strom, type: physical, output_unit: kWh, description: Shop}
          - {meter_id: rest, type: virtual, output_unit: kWh, description: Stairs, calculation_type: subtraction,
             base_meter: strom, subtract_meters: [loft_strom, shop_strom]}
        """
    )
    for meter_id, before, now in (("strom", 10, 12), ("loft_strom", 2, 3.6), ("shop_strom", 7, 8.4), ("rest", 1, 0)):
        residual = {"residual": [now] * 31} if meter_id == "rest" else {}
        store_days(house.settings, house.store, meter_id, date(2024, 3, 1), [before] * 31, **residual)
        store_days(house.settings, house.store, meter_id, date(2025, 3, 1), [now] * 31, **residual)
    said = plain(section(monthly_report(house.settings, house.store, "2025-03").content, "electricity").sentence)
    assert said == (
        "20 % more than in March 2024: 12.0 against 10.0 kWh a day. Most changed against that month: Loft (80 % more)."
    )


def test_a_note_names_the_meter_in_the_owners_words_and_its_days(shipped, household):
    notes = [
        Note("it stands still.", "og1_heat", date(2025, 1, 13), date(2025, 1, 20)),
        Note("from the year before.", "eg_strom", date(2024, 12, 30)),
        Note("nobody's meter.", "gone"),
        Note("all is well."),
    ]
    said = monthly_report(shipped, household, "2025-01", notes).content.notes
    assert [(note.about, note.sentence) for note in said] == [
        ("First floor heat, 13–20 January", "it stands still."),
        ("Ground floor electricity, 30 December 2024", "from the year before."),
        ("gone", "nobody's meter."),
        ("", "all is well."),
    ]


def test_a_month_without_days_is_refused(flat):
    with pytest.raises(NoDaysError, match="2025-02: no days are stored"):
        monthly_report(flat.settings, flat.store, "2025-02")
    store_days(flat.settings, flat.store, "strom", date(2025, 1, 1), [1.0] * 31)
    with pytest.raises(NoDaysError):
        monthly_report(flat.settings, flat.store, "2025-02")


@pytest.mark.parametrize("text", ["2025", "2025-13", "march", "2025-03-01", "25-03", "2025-3 "])
def test_what_is_no_month_is_refused(flat, text):
    with pytest.raises(ValueError, match=r"month|isoformat"):
        monthly_report(flat.settings, flat.store, text)


def test_the_page_is_written_whole_and_replaces_the_one_before(flat, tmp_path):
    store_days(flat.settings, flat.store, "strom", date(2025, 2, 1), [2.0] * 28)
    made = monthly_report(flat.settings, flat.store, "2025-02")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "2025-02.html").write_text("an older page")
    path = write_report(made, tmp_path / "reports")
    assert path.name == "2025-02.html"
    assert path.read_text(encoding="utf-8") == made.html
    assert list(path.parent.iterdir()) == [path]


def test_a_page_that_cannot_be_put_in_place_leaves_no_draft(flat, tmp_path):
    store_days(flat.settings, flat.store, "strom", date(2025, 2, 1), [2.0] * 28)
    (tmp_path / "2025-02.html").mkdir()
    with pytest.raises(OSError, match="2025-02"):
        write_report(monthly_report(flat.settings, flat.store, "2025-02"), tmp_path)
    assert [path.name for path in tmp_path.glob(".2025*")] == []


FEEDING = """\
    meters:
      - {meter_id: haus_strom, type: physical, output_unit: kWh, description: House}
      - {meter_id: wallbox, type: physical, output_unit: kWh, utility: electricity}
      - {meter_id: pv_einspeisung, type: physical, output_unit: kWh, description: Fed in, utility: UTILITY}
      - {meter_id: pv, type: physical, output_unit: kWh, utility: solar}
"""


@pytest.fixture
def feeding(small_house, tmp_path):
    """Make a house that feeds into the grid, with its days of May 2024."""

    def make(utility, **used):
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "tariffs.yaml").write_text(
            "tariffs: [{meter: pv_einspeisung, feed_in: true, prices: [{valid_from: 2024-01-01, unit_price: 0.08}]}]"
        )
        house = small_house(FEEDING.replace("UTILITY", utility))
        for meter_id, a_day in used.items():
            store_days(house.settings, house.store, meter_id, date(2024, 5, 1), [a_day] * 31)
        return monthly_report(house.settings, house.store, "2024-05").content

    return make


def test_what_is_fed_into_the_grid_is_not_what_the_house_used(feeding):
    content = feeding("electricity", haus_strom=12.0, wallbox=3.0, pv_einspeisung=7.0, pv=6.0)
    assert plain(content.summary) == "In May 2024 the house used 465 kWh of electricity; solar gave 186 kWh."
    electricity = section(content, "electricity")
    assert electricity.headline.name == "Both electricity meters together"
    assert [(found.meter_id, found.role) for found in electricity.lines] == [
        (None, "total"),
        ("haus_strom", "side"),
        ("wallbox", "side"),
        ("pv_einspeisung", "part"),
    ]


def test_what_solar_gave_does_not_count_what_was_fed_in_twice(feeding):
    content = feeding("solar", haus_strom=12.0, pv_einspeisung=4.0, pv=6.0)
    assert plain(content.summary) == "In May 2024 the house used 372 kWh of electricity; solar gave 186 kWh."


def test_a_month_of_which_only_the_feed_in_is_known_does_not_say_that_the_house_used_it(feeding):
    content = feeding("electricity", pv_einspeisung=7.0, pv=6.0)
    assert plain(content.summary) == ("In May 2024 solar gave 186 kWh; 217 kWh of electricity went into the grid.")


SIDE_BY_SIDE = """\
    meters:
      - {meter_id: a_heat, type: physical, output_unit: kWh}
      - {meter_id: b_heat, type: physical, output_unit: kWh}
      - {meter_id: c_heat, type: physical, output_unit: kWh}
      - {meter_id: ghost_heat, type: physical, output_unit: kWh, description: Ghost}
      - {meter_id: wasser, type: physical, output_unit: m³}
      - {meter_id: eg_wasser, type: physical, output_unit: m³}
      - {meter_id: rest, type: virtual, output_unit: m³, calculation_type: subtraction, base_meter: wasser,
         subtract_meters: [eg_wasser]}
"""
NONE_OF_MAY = [float("nan")] * 31


def test_a_meter_without_any_value_is_left_out_of_the_sum_and_named(small_house):
    house = small_house(SIDE_BY_SIDE)
    for meter_id in ("a_heat", "b_heat", "c_heat"):
        store_days(house.settings, house.store, meter_id, date(2024, 5, 1), [2.0] * 31)
        store_costs(house.settings, house.store, meter_id, date(2024, 5, 1), [0.5] * 31)
    store_days(house.settings, house.store, "ghost_heat", date(2024, 5, 1), NONE_OF_MAY)
    content = monthly_report(house.settings, house.store, "2024-05").content
    heat = section(content, "heat")
    assert heat.headline.name == "Three of four heat meters together, without Ghost"
    assert heat.headline.used == Amount(186.0, "kWh")
    assert heat.headline.cost == Money(46.5, "EUR")
    assert heat.headline.remarks == ()
    assert line(content, "ghost_heat").remarks == ("no value this month",)
    assert plain(content.summary) == "In May 2024 the house used 186 kWh of heat."


def test_where_one_of_two_meters_has_values_the_name_says_so(small_house):
    house = small_house(SIDE_BY_SIDE)
    store_days(house.settings, house.store, "a_heat", date(2024, 5, 1), [2.0] * 31)
    store_days(house.settings, house.store, "ghost_heat", date(2024, 5, 1), NONE_OF_MAY)
    content = monthly_report(house.settings, house.store, "2024-05").content
    assert section(content, "heat").headline.name == "One of two heat meters, without Ghost"


def test_a_main_meter_without_values_leaves_its_utility_without_a_total_and_the_summary_says_so(small_house):
    house = small_house(SIDE_BY_SIDE)
    store_days(house.settings, house.store, "wasser", date(2024, 5, 1), NONE_OF_MAY)
    store_days(house.settings, house.store, "rest", date(2024, 5, 1), NONE_OF_MAY)
    store_days(house.settings, house.store, "eg_wasser", date(2024, 5, 1), [0.2] * 31)
    alone = monthly_report(house.settings, house.store, "2024-05").content
    assert alone.summary == "No total is known of water in May 2024."
    store_days(house.settings, house.store, "a_heat", date(2024, 5, 1), [2.0] * 31)
    beside = monthly_report(house.settings, house.store, "2024-05").content
    assert plain(beside.summary) == (
        "In May 2024 the house used 62.0 kWh of heat. No total is known of water in May 2024."
    )
