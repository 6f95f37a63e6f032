"""Days of a house's life in Dagster's home, without living them: real runs of one day, copied to others.

One night's runs are made for real. Each further day gets copies of them: the same rows and logs with an id, a day and
times of their own. So the home holds what it would hold, in minutes instead of a year.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance

_MOMENT = re.compile(r'"timestamp": (\d+\.\d+)')
_FORMAT = "%Y-%m-%d %H:%M:%S.%f"

Row = tuple[object, ...]


@dataclass(frozen=True)
class Table:
    """Rows of one table that belong to a run."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Template:
    """A run that was made, as it stands in the home's databases.

    Attributes:
        run_id: Its id.
        day: The partition that its rows name.
        began: When it was made, UTC.
        runs: Its rows in runs.db.
        index: Its rows in the index of the event log; those of tags last.
        log: Its own log, byte for byte.
    """

    run_id: str
    day: str
    began: datetime
    runs: tuple[Table, ...]
    index: tuple[Table, ...]
    log: bytes


class Home:
    """A Dagster home that is filled from templates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "history" / "runs"

    def template(self, run_id: str, day: str) -> Template:
        """Take a run as a template."""
        with _open(self.folder / "history" / "runs.db") as runs:
            own = tuple(_rows(runs, table, "run_id", [run_id]) for table in ("runs", "run_tags"))
            (began,) = runs.execute("SELECT create_timestamp FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        with _open(self.logs / "index.db") as index:
            events = _rows(index, "event_logs", "run_id", [run_id])
            checks = _rows(index, "asset_check_executions", "run_id", [run_id])
            tags = _rows(index, "asset_event_tags", "event_id", [row[0] for row in events.rows])
        with _open(self.logs / f"{run_id}.db") as log:
            log.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = (self.logs / f"{run_id}.db").read_bytes()
        return Template(run_id, day, datetime.fromisoformat(began), own, (events, checks, tags), content)

    def live(self, nights: Sequence[tuple[Template, datetime, str]]) -> None:
        """Copy runs: each a template, when it was, and the partition that it is for."""
        copies = [_Copy(template, when, partition) for template, when, partition in nights]
        for copy in copies:
            (self.logs / f"{copy.run_id}.db").write_bytes(copy.log())
        with _open(self.folder / "history" / "runs.db") as runs, runs:
            for copy in copies:
                for table in copy.template.runs:
                    _insert(runs, table, [(None, *copy.row(row[1:])) for row in table.rows])
        with _open(self.logs / "index.db") as index, index:
            for copy in copies:
                self._index(index, copy)

    @staticmethod
    def _index(index: sqlite3.Connection, copy: _Copy) -> None:
        events, checks, tags = copy.template.index
        (first,) = index.execute("SELECT coalesce(max(id), 0) + 1 FROM event_logs").fetchone()
        numbers = {row[0]: first + position for position, row in enumerate(events.rows)}
        _insert(index, events, [(numbers[row[0]], *copy.row(row[1:])) for row in events.rows])
        for table, column in ((checks, "evaluation_event_storage_id"), (tags, "event_id")):
            at = table.columns.index(column)
            rows = [[None, *copy.row(row[1:])] for row in table.rows]
            for row in rows:
                row[at] = numbers.get(row[at])
            _insert(index, table, [tuple(row) for row in rows])


class _Copy:
    """A run with the rows of another, but an id, a day and times of its own."""

    def __init__(self, template: Template, when: datetime, partition: str) -> None:
        self.template, self.partition = template, partition
        self.run_id = str(uuid.uuid4())
        self._later = when.replace(tzinfo=None) - template.began

    def row(self, values: Sequence[object]) -> tuple[object, ...]:
        return tuple(self._value(value) for value in values)

    def log(self) -> bytes:
        # Ids and days are as long as the old ones, so that every page stays as it is.
        named = self.template.log.replace(self.template.run_id.encode(), self.run_id.encode())
        return named.replace(self.template.day.encode(), self.partition.encode())

    def _value(self, value: object) -> object:
        if isinstance(value, float) and value > 1e9:
            return value + self._later.total_seconds()
        if not isinstance(value, str):
            return value
        if len(value) in (19, 26) and value[4:5] == value[7:8] == "-" and value[10:11] == " ":
            return (datetime.fromisoformat(value) + self._later).strftime(_FORMAT)
        text = value.replace(self.template.run_id, self.run_id).replace(self.template.day, self.partition)
        return _MOMENT.sub(self._moved, text)

    def _moved(self, found: re.Match[str]) -> str:
        return f'"timestamp": {float(found[1]) + self._later.total_seconds()}'


def tick(
    home: Path,
    instance: DagsterInstance,
    sensors: dict[str, str],
    opening: datetime,
    count: int,
    each_day: Callable[[int], None] = lambda _: None,
) -> int:
    """Let sensors tick every 30 s with nothing to do, and purge as the daemon does with our dagster.yaml.

    The first tick of each is written through the instance; the others are that row with another time.

    Args:
        home: Dagster's home.
        instance: Its instance.
        sensors: The cursor of each sensor by its name.
        opening: When the first day begins, UTC.
        count: How many days.
        each_day: Called at the end of each day with its number, from 0.

    Returns:
        How many ticks there were.
    """
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import TickData, TickStatus

    path, ticks = home / "schedules" / "schedules.db", 0
    columns = "job_origin_id, selector_id, status, type, timestamp, tick_body, create_timestamp, update_timestamp"
    patterns: dict[str, tuple[str, ...]] = {}
    for name, cursor in sensors.items():
        made = instance.create_tick(
            TickData(
                f"origin of {name}",
                name,
                InstigatorType.SENSOR,
                TickStatus.SKIPPED,
                opening.timestamp(),
                selector_id=f"selector of {name}",
                skip_reason="No reading has changed.",
                cursor=cursor,
                end_timestamp=opening.timestamp() + 0.4,
            )
        )
        with _open(path) as schedules:
            patterns[name] = schedules.execute(
                f"SELECT {columns} FROM job_ticks WHERE id = ?", (made.tick_id,)
            ).fetchone()
    for half_hour in range(count * 48):
        begins = opening + timedelta(minutes=30 * half_hour)
        moments = [(begins + timedelta(seconds=30 * number)).strftime(_FORMAT) for number in range(60)]
        with _open(path) as schedules, schedules:
            for pattern in patterns.values():
                rows = [(*pattern[:4], moment, pattern[5], moment, moment) for moment in moments]
                schedules.executemany(f"INSERT INTO job_ticks ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                ticks += len(rows)
        for name in sensors:
            instance.purge_ticks(
                f"origin of {name}",
                selector_id=f"selector of {name}",
                before=(begins - timedelta(days=1)).timestamp(),
                tick_statuses=[TickStatus.SKIPPED],
            )
        if half_hour % 48 == 47:
            each_day(half_hour // 48)
    return ticks


def _rows(connection: sqlite3.Connection, table: str, column: str, values: Sequence[object]) -> Table:
    names = tuple(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
    marks = ", ".join("?" * len(values))
    found = connection.execute(f"SELECT * FROM {table} WHERE {column} IN ({marks}) ORDER BY id", values).fetchall()
    return Table(table, names, tuple(found))


def _insert(connection: sqlite3.Connection, table: Table, rows: Sequence[Row]) -> None:
    marks = ", ".join("?" * len(table.columns))
    connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        # What is simulated need not outlive a power cut.
        connection.execute("PRAGMA synchronous = OFF")
        yield connection
