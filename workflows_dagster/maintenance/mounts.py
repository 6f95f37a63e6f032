"""Names that cannot be changed because something is mounted there, as containers do with single files."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_POINT = 4


def mount_points(table: Path = _TABLE) -> frozenset[Path]:
    """Give where something is mounted, as this process sees it; nothing where the system does not say.

    Args:
        table: Linux's list of mounts, in the form of proc_pid_mountinfo(5).
    """
    try:
        lines = os.fsdecode(table.read_bytes()).splitlines()
    except OSError:
        return frozenset()
    points = (line.split(" ")[_POINT] for line in lines if line.count(" ") > _POINT)
    # Blanks, tabs and backslashes stand in it as octal numbers.
    return frozenset(Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), point)) for point in points)


def mounted_on_the_way(path: Path, folder: Path, points: Collection[Path]) -> Path | None:
    """Give the mount point between a folder and a name in it, the name included; None where there is none.

    Args:
        path: The name, which need not exist.
        folder: A folder above it, which may be a mount point itself.
        points: See `mount_points`.
    """
    real = Path(os.path.realpath(folder))
    for part in path.relative_to(folder).parts:
        real /= part
        if real in points:
            return real
    return None
