"""Readings from CSV and Excel: what is read, and what each row is told."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
import pytest

from tests.clients.hostile_files import ODS_HEADER, ods, ods_row
from workflows_dagster.clients.spreadsheets.reader import Row, Sheet, SpreadsheetError, read_spreadsheet
from workflows_dagster.wording import Words
from workflows_dagster.wording.spreadsheets import file_text, row_text

BERLIN = ZoneInfo("Europe/Berlin")


def read(path: Path, text: str, meter_id: str | None = "gas", now: str | None = None, encoding: str = "utf-8") -> Sheet:
    path.write_bytes(text.encode(encoding))
    return read_spreadsheet(path, BERLIN, meter_id, None if now is None else pd.Timestamp(now))


def reason(row: Row) -> str:
    return row_text(row, Words("en"))


def only(sheet: Sheet) -> Row:
    assert len(sheet.rows) == 1
    return sheet.rows[0]


def workbook(path: Path, rows: list[list[object]], formats: dict[str, str] | None = None) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, number_format in (formats or {}).items():
        book.active[cell].number_format = number_format
    book.save(path)
    return path


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "readings.csv"


# Times


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        pytest.param("2024-01-31T18:30:00+01:00", "2024-01-31 17:30", id="with an offset"),
        pytest.param("2024-01-31T18:30:00+0100", "2024-01-31 17:30", id="with an offset without a colon"),
        pytest.param("2024-01-31T17:30:00Z", "2024-01-31 17:30", id="with a Z"),
        pytest.param("2024-01-31T17:30:00.250Z", "2024-01-31 17:30:00.25", id="with a fraction"),
        pytest.param("2024-01-31 18:30", "2024-01-31 17:30", id="civil time in winter"),
        pytest.param("2024-07-31 18:30:15", "2024-07-31 16:30:15", id="civil time in summer"),
        pytest.param("2024-07-31", "2024-07-31 10:00", id="a day alone is its noon"),
        pytest.param("2024-10-27 02:30+01:00", "2024-10-27 01:30", id="the second half past two, by its offset"),
    ],
)
def test_an_iso_time_becomes_its_instant(csv: Path, written: str, utc: str) -> None:
    row = only(read(csv, f"time,value\n{written},12.5\n"))
    assert (row.time, row.verdict, reason(row)) == (pd.Timestamp(utc, tz="UTC"), "good", "")


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        pytest.param("31.12.2023;18:30", "2023-12-31 17:30", id="four digits of the year"),
        pytest.param("31.12.23;18:30:59", "2023-12-31 17:30:59", id="two digits of the year and seconds"),
        pytest.param("1.7.2023;8:05", "2023-07-01 06:05", id="no leading zeros"),
        pytest.param("01.07.2023;", "2023-07-01 10:00", id="no time of day is noon"),
        pytest.param("01.07.2023 08:05;", "2023-07-01 06:05", id="the time of day stands with the date"),
        pytest.param("2023-07-01;08:05", "2023-07-01 06:05", id="an ISO date is understood"),
    ],
)
def test_a_german_date_becomes_its_instant(csv: Path, written: str, utc: str) -> None:
    row = only(read(csv, f"Ab-Datum;Ab-Zeit;Zählerstand\n{written};12,5\n"))
    assert (row.time, row.value, row.verdict) == (pd.Timestamp(utc, tz="UTC"), 12.5, "good")


def test_instants_are_kept_in_microseconds(csv: Path) -> None:
    sheet = read(csv, "time,value\n2024-01-02,2\n2024-01-01,1\n")
    assert str(sheet.readings()["gas"].index.dtype) == "datetime64[us, UTC]"


def test_half_past_two_of_the_march_day_is_refused(csv: Path) -> None:
    row = only(read(csv, "time,value\n2024-03-31 02:30,1\n"))
    assert (row.verdict, row.time) == ("bad", None)
    assert reason(row) == "2024-03-31 02:30 does not exist in Europe/Berlin: the clocks skip it; correct the time"


def test_half_past_two_of_the_october_day_is_the_first_and_says_so(csv: Path) -> None:
    row = only(read(csv, "time,value\n2024-10-27 02:30,1\n"))
    assert (row.verdict, row.time) == ("good", pd.Timestamp("2024-10-27 00:30", tz="UTC"))
    assert "taken as the first, +02:00" in reason(row)
    assert "its offset, +01:00" in reason(row)


@pytest.mark.parametrize("at", ["2024-06-01 12:00", "2024-06-01T10:00:00Z"])
def test_the_present_moment_is_not_the_future(csv: Path, at: str) -> None:
    assert only(read(csv, f"time,value\n{at},1\n", now="2024-06-01T10:00:00Z")).verdict == "good"


def test_a_reading_in_the_future_is_refused(csv: Path) -> None:
    row = only(read(csv, "time,value\n2024-06-01 12:01,1\n", now="2024-06-01T10:00:00Z"))
    assert (row.verdict, reason(row)) == ("bad", "2024-06-01 12:01 lies in the future; a reading has been read")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param("", "the time is empty; expected", id="nothing"),
        pytest.param("31-12-2023", "'31-12-2023' is not a time such as 2024-03-31 18:30", id="a day before its year"),
        pytest.param("09/04/2024", "'09/04/2024' can be 2024-04-09 or 2024-09-04", id="a day or a month"),
        pytest.param("2024-02-30", "'2024-02-30' does not exist", id="the thirtieth of February"),
        pytest.param("2024-01-01 25:00", "'2024-01-01 25:00' does not exist", id="twenty-five o'clock"),
        pytest.param("1704067200", "'1704067200' is not a time", id="seconds since 1970"),
        pytest.param("0001-01-01", "the year 1 lies outside 1900 to 2199", id="the year one"),
    ],
)
def test_what_is_no_iso_time_is_named(csv: Path, written: str, told: str) -> None:
    row = only(read(csv, f"time,value\n{written},1\n"))
    assert (row.verdict, row.time) == ("bad", None)
    assert reason(row).startswith(told)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param(";10:00", "the date is empty", id="nothing"),
        pytest.param("13/31/2023;10:00", "'13/31/2023' does not exist", id="a thirteenth month"),
        pytest.param("31.11.2023;10:00", "'31.11.2023' does not exist", id="the thirty-first of November"),
        pytest.param(
            "30.11.2023;24:01", "'24:01' is not a time of day from 00:00 to 24:00", id="past twenty-four o'clock"
        ),
        pytest.param("30.11.2023;ten", "'ten' is not a time of day", id="a time in words"),
        pytest.param("30.11.2023 09:00;10:00", "the time of day stands twice, '09:00:00'", id="two times of day"),
    ],
)
def test_what_is_no_german_time_is_named(csv: Path, written: str, told: str) -> None:
    row = only(read(csv, f"Datum;Uhrzeit;Zählerstand\n{written};1\n"))
    assert row.verdict == "bad"
    assert reason(row).startswith(told)


# Numbers


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12345,678", 12345.678),
        ("12.345,678", 12345.678),
        ("1.234.567,8", 1234567.8),
        ("1.234.567", 1234567.0),
        ("1,234", 1.234),
        ("1234", 1234.0),
        ("123.45", 123.45),
        ("1234.567", 1234.567),
        ("0.123", 0.123),
        ("1234.5678", 1234.5678),
        ("1,234.5", 1234.5),
        ("0,0", 0.0),
        ("-0", 0.0),
    ],
)
def test_a_german_number_is_read(csv: Path, written: str, value: float) -> None:
    row = only(read(csv, f"Ab-Datum;Ab-Zeit;Zählerstand\n31.12.2023;10:00;{written}\n"))
    assert (row.value, row.verdict) == (value, "good")


AMBIGUOUS = [("1.234", "1234", "1.2340"), ("123.400", "123400", "123.4"), ("012.345", "12345", "12.3450")]


@pytest.mark.parametrize(("written", "whole", "fraction"), AMBIGUOUS)
def test_a_number_that_may_be_thousands_or_decimals_is_refused_with_both_readings(
    csv: Path, written: str, whole: str, fraction: str
) -> None:
    row = only(read(csv, f"Ab-Datum;Ab-Zeit;Zählerstand\n31.12.2023;10:00;{written}\n"))
    assert (row.value, row.verdict) == (None, "bad")
    assert reason(row) == f"'{written}' can mean {whole} or {fraction}; write {whole} or {fraction}"
    comma = fraction.replace(".", ",")
    german = row_text(row, Words("de"))
    assert german == f"'{written}' kann {whole} oder {comma} heißen; schreiben Sie {whole} oder {comma}"


@pytest.mark.parametrize("advised", [advised for _, *both in AMBIGUOUS for advised in both])
def test_what_an_ambiguous_number_is_to_be_written_as_is_read(csv: Path, advised: str) -> None:
    for written in (advised, advised.replace(".", ",")):
        row = only(read(csv, f"Ab-Datum;Ab-Zeit;Zählerstand\n31.12.2023;10:00;{written}\n"))
        assert (row.value, row.verdict) == (float(advised), "good")


@pytest.mark.parametrize(
    ("other", "value"), [("46226,4", 48700.0), ("46.226,4", 48700.0), ("1.234.567", 48700.0), ("46226.4", 48.7)]
)
@pytest.mark.parametrize("header", ["Datum;Zählerstand", "time;value"])
def test_the_column_decides_what_an_ambiguous_number_means(csv: Path, header: str, other: str, value: float) -> None:
    sheet = read(csv, f"{header}\n2024-01-01;{other}\n2024-01-02;48.700\n")
    assert [row.verdict for row in sheet.rows] == ["good", "good"]
    assert sheet.rows[1].value == value


def test_a_column_that_shows_both_decimal_marks_decides_nothing(csv: Path) -> None:
    sheet = read(csv, "time;value\n2024-01-01;46226,4\n2024-01-02;46226.4\n2024-01-03;48.700\n2024-01-04;48,700\n")
    assert [row.verdict for row in sheet.rows] == ["good", "good", "bad", "bad"]


def test_where_a_column_decides_nothing_the_decimal_mark_of_the_format_is_one(csv: Path) -> None:
    assert only(read(csv, "time;value\n2024-01-01;48.700\n")).value == 48.7
    assert only(read(csv, "Datum;Zählerstand\n01.01.2024;48,700\n")).value == 48.7
    assert only(read(csv, "time;value\n2024-01-01;48,700\n")).verdict == "bad"


def test_a_column_of_decimal_dots_is_not_multiplied(csv: Path) -> None:
    sheet = read(csv, "Datum;Zählerstand\n01.01.2024;100.25\n02.01.2024;101.5\n03.01.2024;103.75\n")
    assert sheet.readings()["gas"].tolist() == [100.25, 101.5, 103.75]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("1.23,4", "'1.23,4' is not a number"),
        ("12,", "'12,' is not a number"),
        ("4711 kWh", "'4711 kWh' is not a number"),
        ("", "the reading is empty; expected a number"),
        ("-5,1", "'-5,1' is negative; a register shows 0 or more"),
        ("\N{MINUS SIGN}5,1", "'\N{MINUS SIGN}5,1' is negative"),
        ("NaN", "'NaN' is not a finite number"),
    ],
)
def test_what_is_no_german_number_is_named(csv: Path, written: str, told: str) -> None:
    row = only(read(csv, f"Ab-Datum;Ab-Zeit;Zählerstand\n31.12.2023;10:00;{written}\n"))
    assert (row.value, row.verdict) == (None, "bad")
    assert reason(row).startswith(told)


@pytest.mark.parametrize(
    ("written", "value"),
    [("12.5", 12.5), ("1.234", 1.234), ("1e3", 1000.0), (" 7 ", 7.0), ('"12,5"', 12.5), ('"1,234.5"', 1234.5)],
)
def test_an_english_number_is_read(csv: Path, written: str, value: float) -> None:
    assert only(read(csv, f"time,value\n2024-01-01,{written}\n")).value == value


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('"1,23.5"', "'1,23.5' is not a number such as 12345.678 or 12345,678"),
        ("inf", "'inf' is not a finite number"),
        ("1e999", "'1e999' is not a finite number"),
        ("unavailable", "'unavailable' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ("-3", "'-3' is negative"),
        ("", "the reading is empty"),
        ("9" * 60 + "x", "'" + "9" * 40 + "…' is not a number"),
    ],
)
def test_what_is_no_english_number_is_named(csv: Path, written: str, told: str) -> None:
    row = only(read(csv, f"time,value\n2024-01-01,{written}\n"))
    assert (row.value, row.verdict) == (None, "bad")
    assert reason(row).startswith(told)


def test_a_decimal_comma_between_commas_does_not_lose_its_decimals(csv: Path) -> None:
    row = only(read(csv, "time,value\n2024-01-01,12,5\n"))
    assert row.verdict == "bad"
    assert reason(row).startswith("there are 3 cells where the header has 2; write decimals with a dot")


def test_all_that_is_wrong_with_a_row_is_said_at_once(csv: Path) -> None:
    row = only(read(csv, "time,value\nyesterday,much\n", meter_id=None))
    assert reason(row).split("; ")[::2] == [
        "'yesterday' is not a time such as 2024-03-31 18:30 or 2024-03-31T18:30:00+02:00",
        "no meter is named",
    ]
    assert "'much' is not a number" in reason(row)


# Meters and duplicates


def test_a_column_names_the_meters(csv: Path) -> None:
    sheet = read(csv, "time,value,meter_id\n2024-01-01,1,a\n2024-01-01,2,b\n2024-01-02,3,a\n", meter_id=None)
    assert {meter: values.tolist() for meter, values in sheet.readings().items()} == {"a": [1.0, 3.0], "b": [2.0]}


def test_a_row_without_a_meter_is_refused_unless_one_is_given(csv: Path) -> None:
    text = "time,value,meter_id\n2024-01-01,1,gas\n2024-01-02,2,\n"
    nameless = read(csv, text, meter_id=None)
    assert [row.verdict for row in nameless.rows] == ["good", "bad"]
    assert reason(nameless.rows[1]) == "no meter is named; add a column meter_id, or name the meter with --meter"
    assert [row.meter_id for row in read(csv, text, meter_id="gas").rows] == ["gas", "gas"]


def test_a_row_of_another_meter_than_asked_for_is_refused(csv: Path) -> None:
    row = only(read(csv, "time,value,meter_id\n2024-01-01,1,water\n", meter_id="gas"))
    assert row.verdict == "bad"
    assert reason(row).startswith("the row names the meter 'water', and 'gas' was asked for")


def test_the_same_reading_twice_is_a_duplicate(csv: Path) -> None:
    sheet = read(csv, "time,value\n2024-01-01 12:00,5\n2024-01-01T11:00Z,5.0\n01.01.2024 12:00 Uhr,5\n")
    assert [(row.verdict, reason(row)) for row in sheet.rows] == [
        ("good", ""),
        ("duplicate", "says the same as line 2"),
        ("duplicate", "says the same as line 2"),
    ]


def test_of_two_values_at_one_instant_the_later_row_wins(csv: Path) -> None:
    sheet = read(csv, "time,value\n2024-01-01,5\n2024-01-01,6\n2024-01-02,7\n2024-01-01,5\n")
    assert [row.verdict for row in sheet.rows] == ["duplicate", "duplicate", "good", "good"]
    assert reason(sheet.rows[0]) == "line 3 gives 6 for the same instant, and later rows win"
    assert reason(sheet.rows[3]) == "takes the place of line 3, which gives 6 for the same instant"
    assert sheet.readings()["gas"].tolist() == [5.0, 7.0]


def test_two_meters_at_one_instant_are_no_duplicates(csv: Path) -> None:
    sheet = read(csv, "time,value,meter_id\n2024-01-01,5,a\n2024-01-01,5,b\n", meter_id=None)
    assert sheet.count("good") == 2


def test_a_bad_row_does_not_take_the_place_of_a_good_one(csv: Path) -> None:
    sheet = read(csv, "time,value\n2024-01-01,5\n2024-01-01,-5\n")
    assert [row.verdict for row in sheet.rows] == ["good", "bad"]


# Files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_umlauts_are_read_in_each_encoding_that_excel_writes(csv: Path, encoding: str) -> None:
    sheet = read(csv, "Ab-Datum;Ab-Zeit;Zählerstand\n31.12.2023;10:00;1,5\n", encoding=encoding)
    assert only(sheet).value == 1.5


@pytest.mark.parametrize(
    "header",
    [
        "Ab-Datum;Ab-Zeit;Zählerstand",
        "Datum;Uhrzeit;Zählerstand",
        "DATUM;UHRZEIT;ZÄHLERSTAND",
        "Datum;Uhrzeit;Zählerstand (kWh)",
        '"Datum";"Uhrzeit";"Zählerstand [m³]"',
        "Datum\tUhrzeit\tZählerstand",
        "sep=;\nDatum;Uhrzeit;Zählerstand",
        "\n\nDatum;Uhrzeit;Zaehlerstand",
    ],
)
def test_a_known_german_header_is_known_however_written(csv: Path, header: str) -> None:
    cells = "31.12.2023\t10:00\t1,5" if "\t" in header else "31.12.2023;10:00;1,5"
    assert only(read(csv, f"{header}\n{cells}\n")).value == 1.5


def test_columns_may_stand_in_any_order_beside_others(csv: Path) -> None:
    text = 'Kommentar;Zählerstand;Ab-Zeit;Ab-Datum\n"neu; von\nder Firma";7,5;10:00;31.12.2023\nx;8;10:00;01.01.2024\n'
    sheet = read(csv, text)
    assert [(row.line, row.value, row.verdict) for row in sheet.rows] == [(2, 7.5, "good"), (4, 8.0, "good")]


def test_blank_lines_are_passed_over_and_lines_keep_their_numbers(csv: Path) -> None:
    sheet = read(csv, "time,value\r\n\r\n2024-01-01,1\r\n,\r\n2024-01-02,x\r\n")
    assert [(row.line, row.verdict) for row in sheet.rows] == [(3, "good"), (5, "bad")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "the file is empty", id="nothing"),
        pytest.param(b" \n\n", "the file is empty", id="blank lines"),
        pytest.param(b";;\n;;\n", "the file is empty", id="separators alone"),
        pytest.param(b"time,value\n", "there is a header and no reading below it", id="a header alone"),
        pytest.param(b"Foo;Bar\n1;2\n", "the header is 'Foo', 'Bar'. Known are 'time,value[,meter_id]'", id="others"),
        pytest.param(b"2024-01-01,5\n", "the header is '2024-01-01', '5'. Known are", id="no header"),
        pytest.param(b"time,value,Value\n2024-01-01,5,6\n", "the header names the column 'value' twice", id="twice"),
        pytest.param(b'time,value\n2024-01-01,"5\n', "line 2 cannot be split into cells", id="an open quotation"),
        pytest.param(b'"time,value\n2024-01-01,5\n', "line 1 cannot be split into cells", id="an open header"),
        pytest.param(b"\x81\x00\x01\x02", "the file is not text in UTF-8 or Windows-1252", id="bytes"),
        pytest.param(b"\xd0\xcf\x11\xe0rest", "the workbook is damaged", id="half an old workbook"),
        pytest.param(b"PK\x03\x04rest", "the workbook is damaged", id="half a workbook"),
    ],
)
def test_an_unusable_file_is_one_sentence(csv: Path, content: bytes, told: str) -> None:
    csv.write_bytes(content)
    with pytest.raises(SpreadsheetError) as caught:
        read_spreadsheet(csv, BERLIN, "gas")
    said = file_text(caught.value, Words("en"))
    assert said.startswith(f"{csv}: {told}")
    assert "\n" not in said


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(SpreadsheetError, match=r"gone\.csv: no_file"):
        read_spreadsheet(tmp_path / "gone.csv", BERLIN, None)
    with pytest.raises(SpreadsheetError, match="folder"):
        read_spreadsheet(tmp_path, BERLIN, None)


# Workbooks


def test_a_workbook_of_dates_times_and_numbers_is_read(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "gas.xlsx",
        [
            ["Ab-Datum", "Ab-Zeit", "Zählerstand", "Kommentar"],
            [date(2023, 12, 31), time(18, 30), 12345.678, None],
            ["31.12.23", "19:00", "12.345,9", "written"],
            [datetime(2024, 1, 1, 8, 15), None, 12346, None],
            [date(2024, 1, 2), None, 12347, None],
            [date(2024, 1, 3), timedelta(hours=7), 12348, None],
        ],
    )
    sheet = read_spreadsheet(path, BERLIN, "gas")
    assert [row.verdict for row in sheet.rows] == ["good"] * 5, [reason(row) for row in sheet.rows]
    assert sheet.readings()["gas"].to_dict() == {
        pd.Timestamp("2023-12-31 17:30", tz="UTC"): 12345.678,
        pd.Timestamp("2023-12-31 18:00", tz="UTC"): 12345.9,
        pd.Timestamp("2024-01-01 07:15", tz="UTC"): 12346.0,
        # The column has a time of day, so its days alone are midnights.
        pd.Timestamp("2024-01-01 23:00", tz="UTC"): 12347.0,
        pd.Timestamp("2024-01-03 06:00", tz="UTC"): 12348.0,
    }


def test_a_workbooks_days_alone_are_noons_and_beside_a_time_of_day_midnights(tmp_path: Path) -> None:
    alone = workbook(tmp_path / "a.xlsx", [["time", "value", "meter_id"], [date(2024, 1, 1), 1, 4711]])
    beside = workbook(
        tmp_path / "b.xlsx",
        [["time", "value", "meter_id"], [datetime(2024, 1, 1), 1, 4711], [datetime(2024, 1, 2, 8), 2, 4711]],
    )
    assert only(read_spreadsheet(alone, BERLIN)).time == pd.Timestamp("2024-01-01 11:00", tz="UTC")
    sheet = read_spreadsheet(beside, BERLIN)
    assert [(row.time, row.meter_id) for row in sheet.rows] == [
        (pd.Timestamp("2023-12-31 23:00", tz="UTC"), "4711"),
        (pd.Timestamp("2024-01-02 07:00", tz="UTC"), "4711"),
    ]


@pytest.mark.parametrize(
    ("time_cell", "value_cell", "told"),
    [
        pytest.param(45292.5, 1.0, "'45292.5' is not a time", id="a number for a time"),
        pytest.param("2024-01-01", True, "'True' is not a number", id="a truth"),
        pytest.param("2024-01-01", "#REF!", "'#REF!' is not a number", id="a broken formula"),
        pytest.param("2024-01-01", date(2024, 1, 1), "'2024-01-01' is not a number", id="a date for a number"),
        pytest.param("2024-01-01", None, "the reading is empty", id="nothing"),
        pytest.param("2024-01-01", -1, "'-1' is negative", id="a negative number"),
    ],
)
def test_a_bad_cell_of_a_workbook_is_named(tmp_path: Path, time_cell: object, value_cell: object, told: str) -> None:
    path = workbook(tmp_path / "a.xlsx", [["time", "value"], [time_cell, value_cell]])
    row = only(read_spreadsheet(path, BERLIN, "gas"))
    assert row.verdict == "bad"
    assert reason(row).startswith(told)


def test_the_first_sheet_with_a_known_header_is_read_and_notes_at_its_side_do_not_matter(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Our house"])
    readings = book.create_sheet("readings")
    readings.append([None])
    readings.append(["time", "value"])
    readings.append(["2024-01-01", 5, "new year", 3])
    book.save(tmp_path / "a.xlsx")
    row = only(read_spreadsheet(tmp_path / "a.xlsx", BERLIN, "gas"))
    assert (row.line, row.value, row.verdict) == (3, 5.0, "good")


def test_a_workbook_is_told_by_its_content_not_its_name(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["time", "value"], ["2024-01-01", 5]])
    path = path.rename(tmp_path / "a.csv")
    assert only(read_spreadsheet(path, BERLIN, "gas")).value == 5.0


@pytest.mark.parametrize("content", [b"time,value\n2024-01-01,5\n", b"\x00\x01"])
def test_what_is_only_named_like_a_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(SpreadsheetError, match="no_workbook"):
        read_spreadsheet(tmp_path / "a.xlsx", BERLIN, "gas")


def test_an_archive_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(SpreadsheetError, match="archive_without_workbook"):
        read_spreadsheet(tmp_path / "a.xlsx", BERLIN, "gas")


def test_a_workbook_cut_short_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["time", "value"], *[["2024-01-01", n] for n in range(200)]])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SpreadsheetError, match="damaged_workbook"):
        read_spreadsheet(path, BERLIN, "gas")


def test_an_empty_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpreadsheetError, match="empty"):
        read_spreadsheet(workbook(tmp_path / "a.xlsx", []), BERLIN, "gas")


def test_an_old_workbook_is_read(tmp_path: Path) -> None:
    """Written by a program that nobody maintains any more, so it is kept beside this file."""
    sheet = read_spreadsheet(Path(__file__).with_name("readings.xls"), BERLIN, "gas")
    assert sheet.readings()["gas"].to_dict() == {
        pd.Timestamp("2023-12-31 17:30", tz="UTC"): 12345.678,
        pd.Timestamp("2024-01-01 07:15", tz="UTC"): 12346.0,
        pd.Timestamp("2024-01-01 23:00", tz="UTC"): 12347.5,
    }


def test_an_open_document_is_read_and_its_days_beside_a_time_are_midnights(tmp_path: Path) -> None:
    rows = ods_row("2024-01-01", "1") + ods_row("2024-01-02T00:00:00", "2") + ods_row("2024-01-03T08:15:00", "3.5")
    (tmp_path / "a.ods").write_bytes(ods(ODS_HEADER + rows))
    assert read_spreadsheet(tmp_path / "a.ods", BERLIN, "gas").readings()["gas"].to_dict() == {
        pd.Timestamp("2023-12-31 23:00", tz="UTC"): 1.0,
        pd.Timestamp("2024-01-01 23:00", tz="UTC"): 2.0,
        pd.Timestamp("2024-01-03 07:15", tz="UTC"): 3.5,
    }


def test_a_workbook_that_counts_days_from_1904_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.MAC_EPOCH
    book.active.append(["time", "value"])
    book.active.append([datetime(2024, 1, 1), 1])
    book.active.append([datetime(2024, 1, 2, 8, 15), 2])
    book.active["A2"].number_format = "yyyy-mm-dd hh:mm"
    book.save(tmp_path / "a.xlsx")
    sheet = read_spreadsheet(tmp_path / "a.xlsx", BERLIN, "gas")
    assert [row.time for row in sheet.rows] == [
        pd.Timestamp("2023-12-31 23:00", tz="UTC"),
        pd.Timestamp("2024-01-02 07:15", tz="UTC"),
    ]


def test_a_large_text_is_read_as_a_small_one(csv: Path) -> None:
    """A large one is read by another process."""
    lines = [f"2024-01-01 00:{n // 60:02}:{n % 60:02},{n}.5,{'x' * 300}" for n in range(3600)]
    text = "\n".join(["time,value,comment", *lines, "yesterday,1,"])
    assert len(text) > 1_000_000
    large = read(csv, text)
    assert [(row.line, row.value, row.verdict) for row in large.rows[:3]] == [
        (2, 0.5, "good"),
        (3, 1.5, "good"),
        (4, 2.5, "good"),
    ]
    assert reason(large.rows[-1]).startswith("'yesterday' is not a time")
    assert large.count("good") == 3600
