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
from datetime import UTC, datetime
from pathlib import Path

from workflows_dagster.maintenance.archive import CONFIG, DATA, HOME, PARTS, Manifest, unpack
from workflows_dagster.maintenance.contents import ELSEWHERE, Places, is_run_log
from workflows_dagster.maintenance.copies import BESIDE_A_DATABASE, is_database, is_locked, unsound
from workflows_dagster.maintenance.mounts import mount_points, mounted_on_the_way
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.refusals import refuse_in_use, refuse_newer, refuse_unsound, refuse_without_room
from workflows_dagster.maintenance.swaps import Finished, Swap, begin, finish

JOURNAL = "restore-under-way.json"
_STAGE = ".meters-restore-"
_INSTANCE_FILE = "dagster.yaml"
# Nobody should be at work: this is only for one who is just ending.
_BUSY_SECONDS = 2.0


@dataclass(frozen=True)
class Restored:
    """What a restoration came to.

    Attributes:
        manifest: What was in the backup.
        placed: Names that are from the backup now.
        aside: Names under which what stood there is kept.
        notes: What was not put into its place, and where it is, as sentences.
    """

    manifest: Manifest
    placed: tuple[Path, ...]
    aside: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def resume(places: Places) -> Finished | None:
    """Finish a restoration that was interrupted while it put things into their places.

    Returns:
        What it came to; None where there was none.

    Raises:
        UpkeepError: It still cannot be finished.
    """
    try:
        finished = finish(places.data / JOURNAL)
        if finished is None:
            return None
        for part in PARTS:
            _sweep(_folder(places, part))
    except OSError as error:
        raise _stopped(places, error) from error
    return finished


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
    named so. A dagster.yaml that is there stays, because it belongs to the machine and not to the house; where it
    differs, the backup's is put beside it.

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
            manifest = unpack(backup, {})
            refuse_newer(backup, manifest)
            if parts & {DATA, HOME}:
                refuse_in_use(places, now)
            refuse_without_room(manifest, {part: _folder(places, part) for part in parts})
            stages = {
                part: stack.enter_context(_stage(_folder(places, part), journal)) for part in PARTS if part in parts
            }
            manifest = unpack(backup, stages)
            swaps: list[Swap] = []
            notes: list[str] = []
            for part, stage in stages.items():
                refuse_unsound(backup, stage)
                _give_to_owner_of(_folder(places, part), stage)
                swaps += _swaps(part, stage, places, f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}", notes)
            for swap in swaps:
                _refuse_fixed(Path(swap.target))
            occupied = [Path(swap.target) for swap in swaps if os.path.lexists(swap.target)]
            if occupied and not replace:
                shown = ", ".join(map(str, occupied[:3])) + (f" and {len(occupied) - 3} more" if occupied[3:] else "")
                raise UpkeepError(
                    f"{shown}: already there. Say --replace to set them aside under another name, or --into another "
                    "folder."
                )
            for swap in swaps:
                _settle(Path(swap.target), Path(swap.aside))
            os.sync()
            places.data.mkdir(parents=True, exist_ok=True)
            begin(journal, swaps)
            finished = finish(journal)
            left = finished.left if finished else ()
    except OSError as error:
        raise _stopped(places, error) from error
    placed = tuple(Path(swap.target) for swap in swaps if Path(swap.target) not in left)
    aside = tuple(Path(swap.aside) for swap in swaps if os.path.lexists(swap.aside))
    return Restored(manifest, placed, aside, (*notes, *map(left_note, left)))


def left_note(path: Path) -> str:
    """Say that a name could not be changed."""
    return f"{path}: something is mounted there, so it stays as it is. Change it where it comes from."


def _stopped(places: Places, error: OSError) -> UpkeepError:
    if (places.data / JOURNAL).exists():
        remedy = "Mend that and say the same again: it goes on from here."
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        # In a container the configuration is mounted read-only, on Debian it is root's.
        remedy = "Leave that part out with --only, or make it writable. Nothing was changed."
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "Make room, and say the same again. Nothing was changed."
    else:
        remedy = "Mend that, and say the same again. Nothing was changed."
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


