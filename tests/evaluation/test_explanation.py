"""The arithmetic printed is the arithmetic done: each day is recomputed from what its explanation shows."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.houses import CONFIG
from workflows_dagster.domain import days
from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.explanation import Explainer, NothingToExplainError
from workflows_dagster.evaluation.explanation.plain import plain
from workflows_dagster.evaluation.explanation.text import render
from workflows_dagster.records.days import write_days
from workflows_dagster.settings.load import load
from workflows_dagster.stores.ports import RawSeries

NOW = pd.Timestamp("2025-03-02 12:00", tz="Europe/Berlin").tz_convert("UTC")
METERS = [meter.meter_id for meter in load(CONFIG, {}).meters]


# A person's pencil: knows no more than the JSON form ------------------------------------------------------------------


def recomputed(explained):
    """Consumption from an explanation's own figures, down to the readings; None where it has none."""
    arithmetic = explained["arithmetic"]
    if arithmetic is None or explained["consumption"] is None:
        return None
    if arithmetic["kind"] == "readings":
        return sum(_piece(piece) for piece in arithmetic["pieces"])
    below = {source["meter_id"]: source for source in explained["sources"]}
    one_day = explained["first"] == explained["last"]
    if arithmetic["kind"] == "sources":
        return sum(
            (recomputed(below[part["source"]]) if one_day else part["consumption"]) * part["factor"]
            for part in arithmetic["parts"]
        )
    residual = sum(
        term["sign"] * (recomputed(below[term["source"]]) if one_day else term["consumption"]) * term["factor"]
        for term in arithmetic["terms"]
        if term["days"]
    )
    return max(residual, 0.0) if one_day else residual + arithmetic["clipped"]


def _piece(piece):
    if piece["kind"] == "whole_gaps":
        return piece["last"]["value"] - piece["first"]["value"]
    if piece["kind"] == "part_of_gap":
        gap = piece["gap"]
        if gap["kind"] in ("climb", "hour"):
            assert gap["advance"] == pytest.approx(gap["after"]["value"] - gap["before"]["value"], abs=1e-9)
        part, whole = ("weight", "weight") if gap["weight"] > 0 else ("days", "days")
        return gap["advance"] * piece[part] / gap[whole]
    rate = piece["rate"]["advance"] / piece["rate"]["weight"]
    if piece["floor"] is None:
        return rate * piece["weight"]
    at_end = piece["reading"]["value"] - rate * piece["weight_between"]
    at_start = at_end - rate * piece["weight"]
    return max(at_end, piece["floor"]) - max(at_start, piece["floor"])


def explain(house_settings, store, meter_id, period, now=NOW):
    return Explainer(house_settings, store, now).explain(meter_id, CivilPeriod.parse(period))


def as_json(explanation):
    return json.loads(json.dumps(plain(explanation)))


# What stands after two spaces, or after "at ", and has an operator in it, up to the equals sign.
EQUATION = re.compile(r"(?:\s{2}|at )((?:[−(]|\d)[\d.()×/+− ]*[×/+−][\d.()×/+− ]*) = (−?\d[\d.]*)")


def equations(text):
    """Every printed `expression = result`, worked out and as it stands."""
    found = []
    for expression, result in EQUATION.findall(text):
        written = expression.replace("×", "*").replace("−", "-")
        assert re.fullmatch(r"[\d.()*/+\- ]+", written), expression
        found.append((eval(written), float(result.replace("−", "-"))))
    return found


def entry(text, label):
    """Lines that stand under a label for the first time, as one text."""
    lines = text.split("\n")
    at = next(k for k, line in enumerate(lines) if line.strip().startswith(label))
    indent = len(lines[at]) - len(lines[at].lstrip())
    block = [lines[at].strip()[len(label) :].strip()]
    for line in lines[at + 1 :]:
        if not line.strip() or len(line) - len(line.lstrip()) <= indent:
            break
        block.append(line.strip())
    return "\n".join(block)


# The sample household -------------------------------------------------------------------------------------------------

DAYS = ["2024-01-01", "2024-02-14", "2024-10-27", "2024-11-12", "2024-11-26", "2025-01-15", "2025-03-01"]
SOME = ["strom_total", "eg_kalfire", "og2_wasser_kalt", "gas_zahler", "og1_heat", "strom_allgemein"]


