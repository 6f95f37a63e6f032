"""A hostile file is a sentence or rows with a verdict, in a short time and little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.clients.hostile_files import HEADER, Hostile, files, xlsx
from workflows_dagster.clients.spreadsheets.reader import SpreadsheetError, read_spreadsheet
from workflows_dagster.wording import Words
from workflows_dagster.wording.spreadsheets import file_text, row_text

ALL = list(files())


def outcome(hostile: Hostile, folder: Path) -> tuple[str, str]:
    """What came of a file: a code or the verdicts, and the first sentence."""
    path = hostile.make(folder)
    try:
        sheet = read_spreadsheet(path, ZoneInfo("Europe/Berlin"), "gas")
    except SpreadsheetError as error:
        return error.code, file_text(error, Words("en")).removeprefix(f"{path}: ")
    return "".join(row.verdict[0] for row in sheet.rows), row_text(sheet.rows[0], Words("en"))


@pytest.mark.parametrize("hostile", ALL, ids=lambda hostile: hostile.name)
def test_a_hostile_file_is_a_sentence_or_judged_rows(hostile: Hostile, tmp_path: Path) -> None:
    code, said = outcome(hostile, tmp_path)
    assert code == hostile.outcome, said


def test_twenty_thousand_rows_of_a_workbook_are_read_within_five_seconds_of_computing(tmp_path: Path) -> None:
    rows = "".join(f'<row><c s="2"><v>{40000 + n / 24}</v></c><c><v>{n}.5</v></c></row>' for n in range(20_000))
    (tmp_path / "a.xlsx").write_bytes(xlsx(HEADER + rows))
    began = computed()
    sheet = read_spreadsheet(tmp_path / "a.xlsx", ZoneInfo("Europe/Berlin"), "gas")
    assert computed() - began < 5
    assert len(sheet.rows) == 20_000
    assert sheet.rows[-1].value == 19_999.5


def computed() -> float:
    """Computing time of this process and those that it has waited for. [s]"""
    return sum(os.times()[:4])


def test_the_process_that_reads_knows_no_secret_and_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for Python shows what it is started with; the limits are its own first act."""
    monkeypatch.setenv("INFLUX_TOKEN", "a-token-of-the-house")
    monkeypatch.setenv("HOME", "/home/owner")
    seen = tmp_path / "seen"
    (tmp_path / "python").write_text(f'#!/bin/sh\nenv > {seen}\necho "$@" >> {seen}\nexec {sys.executable} "$@"\n')
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "a.xlsx").write_bytes(xlsx())
    assert len(read_spreadsheet(tmp_path / "a.xlsx", ZoneInfo("Europe/Berlin"), "gas").rows) == 1
    shown = seen.read_text()
    assert "read_process workbook" in shown
    assert "a-token-of-the-house" not in shown
    assert "/home/owner" not in shown


def test_the_process_that_reads_limits_its_own_memory_and_time() -> None:
    code = (
        "import resource\n"
        "from workflows_dagster.clients.spreadsheets import read_process\n"
        "read_process._limit()\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU)[1], resource.getrlimit(resource.RLIMIT_DATA)[1])\n"
        "try: print(len(bytes(MOST := 300_000_000)))\n"
        "except MemoryError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["5", "224000000", "refused"]