def _swaps(part: str, stage: Path, places: Places, stamp: str, notes: list[str]) -> Iterator[Swap]:
    """Plan what becomes what: a folder of Dagster's whole, else file by file, and none that is the same.

    Raises:
        UpkeepError: Something is mounted where a database or a folder is to be put.
    """
    source = stage / part
    if not source.is_dir():
        return
    folder, points = _folder(places, part), mount_points()
    whole = part in (DATA, HOME)
    for staged in sorted(source.iterdir() if whole else (path for path in source.rglob("*") if path.is_file())):
        target = folder / staged.relative_to(source)
        if part == DATA:
            target = places.database or target
        elif staged.is_file() and target.is_file() and filecmp.cmp(staged, target, shallow=False):
            continue
        else:
            staged.chmod(0o755 if staged.is_dir() else 0o644)
        above = mounted_on_the_way(target.parent, folder, points)
        mounted = mounted_on_the_way(target, folder, points)
        if above or (mounted and (part == DATA or staged.is_dir())):
            raise UpkeepError(
                f"{above or mounted}: something is mounted there, so its name cannot be changed. Leave that part out "
                "with --only, or restore it --into another folder and copy it. Nothing was changed."
            )
        if mounted or (part == HOME and staged.name == _INSTANCE_FILE and os.path.lexists(target)):
            beside = target.with_name(f"{target.name}.from-backup-{stamp}")
            notes.append(
                f"{target}: it belongs to this machine and stays; that of the backup stands beside it as {beside.name}."
            )
            target = beside
        word = "damaged" if any(map(_is_damaged, _databases(target, folder))) else "before-restore"
        yield Swap.of(target, staged, target.with_name(f"{target.name}.{word}-{stamp}"))


def _databases(place: Path, folder: Path) -> list[Path]:
    """Give the databases that a place of data or of Dagster's home is made of; what single runs logged is not."""
    if place.is_dir():
        return [path for path in sorted(place.rglob("*.db")) if not is_run_log(path.relative_to(folder).as_posix())]
    return [place] if place.is_file() and (place.suffix == ".sqlite" or is_database(place)) else []


def _is_damaged(database: Path) -> bool:
    return unsound(database, _BUSY_SECONDS) is not None


def _refuse_fixed(path: Path) -> None:
    """See that a name can be changed by us, as far as this can be told without changing it.

    Raises:
        PermissionError: It cannot.
    """
    above = next(parent for parent in path.parents if parent.is_dir())
    # A folder is changed itself when it comes to stand elsewhere.
    for place in (above, path) if path.is_dir() and not path.is_symlink() else (above,):
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def _settle(path: Path, aside: Path) -> None:
    """Bring what stands in a database's log into it: the log is no part of what comes in its place.

    Raises:
        UpkeepError: Another program has it open.
        OSError: What stands beside a damaged one cannot be moved.
    """
    if not path.is_file() or not (is_database(path) or path.suffix == ".sqlite"):
        return
    if _is_damaged(path):
        for ending in BESIDE_A_DATABASE:
            beside = path.with_name(path.name + ending)
            if beside.exists():
                # By this name SQLite finds it beside the database that it belongs to.
                beside.rename(aside.with_name(aside.name + ending))
        return
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        if not is_locked(error):
            raise UpkeepError(f"{path}: its log cannot be brought into it ({error}). Look at its rights.") from error
        busy = True
    # The last one to close it takes the log away.
    if busy or path.with_name(f"{path.name}-wal").exists():
        raise UpkeepError(f"{path}: another program has it open. Stop the services first, then restore.")


def moved_note(manifest: Manifest, config: Path) -> Iterator[str]:
    """Say where configuration that stood outside its folder is now."""
    for name, original in manifest.elsewhere.items():
        yield f"{name} stood at {original}; it is {config / ELSEWHERE / name} now. Move it, or name it in config.yaml."
