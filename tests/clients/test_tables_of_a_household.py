"""A household's own tables: titles, a column a meter, a sheet a year, units, sums, intervals stamped at their end."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
import pytest

from workflows_dagster.clients.spreadsheets.reader import KnownMeter, Sheet, SpreadsheetError, read_spreadsheet

BERLIN = ZoneInfo("Europe/Berlin")
METERS = (
    KnownMeter("strom", "kWh", "Strom Haus"),
    KnownMeter("gas", "m³"),
    KnownMeter("heat", "MWh"),
    KnownMeter("water", "m³"),
    KnownMeter("hours", "kWh", is_interval=True),
    KnownMeter("watts", "Wh", is_interval=True),
)


def read(folder: Path, text: str, meter_id: str | None = None, **options: object) -> Sheet:
    path = folder / "readings.csv"
    path.write_text(text, encoding="utf-8")
    return read_spreadsheet(path, BERLIN, meter_id, **{"meters": METERS, **options})  # type: ignore[arg-type]


def values(sheet: Sheet, meter_id: str) -> list[float]:
    return sheet.readings()[meter_id].tolist()


def codes(sheet: Sheet) -> list[str]:
    return [remark.code for row in sheet.rows for remark in row.remarks]


WORKBOOK = """\
Zählerstände;;;;
Familie Muster;;;;

