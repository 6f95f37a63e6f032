"""Put a house back from a backup: beside what is there until all of it is good, then in its place."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from workflows_dagster.stores.migrations import MIGRATIONS
from workflows_dagster.upkeep.archive import CONFIG, DATA, HOME, PARTS, Manifest, unpack
from workflows_dagster.upkeep.contents import ELSEWHERE, Places
from workflows_dagster.upkeep.copies import BESIDE_A_DATABASE, is_database, unsound
from workflows_dagster.upkeep.problems import UpkeepError
from workflows_dagster.upkeep.swaps import Swap, begin, finish

JOURNAL = "restore-under-way.json"
_STAGE = ".meters-restore-"
# The daemon says every 30 s that it is there.
_ALIVE = timedelta(seconds=90)


@dataclass(frozen=True)
class Restored:
    """What a restoration came to.

    Attributes:
        manifest: What was in the backup.
        placed: Names that are from the backup now.
        aside: Names under which what stood there is kept.
    """

    manifest: Manifest
    placed: tuple[Path, ...]
    aside: tuple[Path, ...]


def resume(places: Places) -> bool:
    """Finish a restoration that was interrupted while it put things into their places.

    Returns:
        Whether there was one.

    Raises:
        UpkeepError: It still cannot be finished.
    """
    try:
        if not finish(places.data / JOURNAL):
            return False
        for part in PARTS:
            _sweep(_folder(places, part))
    except OSError as error:
        raise _stopped(places, error) from error
    return True


def restore(
    backup: Path,
    places: Places,
    now: datetime,
    *,
    parts: frozenset[str] = frozenset(PARTS),
    replace: bool = False,
) -> Restored:
    """Put some parts of a backup into their places.

    Nothing is deleted: what stood there is kept beside it, under a name that says when. A database that was damaged is
    named so.

    Args:
        backup: The file.
        places: Where the house is to stand.
        now: The present, UTC.
        parts: Of config, data and home.
        replace: Whether what is there may be set aside.

    Raises:
        UpkeepError: The backup is damaged or newer than this program, there is something already, or it is in use; or
            an earlier restoration was interrupted, see `resume`.
    """
    journal = places.data / JOURNAL
    if journal.exists():
        raise UpkeepError(f"{journal}: an earlier restoration was interrupted. Finish it with `meters restore`.")
    try:
        with contextlib.ExitStack() as stack:
            # Looked through before a byte is written anywhere.
            _refuse_newer(backup, unpack(backup, {}))
            _refuse_in_use(places, parts, now)
            stages = {
                part: stack.enter_context(_stage(_folder(places, part), journal)) for part in PARTS if part in parts
            }
            manifest = unpack(backup, stages)
            swaps: list[Swap] = []
            for part, stage in stages.items():
                _refuse_unsound(backup, stage)
                _give_to_owner_of(_folder(places, part), stage)
                swaps += _swaps(part, stage, places, f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
            occupied = [Path(swap.target) for swap in swaps if os.path.lexists(swap.target)]
            if occupied and not replace:
                shown = ", ".join(map(str, occupied[:3])) + (f" and {len(occupied) - 3} more" if occupied[3:] else "")
                raise UpkeepError(
                    f"{shown}: already there. Say --replace to set them aside under another name, or --into another "
                    "folder."
                )
            for path in occupied:
                _settle(path)
            os.sync()
            places.data.mkdir(parents=True, exist_ok=True)
            begin(journal, swaps)
            finish(journal)
    except OSError as error:
        raise _stopped(places, error) from error
    aside = tuple(Path(swap.aside) for swap in swaps if os.path.lexists(swap.aside))
    return Restored(manifest, tuple(Path(swap.target) for swap in swaps), aside)


def _stopped(places: Places, error: OSError) -> UpkeepError:
    remedy = "Mend that and say the same again: it goes on from here."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and not (places.data / JOURNAL).exists():
        # In a container the configuration is mounted read-only, on Debian it is root's.
        remedy = "Leave that part out with --only, or make it writable. Nothing was changed."
    return UpkeepError(f"{error.filename or places.data}: cannot be restored ({error.strerror or error}). {remedy}")


def _folder(places: Places, part: str) -> Path:
    if part == DATA:
        return places.database.parent if places.database is not None else places.data
    return places.config if part == CONFIG else places.home


@contextlib.contextmanager
def _stage(folder: Path, journal: Path) -> Iterator[Path]:
    """Make a folder in the file system that the part belongs into, so that it can be moved by its name alone."""
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    stage = Path(tempfile.mkdtemp(dir=folder, prefix=_STAGE))
    try:
        yield stage
    finally:
        # What is written down and not done yet is done from here.
        if not journal.exists():
            shutil.rmtree(stage, ignore_errors=True)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{_STAGE}*"):
        shutil.rmtree(left)


def _give_to_owner_of(folder: Path, stage: Path) -> None:
    """Give what root restores to whom the place belongs: the services run under a name of their own."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for path in stage.rglob("*"):
        os.chown(path, owner.st_uid, owner.st_gid)


