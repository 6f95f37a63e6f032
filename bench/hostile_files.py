"""Hostile files of readings: what is said about each, in how many seconds, with how much memory.

`python -m bench.hostile_files` prints a table. Each is read by a process of its own, whose start (pandas) is not
counted among its seconds, but its memory is; shown is the larger of it and of the process that reads the file for it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.clients.hostile_files import Hostile, files


def read(path: Path) -> dict[str, object]:
    """Read one file and measure it."""
    from workflows_dagster.clients.spreadsheets.reader import SpreadsheetError, read_spreadsheet
    from workflows_dagster.wording import Words
    from workflows_dagster.wording.spreadsheets import file_text, row_text

    words, began = Words("en"), time.monotonic()
    try:
        sheet = read_spreadsheet(path, ZoneInfo("Europe/Berlin"), "gas")
        said = f"{len(sheet.rows)} rows; {row_text(sheet.rows[-1], words)}"
    except SpreadsheetError as error:
        said = file_text(error, words).removeprefix(f"{path}: ")
    seconds = time.monotonic() - began
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"said": said, "seconds": seconds, "megabytes": peak / 1000}


def made(hostile: Hostile, folder: Path) -> Path:
    """Make a file in a fork: what this process has used counts for those that it starts."""
    name = folder / "path"
    child = os.fork()
    if not child:
        try:
            name.write_text(str(hostile.make(folder)), encoding="utf-8", errors="surrogateescape")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    path = Path(name.read_text(encoding="utf-8", errors="surrogateescape"))
    name.unlink()
    return path


def main() -> None:
    """Print the table."""
    print("| file | what is said | seconds | MB |\n| -- | -- | --: | --: |")
    for hostile in files():
        with tempfile.TemporaryDirectory() as folder:
            path = made(hostile, Path(folder))
            command = [sys.executable, "-m", "bench.hostile_files", json.dumps(str(path))]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        said = "".join(c if c.isprintable() else repr(c)[1:-1] for c in found["said"])[:160]
        print(f"| {hostile.name} | {said} | {found['seconds']:.1f} | {found['megabytes']:.0f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(read(Path(json.loads(sys.argv[1])))))
    else:
        main()
