"""One reading at the terminal: judged, stored, listed, taken back."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.cli.front_door import FrontDoor
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

GAS = RawSeries("m³", "gas_zahler")


@pytest.fixture
def gas(house: FrontDoor) -> FrontDoor:
    """A house whose gas meter counts ten cubic metres a day and was read every week until three weeks ago."""
    last = pd.Timestamp.now("UTC").floor("D") - pd.Timedelta(days=21)
    instants = pd.date_range(end=last, periods=40, freq="7D", unit="us")
    house.read(GAS, pd.Series([48000.0 + 70 * k for k in range(40)], index=instants))
    return house


def stored(house: FrontDoor) -> pd.Series:
    store = EmbeddedStore(house.database)
    try:
        return store.readings(GAS)
    finally:
        store.close()


def test_a_plausible_reading_is_stored_and_what_it_means_is_said(gas):
    done = gas.run("reading", "gas_zahler", "50940,5", "--note", "cellar, with a torch")
    assert done.exit_code == 0, done.output
    assert "210.5 m³ in 21 days, " in done.output.replace("22 days", "21 days")
    assert "expected" in done.output
    assert stored(gas).iloc[-1] == 50940.5
    listed = gas.run("readings", "gas_zahler", "--newest", "1")
    assert "cellar, with a torch" in listed.output
    assert "50,940.5" in listed.output
    assert "used" in listed.output


def test_an_implausible_reading_is_stored_only_when_that_is_confirmed(gas):
    before = len(stored(gas))
    asked = gas.run("reading", "gas_zahler", "59040")
    assert asked.exit_code == 2
    assert "that is more than this meter's history lets one expect" in asked.output
    assert "Nothing stored." in asked.output
    assert len(stored(gas)) == before
    assert gas.run("reading", "gas_zahler", "59040", "--yes").exit_code == 0
    assert stored(gas).iloc[-1] == 59040.0


def test_a_reading_below_the_last_one_is_doubted(gas):
    asked = gas.run("reading", "gas_zahler", "5094,5")
    assert asked.exit_code == 2
    assert "the reading before it was 50,730 m³, and a register does not fall" in asked.output


def test_an_ambiguous_number_shows_both_readings_and_stores_none(gas):
    before = len(stored(gas))
    asked = gas.run("reading", "gas_zahler", "50.940", "--yes")
    assert asked.exit_code == 2
    assert "50,940 m³" in asked.output
    assert "50.94 m³" in asked.output
    assert "Write 50940 or 50.94." in asked.output
    assert len(stored(gas)) == before


def test_a_reading_typed_in_late_is_judged_by_the_readings_on_both_sides(gas):
    after_first = stored(gas).index[0] + pd.Timedelta(days=3)
    asked = gas.run("reading", "gas_zahler", "48900", "--at", f"{after_first:%d.%m.%Y} 12:00")
    assert asked.exit_code == 2
    assert "the next reading is 48,070 m³, and a register does not fall" in asked.output


def test_a_moment_in_the_future_is_refused(gas):
    assert gas.run("reading", "gas_zahler", "50940", "--at", "2199-01-01").exit_code == 2


def test_a_reading_can_be_taken_back_by_its_minute(gas):
    assert gas.run("reading", "gas_zahler", "50735", "--at", "yesterday").exit_code == 2
    # By the day of UTC, as the readings: in Berlin it may be tomorrow already.
    day = f"{pd.Timestamp.now('UTC') - pd.Timedelta(days=15):%d.%m.%Y}"
    assert gas.run("reading", "gas_zahler", "50790", "--at", f"{day} 18:00", "--note", "oops").exit_code == 0
    count = len(stored(gas))
    missed = gas.run("forget", "gas_zahler", f"{day} 19:00")
    assert missed.exit_code == 2
    assert "Next to it: " in missed.output
    gone = gas.run("forget", "gas_zahler", f"{day} 18:00")
    assert gone.exit_code == 0, gone.output
    assert "50,790 m³" in gone.output
    assert len(stored(gas)) == count - 1
    assert "oops" not in gas.run("readings", "gas_zahler").output


def test_what_cleaning_left_out_is_listed_as_such(gas):
    assert gas.run("reading", "gas_zahler", "12", "--yes").exit_code == 0
    listed = gas.run("readings", "gas_zahler")
    assert "left out until the next reading confirms it" in listed.output


def test_a_meter_made_from_others_has_no_readings(house):
    house.meters(
        """\
        meters:
          - {meter_id: main, type: physical, output_unit: kWh}
          - {meter_id: flat, type: physical, output_unit: kWh}
          - meter_id: rest
            type: virtual
            output_unit: kWh
            calculation_type: subtraction
            base_meter: main
            subtract_meters: [flat]
        """
    )
    for command in (["reading", "rest", "5"], ["readings", "rest"], ["forget", "rest", "2024-01-01"]):
        refused = house.run(*command)
        assert refused.exit_code == 2
        assert "'rest' is a virtual meter and has no readings of its own" in refused.output
