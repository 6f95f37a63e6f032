"""What is half made beside the backups while one is made and tried out, and what a kill left of it."""

from __future__ import annotations

import contextlib
import shutil
from datetime import datetime, timedelta
from pathlib import Path

BACKUP_DRAFT = ".meters-backup-"
DRILL_DRAFT = ".meters-drill-"
STATUS_DRAFT = ".status.json."
_ABANDONED_AFTER = timedelta(days=1)


def sweep(folder: Path, now: datetime) -> None:
    """Remove what programs that were killed left half made; what is younger than a day may be at work.

    What cannot be removed stays for another time.

    Args:
        folder: Where backups are made, or what is known of them is noted; it need not exist.
        now: The present, UTC.
    """
    for prefix in (BACKUP_DRAFT, DRILL_DRAFT, STATUS_DRAFT):
        for path in folder.glob(f"{prefix}*"):
            with contextlib.suppress(OSError):
                # One from the future was left while the clock was wrong.
                if abs(now.timestamp() - path.stat().st_mtime) < _ABANDONED_AFTER.total_seconds():
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