def _swaps(part: str, stage: Path, places: Places, stamp: str) -> Iterator[Swap]:
    """Plan what becomes what: a folder of Dagster's whole, else file by file, and none that is the same."""
    source = stage / part
    if not source.is_dir():
        return
    if part == DATA:
        for staged in sorted(source.iterdir()):
            target = places.database or places.data / staged.name
            word = "damaged" if target.exists() and unsound(target) else "before-restore"
            yield Swap.of(target, staged, target.with_name(f"{target.name}.{word}-{stamp}"))
        return
    folder = _folder(places, part)
    entries = sorted(source.iterdir()) if part == HOME else sorted(path for path in source.rglob("*") if path.is_file())
    for staged in entries:
        target = folder / staged.relative_to(source)
        if staged.is_file() and target.is_file() and filecmp.cmp(staged, target, shallow=False):
            continue
        staged.chmod(0o755 if staged.is_dir() else 0o644)
        yield Swap.of(target, staged, target.with_name(f"{target.name}.before-restore-{stamp}"))


def _settle(path: Path) -> None:
    """Bring what stands in a database's log into it: the log is no part of what comes in its place.

    Raises:
        UpkeepError: Another program has it open.
        OSError: What stands beside a damaged one cannot be moved.
    """
    if not path.is_file() or not (is_database(path) or path.suffix == ".sqlite"):
        return
    if unsound(path):
        for ending in BESIDE_A_DATABASE:
            beside = path.with_name(path.name + ending)
            if beside.exists():
                beside.rename(path.with_name(f"{path.name}.damaged{ending}"))
        return
    with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    # The last one to close it takes the log away.
    if busy or path.with_name(f"{path.name}-wal").exists():
        raise UpkeepError(f"{path}: another program has it open. Stop the services first, then restore.")


def _refuse_in_use(places: Places, parts: frozenset[str], now: datetime) -> None:
    runs = places.home / "history" / "runs.db"
    if not parts & {DATA, HOME} or not runs.exists():
        return
    try:
        with closing(sqlite3.connect(f"{runs.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            [(last,)] = connection.execute("SELECT max(timestamp) FROM daemon_heartbeats").fetchall()
    except sqlite3.Error:
        # Damaged, which may be why it is restored.
        return
    if last and now - datetime.fromisoformat(last).replace(tzinfo=UTC) < _ALIVE:
        raise UpkeepError(f"{places.home}: Dagster's daemon is at work there. Stop the services first, then restore.")


def _refuse_unsound(backup: Path, stage: Path) -> None:
    for path in sorted(stage.rglob("*")):
        if path.is_file() and is_database(path) and (trouble := unsound(path)):
            raise UpkeepError(f"{backup}: {path.name} in it is damaged ({trouble}). Take another backup.")


def _refuse_newer(backup: Path, manifest: Manifest) -> None:
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


def moved_note(manifest: Manifest, config: Path) -> Iterator[str]:
    """Say where configuration that stood outside its folder is now."""
    for name, original in manifest.elsewhere.items():
        yield f"{name} stood at {original}; it is {config / ELSEWHERE / name} now. Move it, or name it in config.yaml."
