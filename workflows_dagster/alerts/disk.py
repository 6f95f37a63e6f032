"""Finds disks with too little free space."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from workflows_dagster.alerts.cause import Cause, Figure

_MB = 1_000_000
# Free space of the file system that a path is on. [byte]
FreeSpace = Callable[[Path], int]


def free_space(path: Path) -> int:
    """Give the space on a path's file system that is available to this user, in bytes.

    Raises:
        OSError: The file system cannot be queried.
    """
    system = os.statvfs(path)
    return system.f_bavail * system.f_frsize


def full_disks(folders: Mapping[str, Path], least_mb: int, free: FreeSpace = free_space) -> Iterator[Cause]:
    """Find the disks that are nearly full, each once even if several folders are on it.

    Args:
        folders: Folders by their use; for a missing folder, its nearest existing parent counts.
        least_mb: A disk with less free space is nearly full. [MB]
        free: Gives the free space.

    Raises:
        OSError: A disk cannot be queried.
    """
    by_disk: dict[int, dict[str, Path]] = {}
    for name, folder in folders.items():
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        by_disk.setdefault(existing.stat().st_dev, {})[name] = existing
    for kept in by_disk.values():
        path = next(iter(kept.values()))
        megabytes = free(path) / _MB
        if megabytes < least_mb:
            figures: dict[str, Figure] = {"kept": list(kept), "path": str(path), "free_mb": round(megabytes)}
            figures["least_mb"] = least_mb
            yield Cause(f"disk:{next(iter(kept))}", "disk_full", figures)
