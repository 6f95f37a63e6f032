"""`meters import`: what is said about a file as a whole, what is stored, and how it ends."""

from __future__ import annotations

import pytest

from workflows_dagster.domain.degree_days import daily_means
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

METERS = """\
meters:
  - {meter_id: gas, type: physical, output_unit: m³}
  - {meter_id: strom, type: physical, output_unit: kWh, utility: electricity}
  - {meter_id: hours, type: physical, output_unit: kWh, utility: electricity, source: {kind: interval}}
"""


@pytest.fixture
def importing(house):
    house.meters(METERS)

    def run(text, *arguments):
        (house.folder / "a.csv").write_text(text, encoding="utf-8")
        return house.run("import", str(house.folder / "a.csv"), *arguments)

    return run


def hourly(values):
    return "time,value\n" + "".join(f"2025-01-{1 + k // 24:02} {k % 24:02}:00,{v:.3f}\n" for k, v in enumerate(values))


CLIMBING = hourly([5000 + k / 7 for k in range(48)])
GOING_UP_AND_DOWN = hourly([0.2 + k * 37 % 11 / 10 for k in range(72)])


@pytest.mark.parametrize(
    ("text", "meter", "told"),
    [
        pytest.param(CLIMBING, "hours", "only climb, as a register does", id="a register"),
        pytest.param(GOING_UP_AND_DOWN, "strom", "fall about every second time, as consumption does", id="consumption"),
        pytest.param(GOING_UP_AND_DOWN, "gas", "fall about every second time, as consumption does", id="gas"),
    ],
)
def test_the_wrong_kind_of_file_is_only_stored_when_confirmed(importing, text, meter, told):
    said = importing(text, "--meter", meter)
    assert (said.exit_code, told in said.output, "Nothing stored" in said.output) == (2, True, True)
    assert importing(text, "--meter", meter, "--yes").exit_code == 0
    assert "0 new, " in importing(text, "--meter", meter, "--yes").output


@pytest.mark.parametrize(("text", "meter"), [(CLIMBING, "strom"), (GOING_UP_AND_DOWN, "hours")])
def test_the_right_kind_of_file_is_stored(importing, text, meter):
    assert importing(text, "--meter", meter).exit_code == 0


def test_a_file_imported_again_is_as_before(importing):
    importing("time,value\n2025-01-01,5\n2025-02-01,6\n", "--meter", "gas")
    assert "gas: 2 rows, 2025-01-01 12:00 to 2025-02-01 12:00: 0 new, 2 as before." in (
        importing("time,value\n2025-01-01,5\n2025-02-01,6\n", "--meter", "gas").output
    )
    assert "3 rows, 2025-01-01 12:00 to 2025-03-01 12:00: 1 new, 1 as before, 1 with another value." in (
        importing("time,value\n2025-01-01,5\n2025-02-01,6.5\n2025-03-01,7\n", "--meter", "gas").output
    )


def test_a_typing_error_in_the_newest_reading_gets_a_word_and_is_stored(importing):
    importing("time,value\n" + "".join(f"2024-{m:02}-01,{1000 + 20 * m}\n" for m in range(1, 13)), "--meter", "gas")
    said = importing("time,value\n2025-01-01,12600\n", "--meter", "gas")
    assert said.exit_code == 0
    assert "gas, 2025-01-01 12:00: look at this reading: 11,360 m³ within 31 days" in said.output
    assert "look at" not in importing("time,value\n2025-01-01,1260\n", "--meter", "gas").output


def test_what_many_rows_are_told_is_said_once(importing):
    said = importing(hourly(range(57)))
    assert said.exit_code == 2
    assert said.output.count("no meter is named") == 1
    assert "a.csv:2 (and 56 more rows, up to 58): bad – no meter is named" in said.output


def test_a_column_is_named_by_its_header(importing):
    said = importing("Datum;Erdgas m³\n01.01.2025;5,5\n", "--columns", "Erdgas m³=gas", "--dry-run")
    assert said.exit_code == 0
    assert "readings in 'Erdgas m³' → gas. A day without a time means noon." in said.output
    wrong = importing("Datum;Erdgas m³\n01.01.2025;5,5\n", "--columns", "Erdgas m³", "--dry-run")
    assert (wrong.exit_code, 'Write it as "Gas m³=gas"' in wrong.output) == (2, True)


def test_the_help_says_what_the_exit_codes_mean(house):
    assert "3 some rows were refused and the others stored" in " ".join(house.run("import", "--help").output.split())


def test_mistakes_in_the_tariffs_stop_no_import(importing, house):
    (house.folder / "config" / "tariffs.yaml").write_text(
        "tariffs:\n  - {utility: gas, billed_meter: nobody, prices: []}\n"
    )
    said = importing("time,value\n2025-01-01,5\n", "--meter", "gas")
    assert said.exit_code == 0
    assert "tariffs.yaml has mistakes" in said.stderr
    assert house.run("check").exit_code != 0


# Outdoor temperatures


def test_outdoor_temperatures_are_stored_below_zero_too_and_a_repeat_is_as_before(importing, house):
    text = "dt,tempC\n2025-01-01 00:00,-3.4\n2025-01-01 01:00,-4.0\n2025-01-01 02:00,1.5\n"
    said = importing(text, "--temperature")
    assert (said.exit_code, "3 new, 0 as before" in said.output) == (0, True)
    assert "0 new, 3 as before" in importing(text, "--temperature", "--dry-run").output
    assert stored_temperatures(house).tolist() == [-3.4, -4.0, 1.5]


def test_the_mean_of_a_day_holds_all_day(importing, house):
    importing("Datum;Tagesmittel (°C)\n01.01.2025;-1,5\n02.01.2025;2,0\n", "--temperature")
    found = stored_temperatures(house)
    assert len(found) == 16
    assert daily_means(found).loc["2025-01-01":"2025-01-02"].iloc[0] < 0


def test_the_only_column_beside_the_time_holds_them_and_of_two_one_must_say_so(importing, house):
    importing("time,balcony\n2025-01-01 00:00,-3.4\n2025-01-01 01:00,2.0\n", "--temperature")
    assert stored_temperatures(house).tolist() == [-3.4, 2.0]
    said = importing("time,balcony,cellar\n2025-01-01 02:00,-3.4,12\n", "--temperature")
    assert said.exit_code == 2
    assert (
        "'time', 'balcony', 'cellar'. Name the column of times 'time', and the one in °C 'temperature'." in said.output
    )
    assert len(stored_temperatures(house)) == 2


def test_what_is_no_outdoor_temperature_is_refused_row_by_row(importing):
    said = importing("time,value\n2025-01-01 00:00,12\n2025-01-01 01:00,285.4\n2025-01-01 02:00,x\n", "--temperature")
    assert said.exit_code == 3
    assert "'285.4' is no outdoor temperature in °C" in said.output
    assert "2 rows left out" in said.output


def test_fahrenheit_and_a_meter_beside_temperatures_are_refused(importing):
    said = importing("time,value (°F)\n2025-01-01 00:00,12\n", "--temperature")
    assert (said.exit_code, "°F" in said.output) == (2, True)
    said = importing("time,value\n2025-01-01 00:00,12\n", "--temperature", "--meter", "gas")
    assert (said.exit_code, "--temperature goes with no other option" in said.output) == (2, True)


def stored_temperatures(house):
    store = EmbeddedStore(house.folder / "data" / "utility_meters.sqlite")
    found = store.readings(RawSeries("°C", "outdoor_temperature"))
    store.close()
    return found
