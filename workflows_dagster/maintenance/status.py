"""What is known of the backups, in a file that alerts and people read: `data/backups/status.json`."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from workflows_dagster.maintenance.backup import BACKUPS_FOLDER, UNFINISHED

STATUS_FILE = "status.json"
# A week, and a day for a machine that was off on the day.
LONGEST_WITHOUT = timedelta(days=8)


class Trouble(NamedTuple):
    """What is wrong with the backups: a code with figures, of which `wording/alerts.py` makes a sentence."""

    code: str
    figures: dict[str, str | float]


class Attempt(BaseModel):
    """One backup, or one trial of it.

    Attributes:
        at: When, UTC.
        ok: Whether it went well.
        sentence: What came of it.
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
    """What is known of the backups.

    Attributes:
        since: When it was first asked for, UTC: a new house is given its week too.
        backup: The last backup that was tried; None before the first.
        drill: The last trial of a backup; None before the first.
        good: When the last backup was made that was tried out and is whole, UTC.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    backup: Attempt | None = None
    drill: Attempt | None = None
    good: datetime | None = None

    def trouble(self, now: datetime) -> Trouble | None:
        """Give what the owner should know about the backups; None where all is well.

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
    """Give where the file stands."""
    return data_dir / BACKUPS_FOLDER / STATUS_FILE


def read_status(data_dir: Path) -> Status | None:
    """Read what is known; None where nothing is, or nothing that can be read."""
    try:
        return Status.model_validate_json(status_path(data_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None


def note(data_dir: Path, now: datetime, backup: Attempt | None = None, drill: Attempt | None = None) -> Status:
    """Note what came of a backup and its trial, beside what is known already.

    Args:
        data_dir: The data folder.
        now: The present, UTC.
        backup: What came of a backup.
        drill: What came of a trial.

    Returns:
        What is known now.

    Raises:
        OSError: The file cannot be written.
    """
    before = _no_later(read_status(data_dir) or Status(since=now), now)
    is_good = backup is not None and backup.ok and drill is not None and drill.ok
    after = Status(
        since=before.since,
        backup=backup or before.backup,
        # A trial is of one backup; that of another says nothing.
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
    """Take what a clock that was once ahead has dated into the future for done now: the days count from here."""
    good = None if status.good is None else min(status.good, now)
    return status.model_copy(update={"since": min(status.since, now), "good": good})
