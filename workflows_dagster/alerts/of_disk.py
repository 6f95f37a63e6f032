"""Causes that the disks know: too little space."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from workflows_dagster.alerts.cause import Cause

_MB = 1_000_000
# Free space of the file system that a path is on. [byte]
FreeSpace = Callable[[Path], int]


def free_space(path: Path) -> int:
    """Give the space that is free for us on the file system of a path, in bytes.

    Raises:
        OSError: It cannot be asked.
    """
    system = os.statvfs(path)
    return system.f_bavail * system.f_frsize


def full_disks(folders: Mapping[str, Path], least_mb: int, free: FreeSpace = free_space) -> Iterator[Cause]:
    """Find the disks that are nearly full, each once however many of the folders are on it.

    Args:
        folders: What is kept where; of a folder that is not there yet, the nearest above counts.
        least_mb: Below so much free space a disk is nearly full. [MB]
        free: Tells how much is free.

    Raises:
        OSError: A disk cannot be asked.
    """
    by_disk: dict[int, dict[str, Path]] = {}
    for name, folder in folders.items():
        there = next(path for path in (folder, *folder.parents) if path.exists())
        by_disk.setdefault(there.stat().st_dev, {})[name] = there
    for kept in by_disk.values():
        there = next(iter(kept.values()))
        megabytes = free(there) / _MB
        if megabytes < least_mb:
            sentence = (
                f"The disk that holds {' and '.join(kept)} ({there}) has {megabytes:.0f} MB left, less than "
                f"{least_mb} MB. Free some space: nothing can be computed once it is full."
            )
            yield Cause(f"disk:{next(iter(kept))}", sentence)
