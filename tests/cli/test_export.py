"""Everything that is stored, as CSV files."""

from __future__ import annotations

import csv

from tests.cli.front_door import FrontDoor, at
from workflows_dagster.services.export import cell
from workflows_dagster.stores.ports import RawSeries


def test_the_readings_read_back_to_the_last_bit(house: FrontDoor):
    readings = at({"2025-01-01 10:00": 1 / 3, "2025-02-01 10:00": 1e-7})
    house.read(RawSeries("m³", "gas_zahler"), readings)
    done = house.run("export", str(house.folder / "out"))
    assert done.exit_code == 0, done.output
    assert " files in " in done.output
    with (house.folder / "out" / "readings" / "gas_zahler.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["value"]) for row in rows] == readings.tolist()
    assert rows[0]["time"] == "2025-01-01T11:00:00+01:00"


def test_a_house_without_data_gives_no_file_and_makes_none(house: FrontDoor):
    assert house.run("export", str(house.folder / "out")).exit_code == 0
    assert not house.database.exists()


def test_a_folder_that_is_a_file_is_one_sentence(house: FrontDoor):
    path = house.folder / "out"
    path.write_text("")
    done = house.run("export", str(path))
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_no_cell_is_taken_for_a_formula():
    assert [cell(text) for text in ("=1+1", "@a", "+x", "-x", "a=b")] == ["'=1+1", "'@a", "'+x", "'-x", "a=b"]
    assert [cell(value) for value in (-1.5, 3, float("nan"), None)] == [-1.5, 3, "", ""]