Datum;Strom Haus (kWh);Gas m³;Wasser m³;Bemerkung
01.01.2024;12.345,6;1.021,4;;
01.02.2024;12.601,0;;97,25;im Urlaub
Summe;255,4;;;
"""


def test_a_column_a_meter_is_found_below_titles(tmp_path: Path) -> None:
    sheet = read(tmp_path, WORKBOOK, columns={"Wasser m³": "water"})
    assert values(sheet, "strom") == [12345.6, 12601.0]
    assert values(sheet, "gas") == [1021.4]
    assert values(sheet, "water") == [97.25]
    assert [row.verdict for row in sheet.rows] == ["good"] * 4 + ["passed_over"]


def test_what_was_understood_is_kept_to_be_shown(tmp_path: Path) -> None:
    (understood,) = read(tmp_path, WORKBOOK).understood
    assert understood.line == 4
    assert [(header, meter) for header, meter, _ in understood.columns] == [
        ("Strom Haus (kWh)", "strom"),
        ("Gas m³", "gas"),
    ]
    assert understood.unmatched == ("Wasser m³",)
    assert understood.bare == "noon"


def test_a_header_names_a_meter_however_its_words_are_put_together(tmp_path: Path) -> None:
    text = "Datum;Strom_Haus;gas, Haus;Garten;Notiz\n01.01.2024;5;7;1,5;x\n02.01.2024;6;8;2;y 2\n"
    meters = [KnownMeter("strom_haus", "kWh"), KnownMeter("g", "m³", "Gas Haus")]
    (understood,) = read(tmp_path, text, meters=meters).understood
    assert [(header, meter) for header, meter, _ in understood.columns] == [
        ("Strom_Haus", "strom_haus"),
        ("gas, Haus", "g"),
    ]
    # A column of numbers is told even without a unit, remarks are not.
    assert understood.unmatched == ("Garten",)


def test_a_sheet_a_year_is_read_whole(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for year in (2023, 2024):
        sheet = book.create_sheet(str(year))
        sheet.append([f"Ablesungen {year}"])
        sheet.append(["Datum", "Strom Haus", "Gas"])
        sheet.append([date(year, 1, 1), year, None])
        sheet.append([date(year, 7, 1), year + 0.5, year - 2000])
        sheet.append(["Summe", 0.5, None])
    book.save(tmp_path / "a.xlsx")
    found = read_spreadsheet(tmp_path / "a.xlsx", BERLIN, meters=METERS)
    assert values(found, "strom") == [2023, 2023.5, 2024, 2024.5]
    assert values(found, "gas") == [23, 24]
    assert [understood.sheet for understood in found.understood] == ["2023", "2024"]
    assert {row.sheet for row in found.rows} == {"2023", "2024"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "Datum;Uhrzeit;Zähler;Stand\n01.01.2024;08:00;gas;5,5\n01.01.2024;08:00;Strom Haus;7\n", id="meter"
        ),
        pytest.param("Datum;Gas;Strom\n01.01.2024 08:00;5,5;7\n", id="a column a meter"),
        pytest.param("time,gas,strom\n2024-01-01 08:00,5.5,7\n", id="English"),
    ],
)
def test_a_reading_is_the_same_however_the_table_is_laid_out(tmp_path: Path, text: str) -> None:
    sheet = read(tmp_path, text)
    at = pd.Timestamp("2024-01-01 07:00", tz="UTC")
    assert sheet.readings()["gas"].to_dict() == {at: 5.5}
    assert sheet.readings()["strom"].to_dict() == {at: 7.0}


def test_date_and_stand_are_enough_with_a_meter(tmp_path: Path) -> None:
    sheet = read(tmp_path, "Datum;Stand\n31.12.2023;5,5\n", "gas")
    assert sheet.readings()["gas"].to_dict() == {pd.Timestamp("2023-12-31 11:00", tz="UTC"): 5.5}


def test_two_columns_that_may_be_meant_are_asked_about(tmp_path: Path) -> None:
    text = "time,Import kWh,Export kWh\n2024-01-01,5,1\n"
    with pytest.raises(SpreadsheetError) as caught:
        read(tmp_path, text, "strom")
    assert (caught.value.code, caught.value.figures["example"]) == ("which_column", "Import kWh=strom")
    assert values(read(tmp_path, text, columns={"Import kWh": "strom"}), "strom") == [5.0]


def test_two_columns_of_one_meter_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpreadsheetError, match="two_columns_of_meter"):
        read(tmp_path, "Datum;Gas;gas m³\n01.01.2024;5;6\n")


@pytest.mark.parametrize(
    ("header", "meter_id", "written", "value"),
    [
        pytest.param("Zählerstand (kWh)", "heat", "12345", 12.345, id="kWh to MWh"),
        pytest.param("value [l]", "water", "512000", 512.0, id="l to m³"),
        pytest.param("Stand in Wh", "strom", "1500", 1.5, id="Wh to kWh"),
        pytest.param("Stand (GJ)", "heat", "3.6", 1.0, id="GJ to MWh"),
        pytest.param("Stand MJ", "strom", "3.6", 1.0, id="MJ to kWh"),
        pytest.param("Stand (m3)", "gas", "5.5", 5.5, id="the meter's own"),
        pytest.param("Stand (abgelesen)", "gas", "5.5", 5.5, id="no unit"),
    ],
)
def test_a_unit_in_the_header_is_converted(
    tmp_path: Path, header: str, meter_id: str, written: str, value: float
) -> None:
    sheet = read(tmp_path, f"Datum;{header}\n01.01.2024;{written}\n", meter_id)
    assert values(sheet, meter_id) == pytest.approx([value])


@pytest.mark.parametrize("header", ["Stand (m³)", "Stand (therm)", "Kosten Wert (€)", "Stand [l]"])
def test_a_unit_that_leads_nowhere_is_refused(tmp_path: Path, header: str) -> None:
    sheet = read(tmp_path, f"Datum;{header.removeprefix('Kosten ')}\n01.01.2024;5\n", "strom")
    assert (codes(sheet), sheet.count("bad")) == (["unit_differs"], 1)


def curve(header: str, minutes: int, value: str, meter_day: str = "2024-02-01") -> str:
    """A load curve of one day."""
    start = pd.Timestamp(meter_day)
    times = [start + pd.Timedelta(minutes=minutes) * k for k in range(1440 // minutes)]
    return f"time,{header}\n" + "".join(f"{at:%Y-%m-%d %H:%M},{value}\n" for at in times)


@pytest.mark.parametrize(
    ("header", "minutes", "value", "meter_id", "each"),
    [
        pytest.param("value (W)", 30, "500", "watts", 250.0, id="W by the half hour"),
        pytest.param("value (kW)", 15, "2", "hours", 0.5, id="kW by the quarter hour"),
        pytest.param("value (W)", 60, "500", "hours", 0.5, id="W into kWh"),
        pytest.param("value", 10, "0.6", "hours", 0.1, id="power without a unit is the meter's by the hour"),
    ],
)
def test_power_becomes_energy_by_the_intervals_own_length_only_when_asked(
    tmp_path: Path, header: str, minutes: int, value: str, meter_id: str, each: float
) -> None:
    text = curve(header, minutes, value)
    sheet = read(tmp_path, text, meter_id, power=True)
    assert values(sheet, meter_id) == pytest.approx([each] * (1440 // minutes))
    if "W" in header:
        assert set(codes(read(tmp_path, text, meter_id))) == {"power_unasked"}
        assert set(codes(read(tmp_path, text, "strom", power=True))) == {"power_of_register"}


def test_the_unit_may_stand_above_the_table(tmp_path: Path) -> None:
    text = "Kennung;Unite;Pas\n000;W;30\nHorodate;Valeur\n2024-02-01T00:30:00+01:00;500\n"
    assert codes(read(tmp_path, text, "watts")) == ["power_unasked"]
    assert codes(read(tmp_path, '"UOM: therms",\nDate,Consumed\n2024-09-14,5\n', "strom")) == ["unit_differs"]


ENDS = "Datum;Uhrzeit;Verbrauch\n" + "".join(
    f"2024/07/0{day};{hour:02}:00;0,500\n" for day in (1, 2) for hour in range(1, 25)
)


def test_intervals_stamped_at_their_end_belong_to_the_day_in_which_they_open(tmp_path: Path) -> None:
    found = read(tmp_path, ENDS, "hours", stamps="end").readings()["hours"]
    assert (found.index[0], found.index[-1]) == (
        pd.Timestamp("2024-06-30 22:00", tz="UTC"),
        pd.Timestamp("2024-07-02 21:00", tz="UTC"),
    )
    assert len(found) == 48


def test_times_from_one_to_twenty_four_are_reported_as_ends(tmp_path: Path) -> None:
    assert read(tmp_path, ENDS, "hours").understood[0].ends == ("hours",)
    assert read(tmp_path, ENDS, "hours", stamps="end").understood[0].ends == ()
    assert read(tmp_path, ENDS, "strom").understood[0].ends == ()


def test_a_day_of_an_interval_meter_is_its_midnight(tmp_path: Path) -> None:
    sheet = read(tmp_path, "Datum;Verbrauch\n01.07.2024;7\n02.07.2024;8\n03.07.2024;9\n", "hours")
    assert sheet.readings()["hours"].index[0] == pd.Timestamp("2024-06-30 22:00", tz="UTC")
    assert (sheet.understood[0].bare, dict(sheet.understood[0].minutes)) == ("midnight", {"hours": 1440})


def test_an_interval_without_a_value_is_unknown_and_no_fault(tmp_path: Path) -> None:
    text = "Datum von;Datum bis;Verbrauch in kWh;Ersatzwert\n" + "".join(
        f"01.05.2024 0{k}:00;01.05.2024 0{k + 1}:00;{'' if k == 2 else '0,250'};\n" for k in range(5)
    )
    sheet = read(tmp_path, text, "hours")
    assert values(sheet, "hours") == [0.25] * 4
    assert (codes(sheet), sheet.count("bad")) == (["no_value"], 0)


def test_a_workbooks_time_of_day_makes_midnights_of_its_days_alone(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["Datum", "Gas"], [date(2024, 1, 1), 1], [datetime(2024, 1, 2, 7, 30), 2]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    found = read_spreadsheet(tmp_path / "a.xlsx", BERLIN, meters=METERS)
    assert found.readings()["gas"].index[0] == pd.Timestamp("2023-12-31 23:00", tz="UTC")
    assert found.understood[0].bare == "midnight"