@pytest.mark.parametrize("meter_id", METERS)
def test_each_day_is_recomputed_from_the_figures_of_its_explanation(meter_id, shipped, sample_store):
    for period in DAYS:
        day = date.fromisoformat(period)
        frame = Evaluation(shipped, sample_store).days(meter_id, DayRange.single(day)).days
        found = recomputed(as_json(explain(shipped, sample_store, meter_id, period)))
        if frame.empty or np.isnan(frame["consumption"].iloc[0]):
            assert found is None
        else:
            assert found == pytest.approx(frame["consumption"].iloc[0], rel=1e-9, abs=1e-9), period


@pytest.mark.parametrize("meter_id", SOME)
def test_a_month_and_a_year_are_recomputed_from_theirs(meter_id, shipped, sample_store):
    for period, first, last in [
        ("2024-11", date(2024, 11, 1), date(2024, 11, 30)),
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
    ]:
        frame = Evaluation(shipped, sample_store).days(meter_id, DayRange(first, last)).days
        explained = as_json(explain(shipped, sample_store, meter_id, period))
        net = max(frame["residual"].sum(), 0.0) if "residual" in frame else frame["consumption"].sum()
        assert recomputed(explained) == pytest.approx(net, rel=1e-9, abs=1e-9)
        assert sum(tally["days"] for tally in explained["tally"]) == len(frame)


@pytest.mark.parametrize("meter_id", SOME)
def test_every_equation_printed_holds_to_a_millionth_and_every_line_fits(meter_id, shipped, sample_store):
    for period in [*DAYS, "2024-11", "2024"]:
        text = render(explain(shipped, sample_store, meter_id, period), depth=9)
        for worked_out, printed in equations(text):
            assert worked_out == pytest.approx(printed, rel=1e-6, abs=1e-6)
        assert max(map(len, text.split("\n"))) <= 100, text


def test_a_day_between_two_readings_by_hand_is_advance_times_its_part_of_the_weight(shipped, sample_store):
    text = render(explain(shipped, sample_store, "og2_wasser_warm", "2024-08-31"), 1)
    before, after = (float(line.split()[-2]) for line in entry(text, "readings").split("\n"))
    advance = float(re.search(r"= ([\d.]+) m³ in", entry(text, "advance"))[1])
    assert advance == pytest.approx(after - before)
    hours = re.findall(r"(\d+) h +curve [\d.]+ +weight ([\d.]+)", entry(text, "weight"))
    weight = sum(float(h) * float(w) for h, w in hours) / 24
    whole = float(re.search(r"([\d.]+) mean days in the whole gap", text)[1])
    day = date(2024, 8, 31)
    frame = Evaluation(shipped, sample_store).days("og2_wasser_warm", DayRange.single(day)).days
    assert advance * weight / whole == pytest.approx(frame["consumption"].iloc[0], rel=1e-6)
    assert "interpolated" in entry(text, "why")


def test_a_day_after_the_last_reading_is_rate_times_weight(shipped, sample_store):
    text = render(explain(shipped, sample_store, "og2_wasser_warm", "2025-03-01"), 1)
    rows = entry(text, "rate from").split("\n")
    advance, weight = map(float, re.fullmatch(r"([\d.]+) m³ in ([\d.]+) mean days", rows[2]).groups())
    first, last = (float(row.split()[-2]) for row in rows[:2])
    assert advance == pytest.approx(last - first)
    hours = re.findall(r"(\d+) h +curve [\d.]+ +weight ([\d.]+)", entry(text, "weight"))
    of_day = sum(float(h) * float(w) for h, w in hours) / 24
    day = date(2025, 3, 1)
    frame = Evaluation(shipped, sample_store).days("og2_wasser_warm", DayRange.single(day)).days
    assert frame["quality"].iloc[0] == "extrapolated"
    assert advance / weight * of_day == pytest.approx(frame["consumption"].iloc[0], rel=1e-6)
    assert "extrapolated: after the last reading" in entry(text, "why")


