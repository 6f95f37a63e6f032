"""From a file of readings to days: import, backfill, show."""

from __future__ import annotations

import csv
import io
import json
from shutil import copytree

import numpy as np
import pandas as pd
import pytest

from tests.cli.front_door import FrontDoor, live_in

HOUSE = """\
    meters:
      - {meter_id: strom, type: physical, output_unit: kWh, installation_date: 2025-10-01}
      - {meter_id: gas, type: physical, output_unit: m³, installation_date: 2025-10-01}
      - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2025-10-01}
      - meter_id: rest
        type: virtual
        output_unit: kWh
        calculation_type: subtraction
        base_meter: strom
        subtract_meters: [flat]
"""


HOURS = pd.date_range("2025-10-01 00:00", "2026-02-01 00:00", freq="h", tz="Europe/Berlin")
VALUES = 1000 + np.cumsum(np.random.default_rng(7).gamma(2, 0.2, len(HOURS))).round(3)
DIFFERENCE = {"strom": VALUES[-1] - VALUES[0], "gas": 1911.0 - 1200.5}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A house with hourly and hand-read readings imported from files, and its days computed: once, to be copied."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as environment:
        live_in(folder, environment)
        house = FrontDoor(folder)
        house.meters(HOUSE)
        house.configure(workflows={"analytics": {"start_year": 2025}})
        lines = ["time,value,meter_id"]
        lines += [f"{hour.isoformat()},{value},strom" for hour, value in zip(HOURS, VALUES, strict=True)]
        lines += [f"{hour.isoformat()},{value / 2},flat" for hour, value in zip(HOURS[::24], VALUES[::24], strict=True)]
        (folder / "hours.csv").write_text("\n".join(lines))
        (folder / "gas.csv").write_text(
            "Ab-Datum;Ab-Zeit;Zählerstand\n"
            "01.10.2025;00:00;1.200,5\n30.12.2025;09:30;1.650,25\n01.02.2026;00:00;1.911,0\n",
            encoding="utf-8",
        )
        assert house.run("import", str(folder / "hours.csv")).exit_code == 0
        assert house.run("import", str(folder / "gas.csv"), "--meter", "gas").exit_code == 0
        done = house.run("backfill", "--to", "2026-01-31")
    assert done.exit_code == 0, done.output
    assert "492 partitions (4 meters × 123 days)" in done.output
    return folder


@pytest.fixture
def read_house(house, built):
    copytree(built, house.folder, dirs_exist_ok=True)
    return house


def rows(result):
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


@pytest.mark.parametrize("meter", ["strom", "gas"])
def test_the_days_add_up_to_the_difference_of_the_readings(read_house, meter):
    found = rows(read_house.run("show", meter, "--to", "2026-01-31", "--format", "csv"))
    assert len(found) == 123
    total = sum(float(row["consumption"]) for row in found)
    assert total == pytest.approx(DIFFERENCE[meter], rel=1e-9)
    assert {row["quality"] for row in found} == {"measured" if meter == "strom" else "interpolated"}
    columns = ["day", "opening", "closing", "consumption", "lower", "upper", "unit", "quality", "estimated_share"]
    assert list(found[0]) == [*columns, "opening_lower", "opening_upper"]
    assert (found[50]["opening_lower"] == found[50]["opening_upper"]) == (meter == "strom")
    assert (found[50]["lower"] == found[50]["upper"]) == (meter == "strom")


def test_a_day_a_month_and_everything_show_the_same_rows_byte_for_byte(read_house):
    def lines(meter, *span):
        return read_house.run("show", meter, *span, "--format", "csv").stdout.splitlines()

    everything = {meter: lines(meter, "--to", "2026-01-31") for meter in ("strom", "gas", "rest")}

    def assert_the_same():
        for meter, all_lines in everything.items():
            month = lines(meter, "--from", "2025-12-01", "--to", "2025-12-31")
            assert month[1:] == [line for line in all_lines if line.startswith("2025-12-")]
            assert lines(meter, "--from", "2025-12-30", "--to", "2025-12-30")[1] in all_lines

    assert_the_same()
    # And once more after a single day was computed again.
    assert read_house.run("backfill", "--from", "2025-12-30", "--to", "2025-12-30").exit_code == 0
    assert_the_same()


def test_months_and_json_say_the_same_as_the_days(read_house):
    daily = rows(read_house.run("show", "gas", "--to", "2026-01-31", "--format", "csv"))
    monthly = json.loads(read_house.run("show", "gas", "--by", "month", "--format", "json").stdout)
    october = [float(row["consumption"]) for row in daily if row["day"].startswith("2025-10")]
    assert monthly[0]["period"] == "2025-10"
    assert monthly[0]["consumption"] == pytest.approx(sum(october), rel=1e-12)
    assert monthly[0]["opening"] == float(daily[0]["opening"])
    november = next(row for row in daily if row["day"] == "2025-11-01")
    assert monthly[1]["opening_lower"] == float(november["opening_lower"]) < monthly[1]["opening"]
    assert monthly[1]["opening_upper"] == float(november["opening_upper"]) > monthly[1]["opening"]


