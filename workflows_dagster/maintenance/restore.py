"""Restores a backup: extracts it beside the current files, checks it, and switches to it atomically."""

from __future__ import annotations

import contextlib
import filecmp
import itertools
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from workflows_dagster.maintenance.archive import CONFIG, DATA, HOME, PARTS, Manifest, unpack
from workflows_dagster.maintenance.contents import ELSEWHERE, HOME_DATABASES, INSTANCE_FILE_NAME, Places
from workflows_dagster.maintenance.generations import Generations
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.sqlite_backup import is_damage, is_locked, unsound_in
from workflows_dagster.stores.migrations import MIGRATIONS
from workflows_dagster.stores.open import embedded_path

_STAGE = ".meters-restore-"
_NUMBERS = re.compile(r"(\d{1,6})(?:\.(\d{1,6}))?")
# How long to wait for a program that is just closing the database. [s]
_BUSY_SECONDS = 2.0
# The daemon writes a heartbeat every 30 s.
_ALIVE = timedelta(seconds=90)


@dataclass(frozen=True)
class Restored:
    """The result of a restore.

    Attributes:
        manifest: The backup's manifest.
        placed: Paths that were restored from the backup.
        before: The generation that was current before; None if there was none.
        notes: Remarks for the owner, as sentences.
    """

    manifest: Manifest
    placed: tuple[Path, ...]
    before: Path | None = None
    notes: tuple[str, ...] = ()


def restore(
    backup: Path,
    places: Places,
    now: datetime,
    *,
    parts: Collection[str] = PARTS,
    replace: bool = False,
) -> Restored:
    """Replace parts of the house by those of a backup.

    Databases become a new generation, into which parts that are not restored are copied from the current one; nothing
    is deleted. Configuration is put in its place only if there is none, else beside the data as
    `config.restored-<time>`. The backup's dagster.yaml, which can name code to run, is never put into Dagster's home.

    Args:
        backup: The file.
        places: The house's folders and files.
        now: The present, UTC.
        parts: Of config, data and home.
        replace: Whether existing databases may be replaced.

    Raises:
        UpkeepError: The backup is damaged or newer than this program, databases exist already, or they are in use.
            Nothing was changed.
    """
    manifest = unpack(backup)
    refuse_newer(backup, manifest)
    given = {part for part in parts if any(name.startswith(f"{part}/") for name in manifest.files)}
    with _explained(places.data), contextlib.ExitStack() as stack:
        places.data.mkdir(parents=True, exist_ok=True)
        generations = Generations(places.data, places.home, places.database or embedded_path(places.data))
        stack.enter_context(generations.locked())
        stages: dict[str, Path] = {}
        if given & {DATA, HOME}:
            _refuse_in_use(places, generations, now)
            generations.check_movable()
            occupied = [entry for part in sorted(given) for entry in generations.occupied(part)]
            if occupied and not replace:
                shown = ", ".join(map(str, occupied))
                raise UpkeepError(
                    f"{shown}: already there. Say --replace to switch to the backup (nothing is deleted), or --into "
                    "another folder."
                )
            draft = stack.enter_context(generations.draft())
            stages = dict.fromkeys(given - {CONFIG}, draft)
        config = _place_of_config(places, now)
        if CONFIG in given:
            stages[CONFIG] = stack.enter_context(_stage(config.parent))
        unpack(backup, stages)
        refuse_unsound(backup, stages.values())
        before: Path | None = None
        placed: list[Path] = []
        notes: list[str] = []
        if given & {DATA, HOME}:
            for name, entry in generations.entries.items():
                if name.partition("/")[0] not in given and entry.exists():
                    _copy(entry, draft / name)
        for stage in {*stages.values()}:
            _give_to_owner_of(places.data, stage)
        os.sync()
        if CONFIG in given:
            (stages[CONFIG] / CONFIG).rename(config)
            placed.append(config)
            notes += _config_notes(manifest, config, places.config)
        # Last, so that an earlier failure changes nothing.
        if given & {DATA, HOME}:
            was_empty = not any(generations.occupied(part) for part in (DATA, HOME))
            generations.move_in()
            before = None if was_empty else generations.current
            current = generations.switch(draft)
            placed += [entry for name, entry in generations.entries.items() if name.partition("/")[0] in given]
            notes += _instance_note(current / HOME / INSTANCE_FILE_NAME, places.home / INSTANCE_FILE_NAME)
    return Restored(manifest, tuple(placed), before, tuple(notes))


def restore_into(folder: Path, backup: Path, parts: Collection[str] = PARTS) -> Restored:
    """Extract parts of a backup into a folder for inspection, as `config`, `data` and `home`.

    Raises:
        UpkeepError: The backup is damaged or newer than this program, or one of the folders exists already.
    """
    manifest = unpack(backup)
    refuse_newer(backup, manifest)
    for part in parts:
        if os.path.lexists(folder / part):
            raise UpkeepError(f"{folder / part}: already there. Name a folder that is empty.")
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _stage(folder) as stage:
            unpack(backup, dict.fromkeys(parts, stage))
            refuse_unsound(backup, [stage])
            placed = tuple(folder / part for part in parts if (stage / part).exists())
            for target in placed:
                (stage / target.name).rename(target)
    notes = _elsewhere_notes(manifest, folder / CONFIG) if folder / CONFIG in placed else ()
    return Restored(manifest, placed, notes=tuple(notes))