def test_a_replacement_day_shows_both_halves_down_to_the_readings(shipped, sample_store):
    text = render(explain(shipped, sample_store, "strom_total", "2024-11-26"), 1)
    old_nt, old_ht, new = (
        float(re.search(rf"{meter} +([\d.]+) kWh", text)[1])
        for meter in ("strom_1LOG0007013695_NT", "strom_1LOG0007013695_HT", "haupt_strom")
    )
    frame = Evaluation(shipped, sample_store).days("strom_total", DayRange.single(date(2024, 11, 26))).days
    assert old_nt + old_ht + new == pytest.approx(frame["consumption"].iloc[0], rel=1e-6)
    for meter, part in (("NT", old_nt), ("HT", old_ht), ("haupt_strom", new)):
        below = text.split(f"{meter}, 2024-11-26")[1]
        halves = [float(x) for x in re.findall(r"consumption .* = ([\d.]+) kWh", below.split("\n    register")[0])]
        assert sum(halves) == pytest.approx(part, rel=1e-6)
    closes = re.search(r"closes at ([\d.]+) \+ \(([\d.]+) − ([\d.]+)\) = ([\d.]+) kWh", text)
    carried, shown, taken_over, closing = map(float, closes.groups())
    assert carried + (shown - taken_over) == pytest.approx(closing, abs=1e-6)
    assert closing == pytest.approx(frame["closing"].iloc[0], abs=1e-6)
    old_readings = [float(x) for x in re.findall(r"2024-11-26 +closing +([\d.]+)", text)]
    assert sum(old_readings) == pytest.approx(carried)
    assert text.count("counts until  2024-11-26 10:00:00 CET") == 2
    assert text.count("counts from   2024-11-26 10:00:00 CET") == 1


def test_a_clipped_virtual_day_shows_the_base_the_factors_and_what_was_clipped(shipped, sample_store):
    frame = Evaluation(shipped, sample_store).days("eg_kalfire", DayRange(date(2024, 11, 1), date(2025, 1, 31))).days
    start = frame.index[(frame["residual"] < 0) & (frame["quality"] == "interpolated")][0]
    day = days.civil_day(start, shipped.site.zone)
    text = render(explain(shipped, sample_store, "eg_kalfire", day.isoformat()), 1)
    base = float(re.search(r"gas_total +([\d.]+) m³", text)[1])
    boiler, factor = map(float, re.search(r"gastherme_gesamt +([\d.]+) kWh +× ([\d.]+)", text).groups())
    energy, z = map(float, re.search(r"energy content ([\d.]+) kWh/m³, z factor ([\d.]+), always", text).groups())
    assert (energy, z) == (11.504, 0.8885)
    assert factor == pytest.approx(1 / (energy * z), rel=1e-8)
    residual = base - boiler * factor
    assert residual == pytest.approx(frame["residual"][start], rel=1e-6)
    clipped = float(re.search(r"\+ ([\d.]+) clipped = 0 m³", text)[1])
    assert clipped == pytest.approx(-residual, rel=1e-6)
    assert entry(text, "estimated").endswith("of it")
    # Down to the readings of both, though one stands behind a master.
    assert f"gas_zahler_alt, {day}" in text
    assert text.count("advance") >= 2


def test_a_month_of_a_hand_read_meter_lists_the_gaps_that_bridge_it(shipped, sample_store):
    text = render(explain(shipped, sample_store, "gas_zahler", "2024-12"), 1)
    pieces = [float(x) for x in re.findall(r"consumption .* = ([\d.]+) m³", text)]
    frame = Evaluation(shipped, sample_store).days("gas_zahler", DayRange(date(2024, 12, 1), date(2024, 12, 31))).days
    assert sum(pieces) == pytest.approx(frame["consumption"].sum(), rel=1e-6)
    lying_here = [float(x) for x in re.findall(r"([\d.]+) days of the gap lie here", text)]
    assert sum(lying_here) == pytest.approx(31, abs=1e-3)
    assert re.search(r"interpolated +31 days +([\d.]+) m³", text)


