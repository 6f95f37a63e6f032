"""One log file for several processes."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from workflows_dagster.logs.rotating_file import RotatingFile


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, "", 0, text, (), None)


def test_a_full_file_becomes_the_first_of_the_old_ones(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "new" / "meters.log", 10, 2, pytest.fail)
    for text in ("first line", "second line", "third line", "fourth line"):
        file.emit(line(text))
    file.close()
    found = {path.name: path.read_text() for path in (tmp_path / "new").glob("meters.log*")}
    assert found == {"meters.log": "fourth line\n", "meters.log.1": "third line\n", "meters.log.2": "second line\n"}


def test_without_old_files_it_begins_anew(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "meters.log", 10, 0, pytest.fail)
    for text in ("first line", "second line"):
        file.emit(line(text))
    file.close()
    assert [path.name for path in tmp_path.glob("meters.log*")] == ["meters.log"]
    assert (tmp_path / "meters.log").read_text() == "second line\n"


def test_a_line_longer_than_the_file_may_be_is_written_all_the_same(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "meters.log", 20, 1, pytest.fail)
    file.emit(line("x" * 100))
    file.close()
    assert (tmp_path / "meters.log").read_text() == "x" * 100 + "\n"


def test_only_owner_and_group_may_read_it(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "meters.log", 20, 1, pytest.fail)
    file.emit(line("x"))
    file.close()
    assert (tmp_path / "meters.log").stat().st_mode & 0o137 == 0


def test_it_goes_on_after_the_standard_library_has_closed_all_handlers(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "meters.log", 1000, 1, pytest.fail)
    file.emit(line("before"))
    file.close()
    file.emit(line("after"))
    file.close()
    assert (tmp_path / "meters.log").read_text() == "before\nafter\n"


def test_four_processes_that_rotate_all_the_time_lose_no_line_and_break_none(tmp_path: Path) -> None:
    path = tmp_path / "meters.log"
    program = dedent("""
        import json, logging, sys
        from pathlib import Path
        from workflows_dagster.logs.rotating_file import RotatingFile

        path, who = Path(sys.argv[1]), int(sys.argv[2])
        file = RotatingFile(path, 4000, 200, sys.exit)
        for number in range(300):
            text = json.dumps({"who": who, "number": number, "filling": "x" * (number % 50)})
            file.emit(logging.LogRecord("x", logging.INFO, "", 0, text, (), None))
    """)
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path), str(who)]) for who in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    files = sorted(tmp_path.glob("meters.log*"))
    lines = [json.loads(text) for file in files for text in file.read_text().splitlines()]
    assert sorted((found["who"], found["number"]) for found in lines) == [(w, n) for w in range(4) for n in range(300)]
    # A file is rotated once it is full, so one line may lie beyond.
    assert all(file.stat().st_size <= 4000 + 200 for file in files)
    assert len(files) > 10


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_full_disk_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "meters.log").symlink_to("/dev/full")
    file = RotatingFile(tmp_path / "meters.log", 1000, 1, said.append)
    for _ in range(3):
        file.emit(line("x"))
    file.close()
    assert len(said) == 1
    assert said[0].startswith(f"config.yaml: logging.file: {tmp_path / 'meters.log'} cannot be written: no space left")


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "log").write_text("a file, no folder")
    file = RotatingFile(tmp_path / "log" / "meters.log", 1000, 1, said.append)
    for _ in range(3):
        file.emit(line("x"))
    file.close()
    assert len(said) == 1
    assert "cannot be written: " in said[0]
