"""Makes a backup, verifies it, records the result and removes old backups: weekly, and on `meters backup`."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from workflows_dagster.maintenance.backup import UNFINISHED, Backup, backup_folder, make_backup, remove_old
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.restore_drill import drill
from workflows_dagster.maintenance.status import Attempt, note, status_path
from workflows_dagster.settings.load import Settings

_ABANDONED_AFTER = timedelta(days=1)


def back_up(
    settings: Settings,
    places: Places,
    clock: Callable[[], datetime],
    folder: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Backup:
    """Make a backup, verify it by a restore drill, record both results, and remove the oldest backups.

    Unfinished files of killed attempts are removed first, because their space may be needed.

    Args:
        settings: The house.
        places: Its folders and files.
        clock: Gives the present, UTC.
        folder: Target folder; None for that of config.yaml. In any other folder no backup is removed.
        tell: Called after each step.

    Raises:
        UpkeepError: The backup failed or could not be verified. No older backup was removed.
    """
    target = folder or backup_folder(settings)
    for place in (target, status_path(settings.data_dir).parent):
        _remove_unfinished(place, clock())
    try:
        made = make_backup(settings, places, target, clock())
    except UpkeepError as error:
        _note(settings, clock(), backup=Attempt(at=clock(), ok=False, sentence=str(error)))
        raise
    tell(str(made))
    done = Attempt(at=clock(), ok=True, sentence=str(made), file=str(made.path), bytes=made.bytes)
    try:
        verdict = drill(made.path, settings)
    except UpkeepError as error:
        failed = Attempt(at=clock(), ok=False, sentence=str(error), file=str(made.path), bytes=made.bytes)
        _note(settings, clock(), backup=done, drill=failed)
        raise
    tell(verdict)
    tried = Attempt(at=clock(), ok=True, sentence=verdict, file=str(made.path), bytes=made.bytes)
    _note(settings, clock(), backup=done, drill=tried)
    if folder is None:
        for path in remove_old(made.path, settings.site.upkeep.keep_backups):
            tell(f"{path.name} was removed: {settings.site.upkeep.keep_backups} are kept.")
    return made


def _remove_unfinished(folder: Path, now: datetime) -> None:
    """Remove unfinished files older than a day; younger ones may be in use."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            # A file from the future was left while the clock was wrong.
            if abs(now.timestamp() - path.stat().st_mtime) < _ABANDONED_AFTER.total_seconds():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _note(settings: Settings, now: datetime, backup: Attempt, drill: Attempt | None = None) -> None:
    try:
        note(settings.data_dir, now, backup, drill)
    except OSError as error:
        raise UpkeepError(
            f"{settings.data_dir}: what came of the backup cannot be noted ({error.strerror}): {backup.sentence} "
            "Make the folder writable."
        ) from error
