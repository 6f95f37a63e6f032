"""Every verdict on a row or a file has a sentence in both languages."""

from __future__ import annotations

import string
from datetime import datetime
from pathlib import Path
from typing import get_args

import pytest

from workflows_dagster.clients.spreadsheets.verdicts import FileCode, Remark, RowCode, SpreadsheetError
from workflows_dagster.wording import Words
from workflows_dagster.wording.spreadsheets import FILE_SENTENCES, ROW_SENTENCES, file_text, remark_text

GERMAN, ENGLISH = Words("de"), Words("en")


def names_in(sentence: str) -> dict[str, str]:
    return {name: f"<{name}>" for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_code_has_a_sentence():
    assert set(ROW_SENTENCES) == set(get_args(RowCode))
    assert set(FILE_SENTENCES) == set(get_args(FileCode))


@pytest.mark.parametrize("code", get_args(RowCode))
def test_what_a_row_is_told_is_said_in_both_languages_with_all_figures(code: RowCode):
    remark = Remark(code, names_in(ROW_SENTENCES[code]))
    english, german = remark_text(remark, ENGLISH), remark_text(remark, GERMAN)
    assert english != german
    assert all(figure in english and figure in german for figure in remark.figures.values())


@pytest.mark.parametrize("code", get_args(FileCode))
def test_what_a_file_is_told_is_said_in_both_languages_with_all_figures(code: FileCode):
    error = SpreadsheetError(Path("gas.csv"), code, **names_in(FILE_SENTENCES[code]))
    english, german = file_text(error, ENGLISH), file_text(error, GERMAN)
    assert english != german
    assert all(figure in english and figure in german for figure in ("gas.csv: ", *error.figures.values()))


def test_times_and_readings_are_written_as_the_reader_writes_them():
    skipped = Remark("hour_skipped", {"time": datetime(2024, 3, 31, 2, 30), "zone": "Europe/Berlin"})
    assert remark_text(skipped, GERMAN).startswith("31.03.2024 02:30 gibt es in Europe/Berlin nicht")
    assert remark_text(skipped, ENGLISH).startswith("2024-03-31 02:30 does not exist in Europe/Berlin")
    replaced = Remark("replaced", {"line": 3, "value": 46226.4})
    assert remark_text(replaced, GERMAN).startswith("Zeile 3 gibt 46226,4 für denselben Zeitpunkt an")
