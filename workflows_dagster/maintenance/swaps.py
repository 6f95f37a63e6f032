"""Put new files and folders in the place of old ones, so that each name is the old or the new at every moment.

What is to be done is written down first; after a kill it is carried on from where it stopped, as often as need be.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_EXCHANGE = 2
_HERE = -100
_NOT_SUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM, errno.EXDEV}


@dataclass(frozen=True)
class Swap:
    """One name that is to become something else.

    Attributes:
        target: The name.
        staged: What it becomes, in the same file system.
        aside: The name of what it was, from then on.
        inode: Number of what is staged, by which it is known again.
    """

    target: str
    staged: str
    aside: str
    inode: int

    @classmethod
    def of(cls, target: Path, staged: Path, aside: Path) -> Swap:
        """Plan a swap of what stands there now."""
        return cls(str(target), str(staged), str(aside), staged.stat().st_ino)

    def carry_out(self) -> bool:
        """Make it so, from whatever state an earlier attempt left.

        Returns:
            Whether it is so now; else something is mounted at the name, which nothing but an unmount can change.

        Raises:
            OSError: A name cannot be changed; the old is still there, under its name or set aside.
        """
        target, staged, aside = Path(self.target), Path(self.staged), Path(self.aside)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not _is(target, self.inode):
                if not os.path.lexists(target):
                    staged.rename(target)
                elif not _exchanged(staged, target):
                    _replaced(staged, target, aside)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return False
        # After an exchange the old stands where the new was staged.
        if os.path.lexists(staged):
            staged.rename(aside)
        _sync(target.parent)
        return True


@dataclass(frozen=True)
class Finished:
    """What carrying out came to.

    Attributes:
        names: How many names were to be changed.
        left: Names that could not be, because something is mounted there.
    """

    names: int
    left: tuple[Path, ...]


def begin(journal: Path, swaps: Sequence[Swap]) -> None:
    """Write down what is to be done, whole and on the disk."""
    draft = journal.with_name(f".{journal.name}.part")
    with draft.open("w", encoding="utf-8") as stream:
        json.dump([asdict(swap) for swap in swaps], stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(journal)
    _sync(journal.parent)


def finish(journal: Path) -> Finished | None:
    """Carry out what is written down, and strike it out.

    Returns:
        What it came to; None where nothing is written down.

    Raises:
        OSError: A name cannot be changed; it is still written down.
    """
    try:
        written = json.loads(journal.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    swaps = [Swap(**swap) for swap in written]
    left = tuple(Path(swap.target) for swap in swaps if not swap.carry_out())
    journal.unlink()
    return Finished(len(swaps), left)


def _is(path: Path, inode: int) -> bool:
    try:
        return path.lstat().st_ino == inode
    except FileNotFoundError:
        return False


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system cannot."""
    try:
        exchange = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if exchange(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_SUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))


def _replaced(staged: Path, target: Path, aside: Path) -> None:
    """Do it without exchange: a file's name is never empty, a folder's is for a moment."""
    if target.is_dir():
        target.rename(aside)
        staged.rename(target)
        return
    with contextlib.suppress(FileExistsError):
        aside.hardlink_to(target)
    staged.replace(target)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
