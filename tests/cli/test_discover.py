"""`meters discover`: what looks like a meter and stands in no file, as lines that load."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.cli.front_door import METERS, FrontDoor, at, every
from tests.stores.influx_server import ORG, TOKEN, InfluxServer, free_port
from workflows_dagster.services.raw_catalogue import series_of
from workflows_dagster.settings.load import load
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import RawSeries

SHIPPED = Path(__file__).parents[2] / "config"


def hourly(count: int = 48, start: str = "2024-03-01") -> object:
    return every("h", start, list(np.arange(count) * 0.5))


def added(house: FrontDoor, meters: str = METERS) -> list[PhysicalMeter]:
    """Append the lines to meters.yaml as a person would, load it, and give what is new."""
    house.meters(meters)
    path = house.folder / "config" / "meters.yaml"
    before = {meter.meter_id for meter in load().meters}
    lines = house.run("discover", "--lines")
    assert lines.exit_code == 0, lines.output
    path.write_text(path.read_text(encoding="utf-8") + "\n" + lines.stdout, encoding="utf-8")
    return [meter for meter in load().meters.physical if meter.meter_id not in before]


def test_a_meter_in_no_file_is_listed_with_all_that_is_known(house: FrontDoor) -> None:
    house.read(RawSeries("kWh", "garage_strom", domain="sensor"), every("h", "2024-02-29 23:00", [1.0, 2.0, 3.0]))
    result = house.run("discover")
    assert result.exit_code == 0, result.output
    (row,) = [line.split() for line in result.stdout.splitlines() if line.startswith("garage_strom")]
    assert row == ["garage_strom", "kWh", "kWh", "2024-03-01", "00:00", "2024-03-01", "02:00", "3", "hourly"]
    assert "Below `meters:` in meters.yaml:" in result.stdout
    assert "  - meter_id: garage_strom\n    type: physical\n    output_unit: kWh\n" in result.stdout


def test_the_lines_load_and_read_what_was_found(house: FrontDoor) -> None:
    house.read(RawSeries("kWh", "garage_strom"), hourly())
    house.read(RawSeries("m3", "Wasser Küche", domain="sensor"), hourly())
    house.read(RawSeries("sensor.gas_meter", "gas_meter", "state"), hourly())
    house.read(RawSeries("m³", "0815"), every("35D", "2023-06-01 10:00", [100.0, 130.0, 160.0]))
    new = {meter.meter_id: meter for meter in added(house)}
    garage, water, gas, number = (new[name] for name in ("garage_strom", "Wasser_Kueche", "gas_meter", "0815"))
    assert series_of(garage) == (RawSeries("kWh", "garage_strom"),)
    assert (garage.installation_date, garage.reading_interval_days) == (date(2024, 3, 1), None)
    assert series_of(water) == (RawSeries("m3", "Wasser Küche"),)
    assert series_of(gas) == (RawSeries("sensor.gas_meter", "gas_meter", "state"),)
    assert gas.output_unit == "m³"
    assert (number.installation_date, number.reading_interval_days) == (date(2023, 6, 1), 35)


def test_once_added_nothing_is_left_to_discover(house: FrontDoor) -> None:
    house.read(RawSeries("Wh", "garage strom"), hourly())
    house.read(RawSeries("kWh", "garage.strom"), hourly())
    assert [meter.meter_id for meter in added(house)] == ["garage_strom"]
    result = house.run("discover", "--lines")
    assert '# "garage.strom": meters.yaml cannot name this entity.' in result.stdout


def test_a_guessed_unit_says_so(house: FrontDoor) -> None:
    house.read(RawSeries("sensor.energy_meter", "energy_meter"), hourly())
    result = house.run("discover")
    assert "unknown" in result.stdout
    assert "output_unit: kWh  # a guess; the measurement does not tell" in result.stdout


def test_what_meters_read_is_not_listed(house: FrontDoor) -> None:
    house.meters("""\
        meters:
          - meter_id: haupt_strom
            type: physical
            output_unit: kWh
            source: {kind: interval, measurement: energy}
          - meter_id: gas
            type: physical
            output_unit: m³
            source: {entity_id: gas_zahler, measurement: m3}
        """)
    house.read(RawSeries("energy", "haupt_strom", "consumption"), hourly())
    house.read(RawSeries("kWh", "haupt_strom"), hourly())
    house.read(RawSeries("m3", "gas_zahler", domain="sensor"), hourly())
    result = house.run("discover")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "Nothing new: of 3 series, none looks like a meter and stands in no file." in result.stderr


def test_the_other_domain_of_an_entity_that_a_meter_reads_is_told_apart(house: FrontDoor) -> None:
    meters = """\
        meters:
          - meter_id: gas
            type: physical
            output_unit: m³
            source: {domain: sensor}
        """
    house.read(RawSeries("m³", "gas", domain="sensor"), hourly())
    house.read(RawSeries("m³", "gas", domain="input_number"), hourly())
    house.meters(meters)
    result = house.run("discover", "--lines")
    assert "- meter_id: gas_meter\n" in result.stdout
    assert "source: {entity_id: gas, domain: input_number}" in result.stdout


def test_temperatures_powers_limits_and_daily_counters_are_not_listed(house: FrontDoor) -> None:
    for series in (
        RawSeries("°C", "outside"),
        RawSeries("W", "house_power"),
        RawSeries("%", "battery"),
        RawSeries("kWh", "garage_strom", "max"),
        RawSeries("energy", "elsewhere", "cost"),
    ):
        house.read(series, hourly())
    house.read(RawSeries("kWh", "solar_today"), every("h", "2024-03-01", list(np.tile(np.arange(24) * 0.5, 10))))
    house.read(RawSeries("sensor.thermometer", "thermometer"), at({"2024-03-01": 20.0}))
    result = house.run("discover")
    assert result.exit_code == 0
    assert result.stdout == ""


def test_entities_without_a_unit_are_found_wherever_home_assistant_writes_them(house: FrontDoor) -> None:
    whole_id = RawSeries("input_number.stand_im_keller", "stand_im_keller", domain="input_number")
    by_default = RawSeries("state", "wasser_gesamt", domain="sensor")
    house.read(whole_id, hourly())
    house.read(by_default, hourly())
    house.read(RawSeries("sensor.wifi", "wifi", domain="sensor"), every("h", "2024-03-01", [-60.0, -71.0, -55.0] * 16))
    house.read(RawSeries("input_number.goal", "goal", domain="input_number"), every("D", "2024-03-01", [3.0, 3.0]))
    house.read(RawSeries("state", "brightness", domain="sensor"), hourly())
    new = {meter.meter_id: meter for meter in added(house)}
    assert set(new) == {"stand_im_keller", "wasser_gesamt"}
    assert (new["stand_im_keller"].source.measurement, new["wasser_gesamt"].source.measurement) == (
        "input_number.stand_im_keller",
        "state",
    )
    assert new["wasser_gesamt"].output_unit == "m³"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "meters:\n", "meters: []\n", "meters: {}\n", "{}\n"])
def test_while_meters_yaml_is_empty_the_lines_are_all_of_it(house: FrontDoor, text: str) -> None:
    house.read(RawSeries("kWh", "garage_strom"), hourly())
    shutil.copy(SHIPPED / "tariffs.yaml", house.folder / "config")
    house.meters(text)
    result = house.run("discover")
    assert result.exit_code == 0, result.output
    assert "\nmeters:\n  - meter_id: garage_strom\n" in result.stdout
    lines = house.run("discover", "--lines").stdout
    house.meters(lines)
    (house.folder / "config" / "tariffs.yaml").unlink()
    assert [meter.meter_id for meter in load().meters] == ["garage_strom"]


@pytest.mark.parametrize("text", ["meters: 5\n", "meter:\n", "- meter_id: a\n", "meters: [\n", "meters: ''\n"])
def test_a_meters_yaml_that_is_wrong_is_2_and_not_empty(house: FrontDoor, text: str) -> None:
    house.meters(text)
    result = house.run("discover")
    assert result.exit_code == 2
    assert "meters.yaml" in result.stderr


def test_an_empty_meters_yaml_is_still_2_for_everything_else(house: FrontDoor) -> None:
    house.meters("meters:\n")
    assert house.run("check").exit_code == 2


def test_an_empty_store_says_how_readings_get_there(house: FrontDoor) -> None:
    result = house.run("discover")
    assert result.exit_code == 0
    assert "The raw store holds no readings. Run `meters import`" in result.stderr


@pytest.mark.parametrize(
    "entity", ["type", "costs", "Haupt_Strom", "Zähler-Ölkeller #3", "---", "yes", "0712", "1e5", "水表"]
)
def test_every_entity_gets_an_id_that_loads_and_is_free(house: FrontDoor, entity: str) -> None:
    house.read(RawSeries("kWh", entity), hourly())
    (meter,) = added(house)
    assert series_of(meter) == (RawSeries("kWh", entity),)


def test_entities_that_would_get_the_same_id_get_two(house: FrontDoor) -> None:
    for entity in ("garage strom", "garage-strom", "garage_strom", "Garage_Strom"):
        house.read(RawSeries("kWh", entity), hourly())
    assert len({meter.meter_id.casefold() for meter in added(house)}) == 4


def test_an_influxdb_as_home_assistant_fills_it(house: FrontDoor, influx_server: InfluxServer) -> None:
    influx_server.bucket("discover raw")
    house.configure(
        storage={"backend": "influxdb"},
        influxdb={"url": influx_server.url, "bucket_raw": "discover raw", "bucket_processed": "discover processed"},
    )
    house.secrets(INFLUX_TOKEN=TOKEN, INFLUX_ORG=ORG)
    hour, start = 3_600_000_000, 1_709_251_200_000_000
    influx_server.lines(
        "discover raw",
        *(
            f'kWh,entity_id=garage_strom,domain=sensor value={100 + n},min=0,max=500,state="on" {start + n * hour}'
            for n in range(48)
        ),
        *(f"°C,entity_id=outside,domain=sensor value={n % 7} {start + n * hour}" for n in range(48)),
        *(f"kWh,entity_id=haupt_strom,domain=sensor value={n} {start + n * hour}" for n in range(48)),
    )
    (meter,) = added(house)
    assert (meter.meter_id, meter.installation_date) == ("garage_strom", date(2024, 3, 1))
    table = house.run("discover")
    assert "Nothing new" in table.stderr


def test_a_store_that_cannot_be_reached_is_1(house: FrontDoor) -> None:
    house.configure(
        storage={"backend": "influxdb"}, influxdb={"url": f"http://127.0.0.1:{free_port()}", "retry_attempts": 0}
    )
    house.secrets(INFLUX_TOKEN=TOKEN, INFLUX_ORG=ORG)
    result = house.run("discover")
    assert result.exit_code == 1
    assert "Check that InfluxDB is running" in result.stderr
    assert TOKEN not in result.output


def test_a_series_that_goes_on_where_a_meter_ended_is_proposed_as_its_new_name(house: FrontDoor) -> None:
    house.meters("meters: [{meter_id: st, type: physical, output_unit: kWh}]\n")
    house.read(RawSeries("kWh", "st"), every("h", "2024-03-01", list(5230 + np.arange(250) * 0.5)))
    house.read(RawSeries("kWh", "st_2"), every("h", "2024-03-11 14:00", list(5357 + np.arange(100) * 0.5)))
    house.read(RawSeries("kWh", "other"), every("h", "2024-03-11 14:00", list(9000 + np.arange(100) * 0.5)))
    result = house.run("discover", "--lines")
    assert result.exit_code == 0, result.output
    assert "meter_id: other\n" in result.stdout
    assert "meter_id: st_2" not in result.stdout
    assert "# st_2 goes on where st ended." in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if "entity_id:" in line]
    assert line == "#   entity_id: [{id: st, until: 2024-03-11T15:00}, {id: st_2}]"
    house.meters(f"meters: [{{meter_id: st, type: physical, output_unit: kWh, source: {{{line.lstrip('# ')}}}}}]\n")
    assert load().meters.physical[0].first_entity_id == "st"
    assert "st_2" not in house.run("discover", "--lines").stdout