def test_the_table_is_for_people(read_house):
    shown = read_house.run("show", "gas", "--from", "2025-10-01", "--to", "2025-10-02")
    assert "gas [m³]" in shown.stdout
    assert "interpolated" in shown.stdout
    heads = shown.stdout.splitlines()[1]
    assert heads.count("80 % band") == 2
    assert heads.index("opening") < heads.index("80 % band") < heads.index("closing")


def test_the_table_of_a_meter_that_is_measured_has_no_column_for_bands_of_the_register(read_house):
    shown = read_house.run("show", "strom", "--from", "2025-10-01", "--to", "2025-10-02")
    assert shown.stdout.splitlines()[1].count("80 % band") == 1


def test_today_so_far_ends_the_days_and_is_called_provisional(read_house):
    last = rows(read_house.run("show", "strom", "--format", "csv"))[-1]
    assert last["quality"] == "provisional"
    assert last["day"] > "2026-01-31"


def test_a_dry_run_writes_nothing(house):
    house.meters(HOUSE)
    (house.folder / "gas.csv").write_text("time,value\n2025-10-01 12:00,5\n")
    said = house.run("import", str(house.folder / "gas.csv"), "--meter", "gas", "--dry-run")
    assert said.exit_code == 0
    assert "1 row, 2025-10-01 12:00 to 2025-10-01 12:00: 1 new, 0 as before. Nothing is stored" in said.stdout
    assert not house.database.exists()


def test_every_row_gets_a_verdict_and_the_good_ones_are_written(house):
    house.meters(HOUSE)
    (house.folder / "mixed.csv").write_text(
        "time,value,meter_id\n"
        "2025-10-01 12:00,5,gas\n"
        "yesterday,6,gas\n"
        "2025-10-02 12:00,7,gass\n"
        "2025-10-03 12:00,8,rest\n"
    )
    assert house.run("import", str(house.folder / "mixed.csv"), "--dry-run").exit_code == 3
    said = house.run("import", str(house.folder / "mixed.csv"))
    assert said.exit_code == 3
    assert "mixed.csv:2: good" in said.output
    assert "mixed.csv:3: bad – 'yesterday' is not a time" in said.output
    assert "mixed.csv:4: bad – no meter 'gass' in meters.yaml. Did you mean 'gas'?" in said.output
    assert "mixed.csv:5: bad – 'rest' is a virtual meter and has no readings of its own" in said.output
    assert "3 rows left out" in said.output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["import", "nowhere.csv", "--meter", "gas"], 2, "nowhere.csv"),
        (["import", "x.csv", "--meter", "gass"], 2, "Did you mean 'gas'?"),
        (["show", "gass"], 2, "Did you mean 'gas'?"),
        (["show", "gas"], 1, "gas: no days are stored. Run `meters backfill`."),
        (["show", "gas", "--from", "31/12/2025"], 2, "Write it as 2024-12-31."),
        (["show", "gas", "--from", "31.12.2025"], 1, "gas: no days are stored from 2025-12-31"),
        (
            ["show", "gas", "--from", "10.2025", "--to", "11.2025"],
            1,
            "no days are stored from 2025-10-01 to 2025-11-30",
        ),
        (["show", "gas", "--from", "2025-12-31", "--to", "2025-12-01"], 2, "Swap them."),
        (["backfill", "--from", "1999-01-01"], 2, "days run from 2025-10-01 to"),
        (["backfill", "--meters", "gas,gass"], 2, "Did you mean 'gas'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_one_sentence_and_an_exit_code(house, arguments, code, sentence):
    house.meters(HOUSE)
    house.configure(workflows={"analytics": {"start_year": 2025}})
    said = house.run(*arguments)
    assert said.exit_code == code
    assert sentence in said.output
    assert "Traceback" not in said.output


def test_check_tells_all_that_is_wrong_at_once(house):
    house.meters(HOUSE.replace("base_meter: strom", "base_meter: storm").replace("output_unit: m³", "output_unit: cbm"))
    said = house.run("check")
    assert said.exit_code == 2
    assert "Did you mean 'strom'?" in said.output
    assert "cbm" in said.output
    assert len(said.stderr.strip().splitlines()) == 2


def test_check_shows_the_meters_of_a_good_house(house):
    house.meters(HOUSE)
    said = house.run("check")
    assert said.exit_code == 0
    assert "4 meters: 3 physical, 0 master, 1 virtual" in said.stdout
    assert "strom, flat" in said.stdout


def test_a_backfill_of_one_meter_takes_along_what_is_made_from_it(read_house):
    said = read_house.run("backfill", "--from", "2026-01-01", "--to", "2026-01-02", "--meters", "flat")
    assert "4 partitions (2 meters × 2 days)" in said.stdout
