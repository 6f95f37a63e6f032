"""Writes remarks on rows and files of readings as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from workflows_dagster.clients.spreadsheets.reader import Row, Verdict
from workflows_dagster.clients.spreadsheets.verdicts import FileCode, Remark, RowCode, SpreadsheetError
from workflows_dagster.wording.words import Words, marked

ROW_SENTENCES: Mapping[RowCode, str] = {
    "reading_empty": marked("the reading is empty; expected a number"),
    "not_a_number": marked("{cell} is not a number such as 12345.678 or 12345,678"),
    "not_finite": marked("{cell} is not a finite number"),
    "negative": marked("{cell} is negative; a register shows 0 or more"),
    "not_a_temperature": marked("{cell} is no outdoor temperature in °C"),
    "ambiguous": marked("{cell} can mean {whole} or {fraction}; write {whole} or {fraction}"),
    "time_empty": marked("the time is empty; expected one such as 2024-03-31 18:30 or 2024-03-31T18:30:00+02:00"),
    "not_a_time": marked("{cell} is not a time such as 2024-03-31 18:30 or 2024-03-31T18:30:00+02:00"),
    "no_such_time": marked("{cell} does not exist ({reason})"),
    "date_empty": marked("the date is empty; expected one such as 31.12.2023"),
    "not_a_date": marked("{cell} is not a date such as 31.12.2023"),
    "not_a_clock": marked("{cell} is not a time of day from 00:00 to 24:00"),
    "day_or_month": marked("{cell} can be {one} or {other}; write it as {one} or {other}"),
    "clock_twice": marked("the time of day stands twice, {first} with the date and {second} beside it"),
    "year_outside": marked("the year {year} lies outside {first} to {last}"),
    "hour_skipped": marked("{time} does not exist in {zone}: the clocks skip it; correct the time"),
    "hour_twice": marked(
        "{time} stands twice in {zone}: taken as the first, {first}; "
        "to mean the second, write the time with its offset, {second}"
    ),
    "in_the_future": marked("{time} lies in the future; a reading has been read"),
    "unit_differs": marked(
        "the column '{column}' is in {unit}, which cannot be converted to the meter's {meter_unit}; "
        "name the column that is meant, or correct the unit in its header"
    ),
    "power_unasked": marked(
        "the column '{column}' is power in {unit}, not consumption; "
        "with --power each interval's mean becomes {meter_unit}"
    ),
    "power_of_register": marked(
        "the column '{column}' is power in {unit}, and the meter's register shows {meter_unit}; "
        "power makes consumption for a source of kind interval only"
    ),
    "sum_row": marked("a sum, no reading"),
    "no_value": marked("no value: this interval stays unknown"),
    "too_many_cells": marked(
        "there are {cells} cells where the header has {columns}; "
        "write decimals with a dot, or put the cell between quotation marks"
    ),
    "no_meter": marked("no meter is named; add a column meter_id, or name the meter with --meter"),
    "other_meter": marked("the row names the meter {named}, and {asked} was asked for; leave one of them out"),
    "unknown_meter": marked("no meter '{meter}' in meters.yaml. See `meters check` for all of them."),
    "misspelt_meter": marked("no meter '{meter}' in meters.yaml. Did you mean '{suggestion}'?"),
    "master_meter": marked("'{meter}' is a master meter and has no readings of its own; import those of {source}"),
    "virtual_meter": marked("'{meter}' is a virtual meter and has no readings of its own; import those of {source}"),
    "says_the_same": marked("says the same as line {line}"),
    "replaced": marked("line {line} gives {value} for the same instant, and later rows win"),
    "replaces": marked("takes the place of line {line}, which gives {value} for the same instant"),
}
FILE_SENTENCES: Mapping[FileCode, str] = {
    "folder": marked("this is a folder. Name the files in it."),
    "no_file": marked("there is no such file. Check the path."),
    "unreadable": marked("the file cannot be read ({reason}). Check its permissions."),
    "empty": marked("the file is empty. Expected a header line and at least one reading."),
    "no_rows": marked("there is a header and no reading below it. Add rows, or name another file."),
    "not_text": marked("the file is not text in UTF-8 or Windows-1252. Save it as CSV in UTF-8, or as .xlsx."),
    "no_ordinary_file": marked("this is no ordinary file but a pipe or a device. Name a file."),
    "too_large": marked("the file has more than {most} MB. Split it."),
    "unpacks_too_large": marked(
        "the workbook has more than {most} MB when it is unpacked. Split it, or save it as CSV."
    ),
    "too_many_rows": marked("the file has more than {most} rows with content. Split it."),
    "too_many_columns": marked("the sheet has more than {most} columns with content. Keep those of the readings."),
    "sheet_too_large": marked(
        "the workbook has more than {most} cells. Keep the columns of the readings, or split it."
    ),
    "takes_too_much": marked(
        "reading the file takes more time or memory than a file of readings needs. Save it again, as CSV, or split it."
    ),
    "no_workbook": marked("the file is named like a workbook and is none. Save it again, or as CSV."),
    "damaged_workbook": marked("the workbook is damaged. Save it again, or as CSV."),
    "encrypted_workbook": marked("the workbook is protected by a password. Save it without one."),
    "encrypted_archive": marked("this is a zip archive with a password. Unpack it and name the file in it."),
    "archive_without_workbook": marked(
        "this is a zip archive and no workbook (.xlsx, .xlsm, .ods). Unpack it and name the file in it."
    ),
    "cannot_be_split": marked("line {line} cannot be split into cells ({reason}). Check the quotation marks."),
    "column_twice": marked("the header names the column '{name}' twice. Keep one of them."),
    "two_columns_of_meter": marked("the columns {columns} both belong to the meter '{meter}'. Rename one of them."),
    "which_column": marked(
        'the header has {columns}, and nothing says which is meant. Name one, for example --columns "{example}".'
    ),
    "unknown_header": marked(
        "the header is {found}. Known are 'time,value[,meter_id]' or 'Ab-Datum;Ab-Zeit;Zählerstand' "
        "(also 'Datum;Uhrzeit;Zählerstand'), or a date and a column a meter, named as the meter or by --columns."
    ),
    "no_temperatures": marked(
        "the header is {found}. Name the column of times 'time', and the one in °C 'temperature'."
    ),
}
_VERDICTS: Mapping[Verdict, str] = {
    "good": marked("good"),
    "bad": marked("bad"),
    "duplicate": marked("duplicate"),
    "passed_over": marked("passed over"),
}
_NOTATION = ("whole", "fraction")


def verdict_text(verdict: Verdict, words: Words) -> str:
    """Write the name of a verdict."""
    return words.say(_VERDICTS[verdict])


def row_text(row: Row, words: Words) -> str:
    """Write all remarks on a row; empty for a good row without remarks."""
    return "; ".join(remark_text(remark, words) for remark in row.remarks)


def remark_text(remark: Remark, words: Words) -> str:
    """Write one remark on a row."""
    figures = {name: _figure(name, figure, words) for name, figure in remark.figures.items()}
    return words.say(ROW_SENTENCES[remark.code], **figures)


def file_text(error: SpreadsheetError, words: Words) -> str:
    """Write why a file cannot be used: file, fact, remedy."""
    figures = {name: _figure(name, figure, words) for name, figure in error.figures.items()}
    return f"{error.path}: {words.say(FILE_SENTENCES[error.code], **figures)}"


def _figure(name: str, figure: object, words: Words) -> str:
    if isinstance(figure, datetime):
        return f"{words.format.day(figure.date())} {figure:%H:%M}"
    if isinstance(figure, float):
        return words.format.plain_number(figure, 12)
    if isinstance(figure, tuple):
        return ", ".join(figure)
    return str(figure).replace(".", words.format.decimal_mark) if name in _NOTATION else str(figure)