def refuse_newer(backup: Path, manifest: Manifest) -> None:
    """Check that a backup is not newer than this program.

    Raises:
        UpkeepError: Its schema or its Dagster version is newer, or a version is unreadable.
    """
    for name, member in manifest.files.items():
        schema = _numbers(backup, member.schema_versions.get("user_version", "0"))
        if name.startswith(f"{DATA}/") and schema > (len(MIGRATIONS), 0):
            raise UpkeepError(
                f"{backup}: its readings have schema version {schema[0]}, this program knows up to {len(MIGRATIONS)}. "
                f"Update the program to {manifest.program} first."
            )
    if _numbers(backup, manifest.dagster) > _numbers(backup, version("dagster")):
        raise UpkeepError(
            f"{backup}: its history was written by Dagster {manifest.dagster}, {version('dagster')} is installed. "
            f"Update the program to {manifest.program} first."
        )


def _numbers(backup: Path, text: str) -> tuple[int, int]:
    """Give a version's first two numbers; the rest (`1.13rc1`) is ignored."""
    found = _NUMBERS.match(text)
    if found is None:
        raise UpkeepError(f"{backup}: its manifest names a version {text[:20]!a}, which is none. Take another backup.")
    return int(found[1]), int(found[2] or 0)


def refuse_unsound(backup: Path, stages: Collection[Path]) -> None:
    """Check that the extracted databases are sound.

    Raises:
        UpkeepError: A database in it is damaged.
    """
    for stage in {*stages}:
        for path, trouble in unsound_in(stage):
            raise UpkeepError(f"{backup}: {path.name} in it is damaged ({trouble}). Take another backup.")


def _refuse_in_use(places: Places, generations: Generations, now: datetime) -> None:
    """Check that no process of the house is running.

    Raises:
        UpkeepError: The daemon is running or has just stopped, or a database is open.
    """
    runs = places.home / "history" / "runs.db"
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError), closing(_connected(runs, "ro")) as connection:
        [(last,)] = connection.execute("SELECT max(timestamp) FROM daemon_heartbeats").fetchall()
        sign = datetime.fromisoformat(last).replace(tzinfo=UTC)
        # A heartbeat from the future is a clock error, not a running daemon.
        if abs(now - sign) < _ALIVE:
            raise UpkeepError(
                f"{places.home}: Dagster's daemon is at work there, or was at {sign:%H:%M:%S} UTC. Stop the services "
                f"first, or, where they are stopped, wait until {sign + _ALIVE:%H:%M:%S} UTC, then restore."
            )
    files = [entry for entry in generations.entries.values() if entry.is_file()]
    for path in (*files, *(places.home / name for name in HOME_DATABASES)):
        if path.exists():
            _refuse_open(path)


def _refuse_open(database: Path) -> None:
    """Checkpoint a database's write-ahead log, which fails while another process has it open.

    Raises:
        UpkeepError: Another program has it open.
    """
    try:
        # First without writing: SQLite deletes the log beside a file that is not a database.
        with closing(_connected(database, "ro")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        with closing(_connected(database, "rw")) as connection:
            is_open = bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
    except sqlite3.Error as error:
        if is_damage(error):
            return
        if not is_locked(error):
            raise UpkeepError(f"{database}: cannot be opened ({error}). Look at its rights.") from error
        is_open = True
    if is_open or database.resolve().with_name(f"{database.name}-wal").exists():
        raise UpkeepError(f"{database}: another program has it open. Stop the services first, then restore.")


def _connected(database: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{database.absolute().as_uri()}?mode={mode}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
    )


def _place_of_config(places: Places, now: datetime) -> Path:
    """Give the target folder of the configuration, which never overwrites an existing one."""
    if not places.config.exists() or (places.config.is_dir() and not any(places.config.iterdir())):
        return places.config
    name = f"config.restored-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    names = (
        places.data / (name + more) for more in itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    )
    return next(path for path in names if not path.exists())


@contextlib.contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """Make a folder for extracted files, on the file system of their target."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_STAGE}*"):
        shutil.rmtree(left)
    stage = Path(tempfile.mkdtemp(dir=folder, prefix=_STAGE))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _copy(entry: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.is_dir():
        shutil.copytree(entry, target)
    else:
        shutil.copy2(entry, target)


def _give_to_owner_of(folder: Path, stage: Path) -> None:
    """Change the owner of files that root restores to the target folder's owner, under which the services run."""
    if os.geteuid() == 0:
        owner = folder.stat()
        for path in (stage, *stage.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def _instance_note(restored: Path, own: Path) -> Iterator[str]:
    if restored.exists() and not (own.exists() and filecmp.cmp(restored, own, shallow=False)):
        yield f"{restored}: Dagster's settings in the backup are not used. Copy them to {own} if they are yours."


def _config_notes(manifest: Manifest, config: Path, living: Path) -> Iterator[str]:
    if config != living:
        yield f"{living}: it stays as it is; compare it with the configuration of the backup, and copy what you want."
    yield from _elsewhere_notes(manifest, config)


def _elsewhere_notes(manifest: Manifest, config: Path) -> Iterator[str]:
    for key, original in manifest.elsewhere.items():
        yield f"{key} stood at {original}; it is {config / ELSEWHERE / f'{key}.yaml'} now. Move it, or name it there."


@contextlib.contextmanager
def _explained(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UpkeepError(
            f"{error.filename or place}: cannot be restored ({error.strerror or error}). Make room or mend that, or "
            "leave that part out with --only, and say the same again."
        ) from error
