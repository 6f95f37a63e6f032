"""Generations of the house's databases, of which a restore makes the current one in one step.

    data/state/generations/1/           data/utility_meters.sqlite, home/history, home/schedules
    data/state/generations/2/           the same, restored from a backup
    data/state/current                  -> generations/2
    data/utility_meters.sqlite          -> state/current/data/utility_meters.sqlite
    dagster_home/history, schedules     -> ../state/current/home/history, schedules

Every program uses the names of the last two lines, whether they are links or, in a house that was never restored, the
files and folders themselves. So no variable, mount or unit depends on generations, and DAGSTER_HOME keeps its meaning.
The first restore moves what is there into generation 1. Every restore writes a new generation beside the current one
and then replaces the link `current` by an atomic rename: store and Dagster's databases change together. The services
must be stopped. Outside of generations are backups, logs, reports and `dagster.yaml`, which may be mounted read-only.

A kill while generation 1 is being filled leaves each name as a file or as a link, but for the moment between two calls
of the system in which a folder of Dagster's is moved and not linked yet; every start links it (`settle`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.sqlite_backup import BESIDE_A_DATABASE

# Loaded by page and daemon, which have no memory to spare: nothing large is imported here.
_DATA, _HOME = "data", "home"
STATE, CURRENT, GENERATIONS = "state", "current", "generations"
HOME_FOLDERS = ("history", "schedules")
_UNFINISHED = ".restore-"


def settle(home: Path) -> None:
    """Link what a killed first restore has moved out of Dagster's home; nothing is to do in any other home.

    Args:
        home: Dagster's home, which need not exist.

    Raises:
        OSError: A link cannot be made.
    """
    for name in HOME_FOLDERS:
        link = _draft_of(home / name)
        if link.exists() and not _exists(home / name):
            link.replace(home / name)


class Generations:
    """The generations of one house.

    Attributes:
        state: The folder that they are in.
        entries: Names that the programs use, by the name within a generation.
    """

    def __init__(self, data: Path, home: Path, database: Path) -> None:
        """Find them.

        Args:
            data: The folder of our own data.
            home: Dagster's home.
            database: The embedded store's file, or where it would be.
        """
        self.state = data / STATE
        self.entries: Mapping[str, Path] = {
            **{f"{_HOME}/{name}": home / name for name in HOME_FOLDERS},
            f"{_DATA}/{database.name}": database,
        }

    @property
    def current(self) -> Path | None:
        """The current generation; None in a house that was never restored."""
        link = self.state / CURRENT
        return link.parent / link.readlink() if link.is_symlink() else None

    def occupied(self, part: str) -> list[Path]:
        """Give the names of a part that hold something now."""
        return [
            entry
            for name, entry in self.entries.items()
            if name.startswith(f"{part}/") and (any(entry.iterdir()) if entry.is_dir() else entry.exists())
        ]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other restores from beginning.

        Raises:
            UpkeepError: One is under way.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UpkeepError(f"{self.state}: another restore is under way. Wait for it to end.") from error
            yield

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """Make a folder for a new generation; what of it is not made current is removed, as is what a kill left."""
        folder = self.state / GENERATIONS
        folder.mkdir(exist_ok=True)
        for left in folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left)
        draft = Path(tempfile.mkdtemp(dir=folder, prefix=_UNFINISHED))
        draft.chmod(0o750)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def check_movable(self) -> None:
        """See that every name is ours to move, before anything changes.

        Raises:
            UpkeepError: One is a link of somebody else's, there are two of it, or it is on another disk.
        """
        for name, entry in self.entries.items():
            place = self.state / CURRENT / name
            if entry.is_symlink():
                if str(entry.readlink()) != self._target(name, entry):
                    raise UpkeepError(
                        f"{entry}: it is a link to {entry.readlink()}, so the house cannot be switched in one step. "
                        "Restore --into a folder and copy what you need. Nothing was changed."
                    )
            elif _exists(entry):
                if _holds_something(place) and not place.samefile(entry):
                    raise UpkeepError(
                        f"{entry}: it is there beside {place}, where a restore has moved it. Move one of them away. "
                        "Nothing was changed."
                    )
                self._check_same_disk(entry.parent)

    def _check_same_disk(self, folder: Path) -> None:
        """Try to move an empty folder: mounts of one disk refuse it too."""
        probe, target = folder / f"{_UNFINISHED}probe", self.state / f"{_UNFINISHED}probe"
        probe.mkdir(exist_ok=True)
        try:
            probe.rename(target)
            target.rmdir()
        except OSError as error:
            probe.rmdir()
            if error.errno != errno.EXDEV:
                raise
            raise UpkeepError(
                f"{folder}: it is on another disk or mount than {self.state}, so store and Dagster's home cannot be "
                "switched in one step. Restore --into a folder and copy it with the services stopped, or let "
                "DAGSTER_HOME name a folder within METERS_DATA_DIR. Nothing was changed."
            ) from error

    def move_in(self) -> None:
        """Move what is there into the current generation, and link each name to it; does no more than is left to do.

        Raises:
            OSError: A name cannot be moved; it is where it was, or is linked by the next call.
        """
        if self.current is None:
            (self.state / GENERATIONS / "1").mkdir(parents=True, exist_ok=True)
            self._point_to("1")
        for name, entry in self.entries.items():
            if not entry.is_symlink():
                self._move_in(entry, self.state / CURRENT / name, self._target(name, entry))

    def switch(self, draft: Path) -> Path:
        """Make a draft the current generation; from one moment to the next it is.

        Returns:
            The folder of the generation.
        """
        numbers = [int(path.name) for path in draft.parent.iterdir() if path.name.isdecimal()]
        number = str(max(numbers, default=0) + 1)
        for name in HOME_FOLDERS:
            # A link to a folder that is not there is nothing that Dagster could make.
            (draft / _HOME / name).mkdir(parents=True, exist_ok=True)
        draft.rename(draft.parent / number)
        _sync(draft.parent)
        self._point_to(number)
        return draft.parent / number

    def _move_in(self, entry: Path, place: Path, target: str) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        entry.parent.mkdir(parents=True, exist_ok=True)
        link = _prepared(entry, target)
        if entry.is_dir():
            # Until the link is put in its place there is no folder of that name; `settle` finds the link that is ready.
            entry.rename(place)
        elif entry.is_file():
            for ending in BESIDE_A_DATABASE:
                beside = entry.with_name(entry.name + ending)
                if beside.exists():
                    beside.rename(place.with_name(place.name + ending))
            if not place.exists():
                place.hardlink_to(entry)
        elif entry.name in HOME_FOLDERS:
            place.mkdir(exist_ok=True)
        link.replace(entry)
        _sync(entry.parent)

    def _target(self, name: str, entry: Path) -> str:
        """Give what the link at a name holds: relative, so that a volume may be mounted elsewhere."""
        state, folder = Path(os.path.realpath(self.state)), os.path.realpath(entry.parent)
        return os.path.relpath(state / CURRENT / name, folder)

    def _point_to(self, number: str) -> None:
        _link(self.state / CURRENT, f"{GENERATIONS}/{number}")


def _link(path: Path, target: str) -> None:
    """Make a link in place of a link, in one step."""
    _prepared(path, target).replace(path)
    _sync(path.parent)


def _prepared(path: Path, target: str) -> Path:
    """Make a link beside its place."""
    draft = _draft_of(path)
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    return draft


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.link")


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
