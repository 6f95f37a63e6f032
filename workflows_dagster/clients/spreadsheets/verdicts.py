"""Remarks on rows and files of readings, as codes with figures. `wording/spreadsheets.py` makes the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

RowCode = Literal[
    # Numbers
    "reading_empty",
    "not_a_number",
    "not_finite",
    "negative",
    "not_a_temperature",
    "ambiguous",
    # Times
    "time_empty",
    "not_a_time",
    "no_such_time",
    "date_empty",
    "not_a_date",
    "not_a_clock",
    "clock_twice",
    "day_or_month",
    "year_outside",
    "hour_skipped",
    "hour_twice",
    "in_the_future",
    # Units
    "unit_differs",
    "power_unasked",
    "power_of_register",
    # Rows
    "sum_row",
    "no_value",
    "too_many_cells",
    "no_meter",
    "other_meter",
    "unknown_meter",
    "misspelt_meter",
    "master_meter",
    "virtual_meter",
    "says_the_same",
    "replaced",
    "replaces",
]
FileCode = Literal[
    "folder",
    "no_file",
    "unreadable",
    "empty",
    "no_rows",
    "not_text",
    "no_ordinary_file",
    "too_large",
    "unpacks_too_large",
    "too_many_rows",
    "too_many_columns",
    "sheet_too_large",
    "takes_too_much",
    "no_workbook",
    "damaged_workbook",
    "encrypted_workbook",
    "encrypted_archive",
    "archive_without_workbook",
    "cannot_be_split",
    "column_twice",
    "two_columns_of_meter",
    "which_column",
    "unknown_header",
    "no_temperatures",
]
Figure = str | int | float | datetime | tuple[str, ...]
Figures = Mapping[str, Figure]


@dataclass(frozen=True)
class Remark:
    """One remark on a row.

    Attributes:
        code: Key of its sentence.
        figures: The actual cell and further values of the sentence. Times are civil times of the house.
    """

    code: RowCode
    figures: Figures = field(default_factory=dict, hash=False)


class CellError(ValueError):
    """A cell cannot be used.

    Args:
        code: The reason.
        figures: The cell and further values of the sentence.
    """

    def __init__(self, code: RowCode, **figures: Figure) -> None:
        self.remark = Remark(code, figures)
        super().__init__(f"{code} {figures}")


class SpreadsheetError(ValueError):
    """A file as a whole cannot be used.

    Args:
        path: The file.
        code: The reason.
        figures: Values of the sentence.
    """

    def __init__(self, path: Path, code: FileCode, **figures: Figure) -> None:
        self.path, self.code, self.figures = path, code, figures
        super().__init__(f"{path}: {code} {figures}" if figures else f"{path}: {code}")