def test_what_home_assistant_sent_as_zero_is_named_with_its_time_and_reason(shipped, sample_store):
    explained = explain(shipped, sample_store, "eg_strom", "2024-02-14")
    text = render(explained, 1)
    assert "2024-02-14 04:17:22 CET  0 kWh" in entry(text, "left out")
    assert "left out, because the counter came back" in " ".join(text.split())
    assert [reading.value for reading in explained.arithmetic.excluded] == [0.0]


def test_a_rollover_is_written_with_the_counters_size(shipped, sample_store):
    text = render(explain(shipped, sample_store, "og2_wasser_kalt", "2024-08-31"), 1)
    assert re.search(r"advance +[\d.]+ \+ 100000 − 99[\d.]+ = [\d.]+ m³", text)
    assert "the counter ran over" in text


@pytest.mark.parametrize(("period", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-10-28", 24)])
def test_days_on_which_the_clocks_change_say_so(period, hours, shipped, sample_store):
    text = render(explain(shipped, sample_store, "eg_strom", period), 1)
    assert f"{hours} hours" in entry(text, "to ")
    assert ("clocks change" in text) == (hours != 24)


def test_months_say_which_days_are_not_over(shipped, sample_store):
    explained = explain(shipped, sample_store, "eg_strom", "2025-03")
    assert (explained.first, explained.last) == (date(2025, 3, 1), date(2025, 3, 1))


def test_today_is_explained_so_far_as_provisional(shipped, sample_store):
    explained = explain(shipped, sample_store, "strom_allgemein", "2025-03-02")
    assert explained.provisional
    assert explained.stored is None
    assert recomputed(as_json(explained)) == pytest.approx(explained.consumption, rel=1e-9)
    assert "provisional" in render(explained, 0)


@pytest.mark.parametrize(
    ("period", "sentence"),
    [
        ("2025-03-03", "lies in the future"),
        ("2026", "lies in the future"),
        ("2019-12-31", "lies before the first day, 2020-01-01"),
    ],
)
def test_days_outside_the_systems_days_are_refused_with_a_sentence(period, sentence, shipped, sample_store):
    with pytest.raises(NothingToExplainError, match=sentence):
        explain(shipped, sample_store, "eg_strom", period)


@pytest.mark.parametrize(
    "text", ["2025-13", "yesterday", "2025-3-1", "25", "2025-02-30", "2025-03-01-01", "-2025", "9999", "9999-12"]
)
def test_only_days_months_and_years_are_read(text):
    with pytest.raises(ValueError, match="is no day, month or year"):
        CivilPeriod.parse(text)


# Small houses ---------------------------------------------------------------------------------------------------------

ONE_METER = """
meters:
  - {meter_id: strom, type: physical, output_unit: kWh, installation_date: 2024-01-01, deinstallation_date: 2030-12-31}
"""


def test_a_meter_that_is_not_there_says_from_when_to_when_it_is(small_house):
    house = small_house(ONE_METER.replace("2030-12-31", "2024-06-30").replace("2024-01-01", "2024-02-01"))
    house.read("strom", {"2024-02-01 12:00": 10.0, "2024-06-30 12:00": 20.0})
    other = ONE_METER.replace("meters:", "").replace("strom,", "wasser,")
    house = small_house(ONE_METER.replace("2030-12-31", "2024-06-30").replace("2024-01-01", "2024-02-01") + other)
    early = explain(house.settings, house.store, "strom", "2024-01-15")
    late = explain(house.settings, house.store, "strom", "2024-07-15")
    assert (early.consumption, late.consumption) == (None, None)
    assert "from 2024-02-01 12:00:00 CET on (installation_date 2024-02-01)" in as_json(early)["reasons"][0]
    assert "until 2024-06-30 12:00:00 CEST (deinstallation_date 2024-06-30)" in as_json(late)["reasons"][0]
    assert "why not" in render(early, 1)


def test_a_meter_without_any_reading_says_where_they_are_looked_for(small_house):
    house = small_house(ONE_METER)
    explained = explain(house.settings, house.store, "strom", "2024-05-01")
    assert "no valid reading at all" in as_json(explained)["reasons"][0]
    assert "measurement 'kWh', entity_id 'strom', field 'value'" in as_json(explained)["reasons"][0]


def test_a_day_too_far_from_the_last_reading_says_how_far(small_house):
    house = small_house(ONE_METER)
    house.read("strom", {"2024-01-02 00:00": 0.0, "2024-01-12 00:00": 10.0})
    near = explain(house.settings, house.store, "strom", "2025-02-14")
    far = explain(house.settings, house.store, "strom", "2025-02-15")
    assert near.consumption == pytest.approx(1.0)
    assert far.consumption is None
    assert "the last reading is 10 kWh of 2024-01-12 00:00:00 CET, 401 days away" in as_json(far)["reasons"][0]
    assert "max_extrapolation_days" in as_json(far)["reasons"][0]


def test_one_reading_alone_tells_no_rate(small_house):
    house = small_house(ONE_METER)
    house.read("strom", {"2024-01-02 00:00": 5.0})
    explained = explain(house.settings, house.store, "strom", "2024-01-05")
    assert "a single reading" in as_json(explained)["reasons"][0]


def test_a_gap_without_any_weight_is_spread_evenly_and_says_so(small_house):
    patterns = """
        patterns:
          strom: {monthly_percentages: [25, 25, 0, 0, 0, 0, 0, 0, 0, 0, 25, 25]}
    """
    house = small_house(ONE_METER, patterns)
    house.read("strom", {"2024-06-01 00:00": 0.0, "2024-06-11 00:00": 10.0})
    explained = explain(house.settings, house.store, "strom", "2024-06-05")
    text = render(explained, 1)
    assert recomputed(as_json(explained)) == pytest.approx(1.0)
    assert "10 × 1 / 10 = 1 kWh" in text
    assert "spread evenly" in text


def test_a_register_that_would_fall_below_zero_shows_the_floor(small_house):
    house = small_house(ONE_METER)
    house.read("strom", {"2024-02-01 00:00": 3.5, "2024-02-11 00:00": 13.5})
    # One a day backwards: the register is at zero in the middle of the 28th of January.
    explained = explain(house.settings, house.store, "strom", "2024-01-28")
    assert explained.consumption == pytest.approx(0.5)
    assert recomputed(as_json(explained)) == pytest.approx(0.5)
    assert "never below 0 kWh" in " ".join(render(explained, 1).split())


def test_a_reset_and_a_step_back_are_named(small_house):
    house = small_house(ONE_METER)
    hours = pd.date_range("2024-03-01", periods=72, freq="h")
    values = [100.0 + k for k in range(36)] + [float(k) for k in range(36)]
    house.read("strom", dict(zip(map(str, hours), values, strict=True)))
    explained = explain(house.settings, house.store, "strom", "2024-03-02")
    assert recomputed(as_json(explained)) == pytest.approx(explained.consumption, rel=1e-9)
    assert [finding.code for finding in explained.findings] == ["undeclared_reset"]
    assert "the register fell and did not come back" in render(explained, 1)


def test_a_reading_that_steps_back_within_the_resolution_is_counted_as_held(small_house):
    house = small_house(ONE_METER)
    hours = pd.date_range("2024-03-01", periods=30, freq="h")
    values = [round(10 + 0.5 * k, 3) for k in range(30)]
    values[7] = values[6] - 0.001
    house.read("strom", dict(zip(map(str, hours), values, strict=True)))
    explained = explain(house.settings, house.store, "strom", "2024-03-01")
    assert explained.arithmetic.held == 1
    assert "1 reading steps back within the resolution" in render(explained, 1)


INTERVALS = """
meters:
  - {meter_id: tibber, type: physical, output_unit: kWh, installation_date: 2024-01-01,
     source: {kind: interval, measurement: energy}}
"""


def test_an_interval_meters_hours_are_listed_and_missing_ones_say_what_bridges_them(small_house):
    house = small_house(INTERVALS)
    start = pd.Timestamp("2024-03-01 00:00", tz="Europe/Berlin").tz_convert("UTC")
    index = pd.date_range(start, periods=72, freq="h").as_unit("us")
    hours = pd.Series(np.arange(72) % 5 / 10 + 0.1, index)
    known = hours.drop(hours.index[34:38])
    house.store.write_readings(RawSeries("energy", "tibber", "consumption"), known)
    whole = explain(house.settings, house.store, "tibber", "2024-03-01")
    holed = explain(house.settings, house.store, "tibber", "2024-03-02")
    assert sum(whole.arithmetic.pieces[0].hours) == pytest.approx(whole.consumption)
    text = render(whole, 1)
    assert "24 intervals" in text
    printed = [float(x) for x in entry(text, "24 intervals").split()]
    assert sum(printed) == pytest.approx(whole.consumption)
    text = render(holed, 1)
    assert recomputed(as_json(holed)) == pytest.approx(holed.consumption, rel=1e-9)
    assert "4 hours" in entry(text, "missing")
    # 34 known hours before the hole: 6 times 1.5 and 0.1 to 0.4, in 34/24 days.
    rate = (6 * 1.5 + 1.0) / (34 / 24)
    assert float(entry(text, "filled with").split()[0]) == pytest.approx(rate, rel=1e-6)
    assert holed.quality == "measured"


def test_a_stored_day_that_is_no_longer_true_shows_both_numbers(small_house):
    house = small_house(ONE_METER)
    house.read("strom", {"2024-03-01 00:00": 0.0, "2024-03-11 00:00": 10.0})
    day = date(2024, 3, 5)
    frame = Evaluation(house.settings, house.store).days("strom", DayRange.single(day)).days
    cuts = DayRange.single(day).openings(house.settings.site.zone)
    assert "nothing yet" in render(explain(house.settings, house.store, "strom", "2024-03-05"), 1)
    write_days(house.store, "strom", "kWh", cuts[0], cuts[1], frame)
    assert "the same." in entry(render(explain(house.settings, house.store, "strom", "2024-03-05"), 1), "stored")
    house.read("strom", {"2024-03-06 00:00": 9.0})
    text = " ".join(render(explain(house.settings, house.store, "strom", "2024-03-05"), 1).split())
    assert "1 kWh (interpolated); computed from today's readings and settings: 1.8 kWh (interpolated)" in text
    assert "meters backfill" in text


@pytest.mark.parametrize("column", ["opening", "closing", "consumption", "quality", "estimated_share"])
def test_a_stored_day_that_differs_in_any_figure_is_named(small_house, column):
    house = small_house(ONE_METER)
    house.read("strom", {"2024-03-01 00:00": 0.0, "2024-03-11 00:00": 10.0})
    asked = DayRange(date(2024, 3, 4), date(2024, 3, 6))
    frame = Evaluation(house.settings, house.store).days("strom", asked).days
    frame.iloc[1, frame.columns.get_loc(column)] = "measured" if column == "quality" else 0.25
    write_days(house.store, "strom", "kWh", *asked.bounds(house.settings.site.zone), frame)
    days_of = [explain(house.settings, house.store, "strom", str(day)) for day in asked]
    assert [one.stored.differing for one in days_of] == [(), (date(2024, 3, 5),), ()]


DATED_GAS = """
    timezone: Europe/Berlin
    gas_conversion:
      - {valid_from: 2020-01-01, energy_content: 11.0, z_factor: 0.9}
      - {valid_from: 2024-03-10, energy_content: 12.0, z_factor: 0.8}
"""
GAS_HOUSE = """
meters:
  - {meter_id: gas, type: physical, output_unit: m³, installation_date: 2024-03-01}
  - {meter_id: therme, type: physical, output_unit: kWh, installation_date: 2024-03-01}
  - meter_id: rest
    type: virtual
    output_unit: m³
    calculation_type: subtraction
    base_meter: gas
    subtract_meters: [therme]
    subtract_meter_conversions: {therme: {from_unit: kWh, to_unit: m³}}
"""


def test_gas_factors_are_those_of_the_day_and_a_month_shows_each(small_house):
    house = small_house(GAS_HOUSE, config=DATED_GAS)
    for meter, unit, a_day in (("gas", "m³", 2.0), ("therme", "kWh", 9.0)):
        house.read(meter, {"2024-03-01 00:00": 0.0, "2024-03-31 00:00": 30 * a_day}, unit)
    before, after = (explain(house.settings, house.store, "rest", day) for day in ("2024-03-09", "2024-03-10"))
    assert before.consumption == pytest.approx(2 - 9 / 9.9)
    assert after.consumption == pytest.approx(2 - 9 / 9.6)
    assert "valid from 2020-01-01" in render(before, 1)
    assert "valid from 2024-03-10" in render(after, 1)
    month = explain(house.settings, house.store, "rest", "2024-03", now=pd.Timestamp("2024-03-31 12:00", tz="UTC"))
    assert [term.days for term in month.arithmetic.terms] == [30, 9, 21]
    assert recomputed(as_json(month)) == pytest.approx(month.consumption, rel=1e-9)


RANDOM_HOUSE = """
meters:
  - {meter_id: even, type: physical, output_unit: kWh, installation_date: 2024-01-01, register_digits: 4}
  - {meter_id: heat, type: physical, output_unit: MWh, installation_date: 2024-01-01, initial_reading: 0.5}
  - {meter_id: old, type: physical, output_unit: Wh, installation_date: 2024-01-01, deinstallation_date: 2024-04-15}
  - {meter_id: new, type: physical, output_unit: kWh, installation_date: 2024-04-15}
  - meter_id: main
    type: master
    output_unit: kWh
    periods:
      - {start_date: 2024-01-01, end_date: 2024-04-15, composition_type: single, source_meters: [old]}
      - {start_date: 2024-04-16, composition_type: sum, source_meters: [new, even], end_date: 9999-12-31,
         apply_offset_from_previous_period: true}
  - meter_id: rest
    type: virtual
    output_unit: kWh
    calculation_type: subtraction
    base_meter: main
    subtract_meters: [heat, even]
"""
RANDOM_PATTERNS = """
patterns:
  heat: {monthly_percentages: [20, 17, 13, 8, 4, 0, 0, 0, 4, 8, 11, 15]}
"""
UNITS = {"even": "kWh", "heat": "MWh", "old": "Wh", "new": "kWh"}
FIRST = pd.Timestamp("2024-01-01 00:00", tz="Europe/Berlin")

# Minutes after the 1st of January, and what the counter shows: mostly more, sometimes anything.
steps = st.lists(
    st.tuples(
        st.one_of(st.integers(5, 90), st.integers(60, 60 * 24 * 40)),
        st.one_of(st.just(0.0), st.floats(0.001, 50).map(lambda x: round(x, 3)), st.floats(-3000, 9000).map(round)),
    ),
    max_size=25,
)


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(histories=st.fixed_dictionaries(dict.fromkeys(UNITS, steps)), day=st.integers(0, 200))
def test_in_any_house_any_day_is_recomputed_from_its_explanation(small_house, histories, day):
    house = small_house(RANDOM_HOUSE, RANDOM_PATTERNS)
    for meter, history in histories.items():
        series = RawSeries(UNITS[meter], meter)
        house.store.delete_readings(series, FIRST, FIRST + pd.Timedelta(days=3000))
        minutes = np.cumsum([0, *(step for step, _ in history)])[1:]
        values = np.round(np.abs(np.cumsum([0.0, *(rise for _, rise in history)])[1:]), 3)
        if len(minutes):
            index = pd.DatetimeIndex(FIRST + pd.to_timedelta(minutes, unit="min")).tz_convert("UTC").as_unit("us")
            house.store.write_readings(series, pd.Series(values, index))
    asked = date(2024, 1, 1) + timedelta(days=day)
    evaluation = Evaluation(house.settings, house.store)
    for meter in house.settings.meters:
        frame = evaluation.days(meter.meter_id, DayRange.single(asked)).days
        explained = explain(house.settings, house.store, meter.meter_id, asked.isoformat())
        found = recomputed(as_json(explained))
        if frame.empty or np.isnan(frame["consumption"].iloc[0]):
            assert found is None
            assert explained.reasons
        else:
            assert found == pytest.approx(frame["consumption"].iloc[0], rel=1e-9, abs=1e-9 * _size(explained))
        render(explained, 9)


def _size(explained):
    """The largest register among the figures: what rounding is measured by."""
    below = [_size(source) for source in explained.sources]
    return max(1.0, abs(explained.opening or 0.0), abs(explained.closing or 0.0), *below)
