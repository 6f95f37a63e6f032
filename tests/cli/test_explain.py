"""`meters explain` at the front door: what it prints, and what it refuses."""

from __future__ import annotations

import json
from datetime import timedelta

import pandas as pd
import pytest

from tests.cli.front_door import at, every
from workflows_dagster.stores.ports import RawSeries

METERS = """\
    meters:
      - {meter_id: haupt_strom, type: physical, output_unit: kWh, installation_date: 2024-01-01}
      - {meter_id: eg_strom, type: physical, output_unit: kWh, installation_date: 2024-01-01}
      - meter_id: rest
        type: virtual
        output_unit: kWh
        calculation_type: subtraction
        base_meter: haupt_strom
        subtract_meters: [eg_strom]
    """


@pytest.fixture
def two_meters(house):
    house.meters(METERS)
    for meter, end in (("haupt_strom", 31.0), ("eg_strom", 46.5)):
        house.read(RawSeries("kWh", meter), at({"2024-02-29 23:00": 0.0, "2024-03-31 22:00": end}))
    return house


def test_a_day_by_hand_is_printed_with_its_readings_and_its_arithmetic(two_meters):
    result = two_meters.run("explain", "haupt_strom", "2024-03-05")
    assert result.exit_code == 0, result.output
    # The month has an hour less than 31 days.
    assert "consumption   31 × 1 / 30.9583333 = 1.0013459 kWh" in result.output
    assert "2024-03-01 00:00:00 CET    0 kWh" in result.output
    assert "interpolated, 100 % estimated" in result.output


def test_a_clipped_day_can_be_had_brief_deep_and_for_machines(two_meters):
    brief = two_meters.run("explain", "rest", "2024-03-05", "--depth", "0").output
    usual = two_meters.run("explain", "rest", "2024-03-05").output
    deep = two_meters.run("explain", "rest", "2024-03-05", "--deep").output
    machine = json.loads(two_meters.run("explain", "rest", "2024-03-05", "--format", "json").output)
    assert "clipped = 0 kWh" in brief
    assert "    haupt_strom, 2024-03-05" not in brief
    assert "    haupt_strom, 2024-03-05" in usual
    assert usual == deep
    assert machine["consumption"] == 0.0
    assert machine["arithmetic"]["residual"] == pytest.approx(-15.5 / (31 - 1 / 24))
    assert [source["meter_id"] for source in machine["sources"]] == ["haupt_strom", "eg_strom"]


def test_a_month_and_a_year_are_explained_in_sum(two_meters):
    month = two_meters.run("explain", "haupt_strom", "2024-03").output
    year = two_meters.run("explain", "haupt_strom", "2024").output
    assert "haupt_strom, 2024-03: 31.000 kWh" in month
    assert "31 days" in month
    assert "366 days" in year


def test_a_day_that_is_not_stored_says_what_to_run(two_meters):
    output = two_meters.run("explain", "haupt_strom", "2024-03-05").output
    assert "nothing yet. Run `meters backfill`" in output


def test_today_is_provisional(house):
    now = pd.Timestamp.now("UTC").floor("h")
    house.meters(METERS)
    house.read(
        RawSeries("kWh", "haupt_strom"), every("h", str((now - timedelta(days=40)).tz_localize(None)), [1.0] * 5)
    )
    house.read(
        RawSeries("kWh", "haupt_strom"), every("h", str((now - timedelta(hours=30)).tz_localize(None)), [2.0] * 30)
    )
    today = now.tz_convert("Europe/Berlin").date()
    result = house.run("explain", "haupt_strom", today.isoformat())
    assert result.exit_code == 0, result.output
    assert "provisional" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("haupt_storm", "2024-03-05"), "Did you mean 'haupt_strom'?"),
        (("haupt_strom", "5.3.24"), "'5.3.24' is no day, month or year. Write 2024-12-31, 2024-12 or 2024."),
        (("haupt_strom", "2190-01-01"), "haupt_strom: 2190-01-01 lies in the future"),
        (("haupt_strom", "2019"), "haupt_strom: 2019 lies before the first day, 2024-01-01. Ask for a later one."),
    ],
)
def test_what_cannot_be_explained_is_refused_in_one_sentence(arguments, sentence, two_meters):
    result = two_meters.run("explain", *arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output
