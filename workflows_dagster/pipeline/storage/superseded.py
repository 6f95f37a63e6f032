"""Rows of Dagster's event log that newer ones have made history, found and removed.

What the page and the sensors ask is which partitions are materialized, when last, and what was attempted since; each
answer is in the newest row of its kind for an asset and partition. Such a row is never removed, however old it is.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dagster import DagsterEventType
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS

_PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
_MADE = DagsterEventType.ASSET_MATERIALIZATION
_ROWS_A_TRANSACTION = 500
# Between two transactions, so that whoever waits gets his turn: SQLite's waiters look again only now and then.
_BREATH_SECONDS = 0.02


def _listed(types: Sequence[DagsterEventType]) -> str:
    return ", ".join(f"'{kind.value}'" for kind in sorted(types, key=lambda kind: kind.value))


_HISTORY = _listed([kind for kind in ASSET_EVENTS if kind != _PLANNED])
_ASSET_ROWS = _listed(list(ASSET_EVENTS))
_STATUS = _listed(list(EVENT_TYPE_TO_PIPELINE_RUN_STATUS))
_CHECKS = _listed(list(ASSET_CHECK_EVENTS))
_COMPLETED = "'SUCCEEDED', 'FAILED'"

# Ids are the next after the highest: were the highest removed, it would be given again, and every cursor be wrong.
_NOT_THE_LAST = "e.id < (SELECT max(id) FROM event_logs)"
_A_NEWER_ONE = (
    "EXISTS (SELECT 1 FROM event_logs n WHERE n.asset_key = e.asset_key AND n.partition IS e.partition AND n.id > e.id"
    " AND n.dagster_event_type {})"
)
_EVENTS = (
    # A materialization, an observation …: there is a newer one of the same partition.
    f"e.dagster_event_type IN ({_HISTORY}) AND e.asset_key IS NOT NULL"
    f" AND {_A_NEWER_ONE.format('= e.dagster_event_type')}",
    # An intention: it, or a newer one, was carried out. The newest of each asset tells what was last attempted.
    f"e.dagster_event_type = '{_PLANNED.value}' AND e.asset_key IS NOT NULL"
    f" AND {_A_NEWER_ONE.format(f'IN ({_listed([_PLANNED, _MADE])})')}"
    " AND e.id < (SELECT max(id) FROM event_logs l"
    f" WHERE l.asset_key = e.asset_key AND l.dagster_event_type = '{_PLANNED.value}')",
    # A run's start or end: the run has it too.
    f"e.dagster_event_type IN ({_STATUS}) AND {_NOT_THE_LAST}",
    # A check: what the page shows stands in a table of its own.
    f"e.dagster_event_type IN ({_CHECKS}) AND {_NOT_THE_LAST}"
    # Written so that the list is made once: there is no index on it.
    " AND e.id NOT IN (SELECT evaluation_event_storage_id FROM asset_check_executions x"
    " WHERE evaluation_event_storage_id IS NOT NULL)",
)
_OF_WHAT_STAYS = ("asset_check_executions x WHERE", "asset_check_executions x WHERE id NOT IN going AND")
_SAME_CHECK = (
    "EXISTS (SELECT 1 FROM asset_check_executions n WHERE n.asset_key = e.asset_key AND n.check_name = e.check_name"
    " AND n.partition IS e.partition AND n.id > e.id{})"
)
_SUPERSEDED_CHECK = (
    f"{_SAME_CHECK.format('')} AND (e.execution_status NOT IN ({_COMPLETED})"
    f" OR {_SAME_CHECK.format(f' AND n.execution_status IN ({_COMPLETED})')})"
)
# Held by: a run whose rows are still needed, whichever kind they are.
_HOLDERS = (
    f"SELECT id, run_id FROM event_logs WHERE dagster_event_type IN ({_ASSET_ROWS})",
    "SELECT -id, run_id FROM asset_check_executions",
)


@dataclass
class Superseded:
    """Rows that may go.

    Attributes:
        events: Ids in the event log.
        checks: Ids among the executions of checks.
    """

    events: list[int] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)


def find(index: sqlite3.Connection, before: str) -> Superseded:
    """Find the rows that newer ones supersede.

    Args:
        index: The event log's index.
        before: Rows as young as this stay in any case: UTC, `YYYY-MM-DD HH:MM:SS.ffffff`.
    """
    found = Superseded()
    found.checks = _numbers(
        index,
        "SELECT id FROM asset_check_executions e"
        f" WHERE coalesce(evaluation_event_timestamp, create_timestamp) < ? AND {_SUPERSEDED_CHECK}",
        (before,),
    )
    index.execute("CREATE TEMP TABLE IF NOT EXISTS going (id INTEGER PRIMARY KEY)")
    index.execute("DELETE FROM going")
    index.executemany("INSERT INTO going VALUES (?)", ((number,) for number in found.checks))
    for clause in _EVENTS:
        # An execution that goes holds its event no longer.
        query = f"SELECT e.id FROM event_logs e WHERE e.timestamp < ? AND {clause.replace(*_OF_WHAT_STAYS)}"
        found.events += _numbers(index, query, (before,))
    index.execute("DELETE FROM going")
    found.events.sort()
    return found


def holders(index: sqlite3.Connection, going: Superseded) -> set[str]:
    """Give the runs that hold the newest row of something, once the superseded rows are gone."""
    gone = set(going.events) | {-number for number in going.checks}
    return {run for query in _HOLDERS for number, run in index.execute(query) if number not in gone}


def is_held(index: sqlite3.Connection, run_id: str) -> bool:
    """Tell whether a run holds the newest row of something."""
    found = index.execute(
        f"SELECT EXISTS (SELECT 1 FROM event_logs WHERE run_id = ?1 AND dagster_event_type IN ({_ASSET_ROWS}))"
        " OR EXISTS (SELECT 1 FROM asset_check_executions WHERE run_id = ?1)",
        (run_id,),
    )
    return bool(found.fetchone()[0])


def remove(index: sqlite3.Connection, going: Superseded) -> int:
    """Remove rows in short transactions; each row is looked at again, in case that the newer one is gone meanwhile.

    Returns:
        How many were removed.
    """
    removed = 0
    for chunk in _chunks(going.checks):
        query = f"DELETE FROM asset_check_executions AS e WHERE id IN ({_marks(chunk)}) AND {_SUPERSEDED_CHECK}"
        with _transaction(index):
            removed += index.execute(query, chunk).rowcount
        time.sleep(_BREATH_SECONDS)
    superseded = " OR ".join(f"({clause})" for clause in _EVENTS)
    for chunk in _chunks(going.events):
        query = f"DELETE FROM event_logs AS e WHERE id IN ({_marks(chunk)}) AND ({superseded}) RETURNING id"
        with _transaction(index):
            gone = [number for (number,) in index.execute(query, chunk).fetchall()]
            index.execute(f"DELETE FROM asset_event_tags WHERE event_id IN ({_marks(gone)})", gone)
        removed += len(gone)
        time.sleep(_BREATH_SECONDS)
    return removed


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _numbers(connection: sqlite3.Connection, query: str, arguments: tuple[str, ...]) -> list[int]:
    return [number for (number,) in connection.execute(query, arguments)]


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[start : start + _ROWS_A_TRANSACTION] for start in range(0, len(numbers), _ROWS_A_TRANSACTION))


def _marks(numbers: Sequence[int]) -> str:
    return ", ".join("?" * len(numbers))
