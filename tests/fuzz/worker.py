"""Reads what comes from elsewhere, as a process of its own with little memory: one example after the other.

Each example is an 8-byte length, the name of a reader and its bytes; the answer is a line of JSON: `said`, `value`, or
`trace`, which is a fault of ours.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from workflows_dagster.settings.language import Language

# Each reader imports what it needs: one whose process ends begins anew, and should do so quickly.
MOST_MEMORY = 256_000_000
LANGUAGES: tuple[Language, ...] = ("en", "de")
ZONE = ZoneInfo("Europe/Berlin")
CONFIGURATION = ("config.yaml", "meters.yaml", "seasonal_patterns.yaml", "tariffs.yaml")


def of_text(content: bytes, folder: Path) -> str:
    """A small file of readings, which is read without another process."""
    import pandas as pd

    from workflows_dagster.clients.spreadsheets.reader import SpreadsheetError, read_spreadsheet
    from workflows_dagster.wording import Words
    from workflows_dagster.wording.spreadsheets import file_text, row_text

    path = folder / "readings.csv"
    path.write_bytes(content)
    try:
        sheet = read_spreadsheet(path, ZONE, "gas", now=pd.Timestamp("2026-01-01", tz="UTC"))
    except SpreadsheetError as error:
        return " ".join(file_text(error, words) for words in map(Words, LANGUAGES))
    sheet.readings()
    return " ".join(row_text(row, words) for row in sheet.rows for words in map(Words, LANGUAGES))


def of_workbook(content: bytes, folder: Path) -> str:
    """A workbook, as the process for it reads it."""
    from workflows_dagster.clients.spreadsheets.tables import TableError
    from workflows_dagster.clients.spreadsheets.workbook import workbook_tables

    try:
        for table in workbook_tables(content):
            list(table.lines)
    except TableError as error:
        return error.code
    except MemoryError:
        return "takes_too_much"
    return ""


def of_configuration(content: bytes, folder: Path) -> str:
    """One of the configuration's files; the first byte says which."""
    from workflows_dagster.settings.load import load
    from workflows_dagster.settings.problems import SettingsError
    from workflows_dagster.wording import Words
    from workflows_dagster.wording.problems import problem_texts

    which = CONFIGURATION[content[0] % 4] if content else CONFIGURATION[0]
    config = folder / "config"
    shutil.copytree(folder.parent / "plain", config)
    (config / which).write_bytes(content[1:])
    try:
        load(config, {})
    except SettingsError as error:
        texts = [text for language in LANGUAGES for text in problem_texts(error, Words(language))]
        assert texts
        assert all(text and "\n" not in text for text in texts)
        return str(error)
    return ""


def of_archive(content: bytes, folder: Path) -> str:
    """A backup, unpacked."""
    from workflows_dagster.maintenance.archive import unpack
    from workflows_dagster.maintenance.problems import UpkeepError

    path = folder / "backup.tar.gz"
    path.write_bytes(content)
    places = dict.fromkeys(("config", "data", "home"), folder / "out")
    try:
        unpack(path, places)
        said = ""
    except UpkeepError as error:
        said = str(error).removeprefix(str(folder))
    outside = {path.name for path in folder.iterdir()} - {"backup.tar.gz", "out"}
    assert not outside, outside
    assert said.isprintable(), said
    return said


def of_answer(content: bytes, folder: Path) -> str:
    """An answer of InfluxDB."""
    from workflows_dagster.stores.influx.annotated_csv import AnnotatedCsvError, FluxError, sections

    try:
        for section in sections(content):
            section.columns(("_time", "_value", "_field"))
    except (AnnotatedCsvError, FluxError) as error:
        return str(error)
    return ""


def of_names(content: bytes, folder: Path) -> str:
    """Names of a series, in line protocol: one line a reading or a refusal."""
    import numpy as np

    from workflows_dagster.stores.frames import Column
    from workflows_dagster.stores.influx import line_protocol

    names = [*content.decode("utf-8", "surrogateescape").split("|"), "a", "b", "c"][:3]
    column = Column(np.array([1_700_000_000_000_000]), np.array([1.5]))
    try:
        lines = line_protocol.readings(names[0], {"entity_id": names[1]}, names[2], column)
    except ValueError as error:
        return str(error)
    assert len(lines) == 1
    assert lines[0].isascii() or lines[0].encode()
    assert "\n" not in lines[0]
    assert "\r" not in lines[0]
    return ""


def of_number(content: bytes, folder: Path) -> str:
    """A number as somebody writes it."""
    from workflows_dagster.domain.number_notation import meanings

    return str(meanings(content.decode("utf-8", "replace")))


READERS: dict[str, Callable[[bytes, Path], str]] = {
    "text": of_text,
    "workbook": of_workbook,
    "configuration": of_configuration,
    "archive": of_archive,
    "answer": of_answer,
    "names": of_names,
    "number": of_number,
}


def main() -> None:
    """Answer until the input ends."""
    base = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stream = sys.stdin.buffer
    while header := stream.read(9):
        length, which = struct.unpack("<QB", header)
        content = stream.read(length)
        folder = Path(tempfile.mkdtemp(dir=base))
        began = os.times()
        try:
            answer = {"said": READERS[list(READERS)[which]](content, folder)[:2000]}
        except BaseException:
            answer = {"trace": traceback.format_exc()}
        spent = os.times()
        answer["seconds"] = spent.user + spent.system - began.user - began.system
        shutil.rmtree(folder)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
