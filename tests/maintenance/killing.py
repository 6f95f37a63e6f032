"""`meters backfill` as a process of its own that is killed at any moment, for the tests and the benchmark.

`python -m tests.maintenance.killing KILLS SEED` works in the house that the environment names, prints one JSON object.
The program is imported once and forked for each attempt, so that a kill falls into the work and not into the imports.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from workflows_dagster.cli import main as meters
from workflows_dagster.settings.load import DATA_DIR

DATABASE = "utility_meters.sqlite"
# Says how things stand at the moment of asking, and is made by the clock, not by the days.
_OF_THE_MOMENT = ("meter_running_day", "meter_finding_now", "meter_readings_changed", "house_status")


# When it was fitted is the clock's; what was fitted is not.
_DATED_BY_THE_CLOCK = "meter_profile"


def points(database: Path) -> list[tuple[object, ...]]:
    """Every processed value that is a function of the readings, in one order; of profiles, the newest of each meter."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT measurement, meter_id, unit, field, time, value, typeof(value) FROM points"
            " JOIN point_series ON series = id ORDER BY 1, 2, 3, 4, 5"
        ).fetchall()
    lasting = [row for row in rows if row[0] not in _OF_THE_MOMENT]
    newest = {row[:4]: (*row[:4], None, *row[5:]) for row in lasting if row[0] == _DATED_BY_THE_CLOCK}
    return [*(row for row in lasting if row[0] != _DATED_BY_THE_CLOCK), *newest.values()]


def partitions(home: Path) -> list[tuple[object, ...]]:
    """Every partition that Dagster knows to be materialized."""
    with closing(sqlite3.connect(home / "history" / "runs" / "index.db")) as connection:
        return connection.execute(
            "SELECT DISTINCT asset_key, partition FROM event_logs"
            " WHERE dagster_event_type = 'ASSET_MATERIALIZATION' AND partition IS NOT NULL ORDER BY 1, 2"
        ).fetchall()


def count(database: Path) -> int:
    """How many processed values there are."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            return int(connection.execute("SELECT count(*) FROM points").fetchone()[0])
    except sqlite3.OperationalError:
        # Not made yet, or its tables are not.
        return 0


def start(arguments: list[str]) -> int:
    """Run a command in a fork; gives the process."""
    child = os.fork()
    if child:
        return child
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    code = 1
    try:
        code = meters(arguments, standalone_mode=False) or 0
    finally:
        os._exit(code)


def killed(arguments: list[str], database: Path, share: int, later: float) -> bool:
    """Kill a command some seconds after the store holds so many values; gives whether it had not ended before."""
    child = start(arguments)
    while count(database) < share:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.005)
    time.sleep(later)
    if os.waitpid(child, os.WNOHANG)[0]:
        return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def run(kills: int, seed: int, arguments: list[str]) -> dict[str, object]:
    """Backfill undisturbed, then again from nothing with kills, and compare the stores.

    A kill comes once the store holds a share of the values drawn by chance, and a moment drawn by chance later: so the
    kills fall everywhere in the work, on a busy machine as on an idle one.
    """
    data, home = Path(os.environ[DATA_DIR]), Path(os.environ["DAGSTER_HOME"])
    database, before = data / DATABASE, data / "before.sqlite"
    shutil.copy(database, before)

    def begin_anew() -> None:
        for path in data.glob(f"{DATABASE}*"):
            path.unlink()
        shutil.copy(before, database)

    began = time.monotonic()
    if os.waitpid(start(arguments), 0)[1]:
        raise SystemExit("the undisturbed backfill failed")
    seconds = time.monotonic() - began
    undisturbed, known, everything = points(database), partitions(home), count(database)
    shutil.rmtree(home)
    begin_anew()
    chance = random.Random(seed)
    moments: list[int] = []
    while len(moments) < kills:
        share, later = int(chance.random() * everything), chance.uniform(0, 0.05) * seconds
        if count(database) >= share:
            # An earlier attempt came further: from nothing, or each kill would fall later than the one before.
            begin_anew()
        if killed(arguments, database, share, later):
            moments.append(count(database))
    ended_well = os.waitpid(start(arguments), 0)[1] == 0
    after = points(database)
    return {
        "seconds": round(seconds, 2),
        "values_at_kill": moments,
        "values": everything,
        "ended_well": ended_well,
        "equal": after == undisturbed,
        "partitions_equal": partitions(home) == known,
        "differing": sorted(set(map(str, after)) ^ set(map(str, undisturbed)))[:3],
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]), ["backfill", *sys.argv[3:]])))
