"""Schema of the embedded store's file, as named steps, each in one transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from workflows_dagster.stores.ports import StoreError

# "UMet": distinguishes our files from other programs' SQLite databases.
APPLICATION_ID = 0x554D6574


@dataclass(frozen=True)
class Migration:
    """One step of the schema.

    Attributes:
        name: Its purpose, for errors.
        statements: SQL, in order.
    """

    name: str
    statements: tuple[str, ...]


def _expectations_apart(flagged: str, expectation: str, fields: str) -> tuple[str, ...]:
    """Give the statements that copy the expectations of all judged days, and then delete all but the flagged days."""
    return (
        "INSERT INTO point_series (measurement, meter_id, unit, field)"
        f" SELECT '{expectation}', meter_id, unit, field FROM point_series"
        f" WHERE measurement = '{flagged}' AND field IN ({fields})",
        "INSERT INTO points SELECT new.id, points.time, points.value FROM point_series AS old"
        " JOIN point_series AS new USING (meter_id, unit, field) JOIN points ON points.series = old.id"
        f" WHERE old.measurement = '{flagged}' AND new.measurement = '{expectation}'",
        f"DELETE FROM points WHERE series IN (SELECT id FROM point_series WHERE measurement = '{flagged}')"
        " AND NOT EXISTS (SELECT 1 FROM point_series AS own JOIN point_series AS severity"
        " USING (measurement, meter_id, unit) JOIN points AS known ON known.series = severity.id"
        " WHERE own.id = points.series AND severity.field = 'severity' AND known.time = points.time)",
    )


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "raw readings",
        (
            "CREATE TABLE raw_series (id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, entity_id TEXT NOT NULL,"
            " field TEXT NOT NULL, domain TEXT NOT NULL, UNIQUE (entity_id, measurement, field, domain)) STRICT",
            # `written` numbers the writes, to find the later of two domains' readings at one instant.
            "CREATE TABLE readings (series INTEGER NOT NULL REFERENCES raw_series (id), time INTEGER NOT NULL,"
            " value REAL NOT NULL, written INTEGER NOT NULL, PRIMARY KEY (series, time)) STRICT, WITHOUT ROWID",
            "CREATE TABLE writings (latest INTEGER NOT NULL) STRICT",
            "INSERT INTO writings VALUES (0)",
        ),
    ),
    Migration(
        "processed points",
        (
            "CREATE TABLE point_series (id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, meter_id TEXT NOT NULL,"
            " unit TEXT NOT NULL, field TEXT NOT NULL, UNIQUE (measurement, meter_id, unit, field)) STRICT",
            "CREATE TABLE points (series INTEGER NOT NULL REFERENCES point_series (id), time INTEGER NOT NULL,"
            " value ANY NOT NULL, PRIMARY KEY (series, time)) STRICT, WITHOUT ROWID",
        ),
    ),
    Migration(
        "expectations apart from flagged days",
        (
            *_expectations_apart("meter_anomaly", "meter_expectation", "'expected', 'lower', 'upper'"),
            *_expectations_apart(
                "meter_base_load", "meter_base_load_expectation", "'base_load', 'expected', 'lower', 'upper'"
            ),
        ),
    ),
)


def bring_up_to_date(
    connection: sqlite3.Connection, path: Path, migrations: tuple[Migration, ...] = MIGRATIONS
) -> None:
    """Run the missing steps on a file.

    Several processes may do so at once: each step runs once.

    Args:
        connection: Open, in autocommit.
        path: The file, for errors.
        migrations: All steps that this program knows, in order.

    Raises:
        StoreError: The file is newer than this program, or another program's.
    """
    while (version := _committed_version(connection, path, len(migrations))) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have run the step between the query and the lock.
            if _version(connection, path, len(migrations)) == version:
                for statement in migrations[version].statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _committed_version(connection: sqlite3.Connection, path: Path, known: int) -> int:
    # In one transaction, or another process's first step may fall between the queries and look like a foreign file.
    connection.execute("BEGIN")
    try:
        return _version(connection, path, known)
    finally:
        connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, path: Path, known: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if owner != APPLICATION_ID:
        tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
        # Version and application id are written in one transaction with the tables, so a file without both is new.
        if owner or version or tables:
            raise StoreError(
                f"{path}: this SQLite database belongs to another program (application id {owner}, {tables} tables)."
                " Name another file for the store, or move this one aside."
            )
    if version > known:
        raise StoreError(
            f"{path}: its schema is version {version}, this program knows up to {known}."
            " Update the program, or restore a backup made by this version."
        )
    return version
