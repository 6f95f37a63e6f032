"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(text: str | Path) -> Path:
    """Give the path, `~` taken for the home folder; the `~` of somebody who is not known stays as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises for somebody who is not known


def is_folder(path: Path) -> bool:
    """Tell whether there is such a folder; a name that no folder can have is none."""
    try:
        return path.is_dir()
    except OSError:
        return False
