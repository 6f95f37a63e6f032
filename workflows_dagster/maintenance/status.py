"""The status of the backups in `data/backups/status.json`, which alerts and people read."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from workflows_dagster.maintenance.backup import BACKUPS_FOLDER, UNFINISHED

STATUS_FILE = "status.json"
# A week, plus a day in case the machine was off.
LONGEST_WITHOUT = timedelta(days=8)


class Trouble(NamedTuple):
    """What is wrong with the backups, as a code with figures; `wording/alerts.py` makes the sentence."""

    code: str
    figures: dict[str, str | float]


class Attempt(BaseModel):
    """The result of one backup, or of one restore drill.

    Attributes:
        at: When, UTC.
        ok: Whether it succeeded.
        sentence: The result as a sentence.
        file: The backup; empty where none was made.
        bytes: Its size. [byte]
    """

    model_config = ConfigDict(frozen=True)

    at: datetime
    ok: bool
    sentence: str
    file: str = ""
    bytes: int = 0


class Status(BaseModel):
    """The status of the backups.

    Attributes:
        since: When the status was first written, UTC; a new house has a week until its first backup is due.
        backup: The last attempted backup; None before the first.
        drill: The last restore drill; None before the first.
        good: When the last verified backup was made, UTC.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    backup: Attempt | None = None
    drill: Attempt | None = None
    good: datetime | None = None

    def trouble(self, now: datetime) -> Trouble | None:
        """Give what is wrong with the backups; None if all is well.

        Args:
            now: The present, UTC.
        """
        for code, attempt in (("backup_failed", self.backup), ("backup_not_good", self.drill)):
            if attempt is not None and not attempt.ok:
                return Trouble(code, {"at": attempt.at.isoformat(), "reason": attempt.sentence})
        if now - (self.good or self.since) > LONGEST_WITHOUT:
            figures: dict[str, str | float] = {"days": LONGEST_WITHOUT.days}
            if self.good is None:
                return Trouble("backup_missing", figures)
            return Trouble("backup_overdue", figures | {"last": self.good.isoformat()})
        return None


def status_path(data_dir: Path) -> Path:
    """Give the path of the file."""
    return data_dir / BACKUPS_FOLDER / STATUS_FILE


def read_status(data_dir: Path) -> Status | None:
    """Read the status; None if the file does not exist or is unreadable."""
    try:
        return Status.model_validate_json(status_path(data_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None


def note(data_dir: Path, now: datetime, backup: Attempt | None = None, drill: Attempt | None = None) -> Status:
    """Record the result of a backup and its restore drill.

    Args:
        data_dir: The data folder.
        now: The present, UTC.
        backup: Result of a backup.
        drill: Result of a restore drill.

    Returns:
        The new status.

    Raises:
        OSError: The file cannot be written.
    """
    before = _no_later(read_status(data_dir) or Status(since=now), now)
    is_good = backup is not None and backup.ok and drill is not None and drill.ok
    after = Status(
        since=before.since,
        backup=backup or before.backup,
        # A drill verifies one backup only; one of another backup says nothing about this one.
        drill=drill if drill is not None or backup is not None else before.drill,
        good=backup.at if is_good and backup is not None else before.good,
    )
    path = status_path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(after.model_dump_json(indent=1))
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return after


def _no_later(status: Status, now: datetime) -> Status:
    """Move times in the future, written when the clock was wrong, back to now."""
    good = None if status.good is None else min(status.good, now)
    return status.model_copy(update={"since": min(status.since, now), "good": good})
