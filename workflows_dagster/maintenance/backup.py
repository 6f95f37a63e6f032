"""Makes a backup of a running house: one file with everything that cannot be recomputed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from workflows_dagster.maintenance.archive import CONFIG, DATA, HOME, Manifest, Writer, unpack
from workflows_dagster.maintenance.checksums import Sums, counts_in, partitions_in, sums_in
from workflows_dagster.maintenance.contents import (
    INDEX,
    INSTANCE_FILE_NAME,
    Places,
    config_files,
    files_elsewhere,
    home_files,
    refuse_secrets,
)
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.sqlite_backup import copy_database, schema_of
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.paths import expanded
from workflows_dagster.stores.open import EMBEDDED_FILE

BACKUPS_FOLDER = "backups"
# Folder of unfinished backups, beside the finished ones.
UNFINISHED = ".meters-backup-"
_NAME, _SUFFIX = "meters-backup-", ".tar.gz"
# Compressed, an event database shrinks to a twentieth, readings to a third.
_COMPRESSED_SHARE = 0.4
_OWN = 0o600
# Folders of the system, and those that hold folders of others.
_OF_THE_SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr")
_ONLY_BELOW = ("/", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/var", "/dev/shm")

_Figures = TypeVar("_Figures")

NO_READINGS = (
    "The readings and results stand in InfluxDB and are not in here: back up its raw bucket with `influx backup`. The "
    "processed bucket needs none: `meters backfill` makes it again."
)
NO_HISTORY = (
    "Dagster's history is not in here: its home holds no SQLite event log. Back up the database that dagster.yaml "
    "names with its own means."
)


@dataclass(frozen=True)
class Backup:
    """A backup that was made.

    Attributes:
        path: The file.
        manifest: What is in it.
        bytes: Its size. [byte]
    """

    path: Path
    manifest: Manifest
    bytes: int

    def __str__(self) -> str:
        meters = f", {len(self.manifest.sums)} meters' days" if self.manifest.sums else ""
        return f"{self.path}: {self.bytes / 1e6:,.1f} MB, {len(self.manifest.files)} files{meters}."


def backup_folder(settings: Settings) -> Path:
    """Give the folder of the backups; a relative path is relative to the data folder."""
    named = settings.site.upkeep.backup_folder
    return settings.data_dir / (expanded(named) if named else Path(BACKUPS_FOLDER))


def backups_in(folder: Path) -> list[Path]:
    """Give the backups in a folder, the oldest first."""
    return sorted(folder.glob(f"{_NAME}*{_SUFFIX}"))


def make_backup(settings: Settings, places: Places, folder: Path, now: datetime) -> Backup:
    """Make a backup of a house that may be running, verify it, and only then give it its final name.

    Args:
        settings: The house.
        places: Its folders and files.
        folder: Target folder; created if it does not exist.
        now: The present, UTC.

    Raises:
        UpkeepError: A database is damaged, a text file holds a secret, or the disk is full. Older backups are
            unchanged.
    """
    _refuse_system_folder(folder)
    path = folder / f"{_NAME}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{_SUFFIX}"
    config = list(config_files(places.config))
    home = list(home_files(places.home))
    texts = [file for _, file in config] + [file for name, file in home if name.endswith(".yaml")]
    refuse_secrets(texts, settings.secrets)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(folder, [file for _, file in home] + ([places.database] if places.database else []))
        with tempfile.TemporaryDirectory(dir=folder, prefix=UNFINISHED) as name:
            scratch = Path(name)
            draft = scratch / path.name
            draft.touch(_OWN)
            with draft.open("wb") as stream:
                writer = Writer(stream)
                manifest = _fill(writer, settings, places, config, home, scratch, now)
                writer.close(manifest)
                stream.flush()
                os.fsync(stream.fileno())
            manifest = unpack(draft)
            size = draft.stat().st_size
            draft.replace(path)
            _sync_folder(folder)
    except OSError as error:
        raise UpkeepError(
            f"{error.filename or folder}: the backup could not be made ({error.strerror or error}). "
            "Check the disk and the folder's rights, and try again."
        ) from error
    return Backup(path, manifest, size)


def remove_old(made: Path, keep: int) -> list[Path]:
    """Remove the oldest backups beside the one just made.

    Args:
        made: The backup just made, which is always kept: with a wrong clock its name may be the oldest.
        keep: How many backups are kept, including that one.

    Returns:
        The backups that were removed.
    """
    others = [path for path in backups_in(made.parent) if path != made]
    old = others[: max(len(others) - (keep - 1), 0)]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def _fill(
    writer: Writer,
    settings: Settings,
    places: Places,
    config: list[tuple[str, Path]],
    home: list[tuple[str, Path]],
    scratch: Path,
    now: datetime,
) -> Manifest:
    """Add Dagster's home first and the data last, so that every day marked as computed is in the data."""
    partitions: dict[str, int] = {}
    for name, path in home:
        if name == INSTANCE_FILE_NAME:
            writer.add(f"{HOME}/{name}", path)
        elif name == INDEX:
            partitions = _add_database(writer, f"{HOME}/{name}", path, scratch, partitions_in)
        else:
            _add_database(writer, f"{HOME}/{name}", path, scratch, schema_of)
    for name, path in config:
        writer.add(f"{CONFIG}/{name}", path)
    readings = points = None
    sums: Sums = {}
    if places.database is not None and places.database.exists():
        readings, points, sums = _add_database(
            writer,
            f"{DATA}/{EMBEDDED_FILE}",
            places.database,
            scratch,
            lambda connection: (*counts_in(connection), sums_in(connection, settings.site.zone)),
        )
    notes = [] if settings.site.storage.backend == "embedded" else [NO_READINGS]
    if not (places.home / INDEX).exists():
        notes.append(NO_HISTORY)
    return Manifest(
        made=now.astimezone(UTC).isoformat(timespec="seconds"),
        program=version("utility-meters"),
        dagster=version("dagster"),
        backend=settings.site.storage.backend,
        timezone=settings.site.timezone,
        files=writer.files,
        readings=readings,
        points=points,
        sums=sums,
        partitions=partitions,
        elsewhere={key: str(path) for key, path in files_elsewhere(places.config).items()},
        notes=notes,
    )


