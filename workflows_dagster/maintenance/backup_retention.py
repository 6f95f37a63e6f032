"""A backup, its trial, and what is noted of both: what happens every week, and on `meters backup`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from workflows_dagster.maintenance.backup import Backup, backup_folder, make_backup, remove_old
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.drafts import sweep
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.restore_drill import drill
from workflows_dagster.maintenance.status import Attempt, note, status_path
from workflows_dagster.settings.load import Settings


def back_up(
    settings: Settings,
    places: Places,
    clock: Callable[[], datetime],
    folder: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Backup:
    """Make a backup, try it out, note what came of both, and let go of the oldest.

    What earlier attempts that were killed left half made is removed first: its room may be needed.

    Args:
        settings: The house.
        places: Where it stands.
        clock: Gives the present, UTC.
        folder: Where the backup goes; None for where config.yaml says. Elsewhere none is removed.
        tell: Told of each step that is done.

    Raises:
        UpkeepError: There is no backup, or none that can be trusted. No older one was removed.
    """
    target = folder or backup_folder(settings)
    for place in (target, status_path(settings.data_dir).parent):
        sweep(place, clock())
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


def _note(settings: Settings, now: datetime, backup: Attempt, drill: Attempt | None = None) -> None:
    try:
        note(settings.data_dir, now, backup, drill)
    except OSError as error:
        raise UpkeepError(
            f"{settings.data_dir}: what came of the backup cannot be noted ({error.strerror}): {backup.sentence} "
            "Make the folder writable."
        ) from error
