"""Reasons not to begin a restoration, each looked for before anything is changed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from workflows_dagster.maintenance.archive import DATA, Manifest
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.copies import is_database, is_locked, unsound
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.stores.migrations import MIGRATIONS

# The daemon says every 30 s that it is there.
_ALIVE = timedelta(seconds=90)


def refuse_newer(backup: Path, manifest: Manifest) -> None:
    """See that this program knows what is in a backup.

    Raises:
        UpkeepError: Its schema, or the Dagster that wrote it, is newer.
    """
    for name, member in manifest.files.items():
        schema = member.schema_versions.get("user_version", "0")
        if name.startswith(f"{DATA}/") and int(schema) > len(MIGRATIONS):
            raise UpkeepError(
                f"{backup}: its readings have schema version {schema}, this program knows up to {len(MIGRATIONS)}. "
                f"Update the program to {manifest.program} first."
            )
    if _minor(manifest.dagster) > _minor(version("dagster")):
        raise UpkeepError(
            f"{backup}: its history was written by Dagster {manifest.dagster}, {version('dagster')} is installed. "
            f"Update the program to {manifest.program} first."
        )


def _minor(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def refuse_without_room(manifest: Manifest, folders: Mapping[str, Path]) -> None:
    """See that what is to be unpacked has room beside what is there.

    Args:
        manifest: What is in the backup.
        folders: Where its parts are unpacked, by part; they need not exist.

    Raises:
        UpkeepError: It has not.
    """
    needed: dict[int, int] = {}
    places: dict[int, Path] = {}
    for name, member in manifest.files.items():
        folder = folders.get(name.partition("/")[0])
        if folder is not None:
            place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
            disk = place.stat().st_dev
            needed[disk] = needed.get(disk, 0) + member.bytes
            places[disk] = place
    for disk, place in places.items():
        free = shutil.disk_usage(place).free
        if free < needed[disk]:
            raise UpkeepError(
                f"{place}: {free / 1e6:.0f} MB are free, and the restoration needs {needed[disk] / 1e6:.0f}: what is "
                "there is kept. Make room. Nothing was changed."
            )


def refuse_in_use(places: Places, now: datetime) -> None:
    """See that Dagster's daemon is not at work in a house.

    Raises:
        UpkeepError: It is, or was until just now.
    """
    runs = places.home / "history" / "runs.db"
    if not runs.exists():
        return
    try:
        with closing(sqlite3.connect(f"{runs.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            [(last,)] = connection.execute("SELECT max(timestamp) FROM daemon_heartbeats").fetchall()
    except sqlite3.Error as error:
        if is_locked(error):
            raise UpkeepError(
                f"{runs}: another program has it open ({error}). Stop the services first, then restore."
            ) from error
        # Damaged, which may be why it is restored, or no daemon ever worked there.
        return
    if not last:
        return
    sign = datetime.fromisoformat(last).replace(tzinfo=UTC)
    # One from the future says that a clock was wrong, not that somebody is there.
    if abs(now - sign) < _ALIVE:
        raise UpkeepError(
            f"{places.home}: Dagster's daemon is at work there, or was at {sign:%H:%M:%S} UTC. Stop the services "
            f"first, or, where they are stopped, wait until {sign + _ALIVE:%H:%M:%S} UTC, then restore."
        )


def refuse_unsound(backup: Path, stage: Path) -> None:
    """See that what was unpacked can be used.

    Raises:
        UpkeepError: A database in it is damaged.
    """
    for path in sorted(stage.rglob("*")):
        if path.is_file() and is_database(path) and (trouble := unsound(path)):
            raise UpkeepError(f"{backup}: {path.name} in it is damaged ({trouble}). Take another backup.")
