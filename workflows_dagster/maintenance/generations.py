"""Generations of the house's databases; a restore switches to a new one atomically.

    data/state/generations/1/           data/utility_meters.sqlite, home/history, home/schedules
    data/state/generations/2/           the same, restored from a backup
    data/state/current                  -> generations/2
    data/utility_meters.sqlite          -> state/current/data/utility_meters.sqlite
    dagster_home/history, schedules     -> ../state/current/home/history, schedules

Every program uses the paths of the last two lines. In a house that was never restored, they are the files and folders
themselves. So no variable, mount or unit depends on generations, and DAGSTER_HOME keeps its meaning. The first restore
moves what is there into generation 1. Every restore writes a new generation beside the current one and then replaces
the link `current` by an atomic rename: store and Dagster's databases change together. The services must be stopped.
Outside of generations are backups, logs, reports and `dagster.yaml`, which may be mounted read-only.

After a kill while generation 1 is being filled, each path is a file or a link. The exception is a kill between two
system calls, which leaves a folder of Dagster's moved but not linked; the next start links it (`settle`).
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

# Loaded by the page and the daemon, so it must not import anything large.
_DATA, _HOME = "data", "home"
STATE, CURRENT, GENERATIONS = "state", "current", "generations"
HOME_FOLDERS = ("history", "schedules")
_UNFINISHED = ".restore-"


def settle(home: Path) -> None:
    """Link the folders that a killed first restore has moved out of Dagster's home.

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
        state: Their folder.
        entries: Paths that the programs use, by the name within a generation.
    """

    def __init__(self, data: Path, home: Path, database: Path) -> None:
        """Locate the generations; nothing is changed.

        Args:
            data: The folder of our own data.
            home: Dagster's home.
            database: Path of the embedded store's file, which need not exist.
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
        """Give the paths of a part that exist and are not empty."""
        return [
            entry
            for name, entry in self.entries.items()
            if name.startswith(f"{part}/") and (any(entry.iterdir()) if entry.is_dir() else entry.exists())
        ]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock against other restores.

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
        """Make a folder for a new generation, and remove it at the end unless it became current.

        Leftovers of killed restores are removed too.
        """
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
        """Check, before anything changes, that every path can be moved.

        Raises:
            UpkeepError: A path is a foreign link, exists twice, or is on another disk.
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
        """Check by moving an empty folder, since separate mounts of one disk refuse the move too."""
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
        """Move existing files into the current generation, and link each path to it; can be repeated after a kill.

        Raises:
            OSError: A path cannot be moved; it is unchanged, or the next call links it.
        """
        if self.current is None:
            (self.state / GENERATIONS / "1").mkdir(parents=True, exist_ok=True)
            self._point_to("1")
        for name, entry in self.entries.items():
            if not entry.is_symlink():
                self._move_in(entry, self.state / CURRENT / name, self._target(name, entry))

    def switch(self, draft: Path) -> Path:
        """Make a draft the current generation, atomically.

        Returns:
            The folder of the generation.
        """
        numbers = [int(path.name) for path in draft.parent.iterdir() if path.name.isdecimal()]
        number = str(max(numbers, default=0) + 1)
        for name in HOME_FOLDERS:
            # Dagster cannot create a folder through a dangling link.
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
            # Between the move and the link the folder does not exist; `settle` then finds the prepared link.
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
        """Give the target of a path's link: relative, so that the volume may be mounted elsewhere."""
        state, folder = Path(os.path.realpath(self.state)), os.path.realpath(entry.parent)
        return os.path.relpath(state / CURRENT / name, folder)

    def _point_to(self, number: str) -> None:
        _link(self.state / CURRENT, f"{GENERATIONS}/{number}")


def _link(path: Path, target: str) -> None:
    """Replace a link atomically."""
    _prepared(path, target).replace(path)
    _sync(path.parent)


def _prepared(path: Path, target: str) -> Path:
    """Make a link beside its final path."""
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