def _add_database(
    writer: Writer, name: str, source: Path, scratch: Path, figures: Callable[[sqlite3.Connection], _Figures]
) -> _Figures:
    """Add a copy of a database, and give figures read from it."""
    copy = scratch / "copy.db"
    copy_database(source, copy, name.partition("/")[0])
    with closing(sqlite3.connect(copy)) as connection:
        schema, found = schema_of(connection), figures(connection)
    writer.add(name, copy, schema)
    copy.unlink()
    return found


def _refuse_system_folder(folder: Path) -> None:
    try:
        real = folder.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UpkeepError(f"{folder}: this can be no folder ({error}). Name another one for the backups.") from None
    in_memory = real.is_relative_to("/dev/shm")
    is_of_the_system = not in_memory and any(real.is_relative_to(each) for each in _OF_THE_SYSTEM)
    if is_of_the_system or str(real) in _ONLY_BELOW:
        raise UpkeepError(f"{folder}: a folder of the system is no place for backups. Name one of your own.")


def _check_room(folder: Path, files: list[Path]) -> None:
    sizes = [file.stat().st_size for file in files if file.exists()]
    # Room for the backup, and for everything that the restore drill extracts.
    needed, free = (1 + _COMPRESSED_SHARE) * sum(sizes), shutil.disk_usage(folder).free
    if free < needed:
        raise UpkeepError(
            f"{folder}: {free / 1e6:.0f} MB are free, and a backup may need {needed / 1e6:.0f}. Make room, or let "
            "upkeep.backup_folder in config.yaml name another disk."
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
