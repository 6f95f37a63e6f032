"""Verifies a backup: restores it into a scratch folder and compares the result with the manifest."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

from workflows_dagster.maintenance.archive import CONFIG, DATA, HOME, PARTS, Manifest, unpack
from workflows_dagster.maintenance.backup import UNFINISHED
from workflows_dagster.maintenance.checksums import counts_in, differences, partitions_in, sums_in
from workflows_dagster.maintenance.contents import INDEX
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.sqlite_backup import unsound_in
from workflows_dagster.settings.load import CONFIG_DIR, DATA_DIR, SECRETS_DIR, Settings, load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.open import EMBEDDED_FILE
from workflows_dagster.stores.ports import StoreError
from workflows_dagster.wording.problems import problem_texts

_SHOWN = 3


def drill(backup: Path, settings: Settings) -> str:
    """Restore a backup into a scratch folder beside it, and compare it with its manifest.

    Args:
        backup: The file.
        settings: The house; its secrets are needed to load the configuration in the backup.

    Returns:
        What was compared, as a sentence.

    Raises:
        UpkeepError: The backup cannot be trusted; the text says why.
    """
    try:
        with tempfile.TemporaryDirectory(dir=backup.parent, prefix=UNFINISHED) as name:
            scratch = Path(name)
            manifest = unpack(backup, dict.fromkeys(PARTS, scratch))
            troubles = [f"{path.relative_to(scratch)} is damaged ({trouble})" for path, trouble in unsound_in(scratch)]
            troubles += [*_data(scratch, manifest), *_home(scratch, manifest)]
            troubles += _configuration(scratch, manifest, settings)
    except OSError as error:
        raise UpkeepError(
            f"{backup.name}: it could not be tried out ({error.strerror or error}). Check the disk, and try again."
        ) from error
    if troubles:
        more = f" And {len(troubles) - _SHOWN} more." if len(troubles) > _SHOWN else ""
        raise UpkeepError(
            f"{backup.name}: restored, it is not what was backed up: {'; '.join(troubles[:_SHOWN])}.{more} Make "
            "another: `meters backup`."
        )
    months = sum(len(by_month) for by_month in manifest.sums.values())
    return (
        f"{backup.name} was restored and is whole: {months:,} monthly sums of {len(manifest.sums)} meters and "
        f"{sum(manifest.partitions.values()):,} materialized partitions are as they were on {manifest.made}."
    )


def _data(scratch: Path, manifest: Manifest) -> Iterator[str]:
    path = scratch / DATA / EMBEDDED_FILE
    if not path.exists():
        return
    store = EmbeddedStore(path)
    try:
        # Opened as the house opens it.
        store.catalogue()
    except StoreError as error:
        yield str(error).rstrip(".")
        return
    finally:
        store.close()
    with closing(sqlite3.connect(path)) as connection:
        yield from differences(manifest.sums, sums_in(connection, ZoneInfo(manifest.timezone)))
        readings, points = counts_in(connection)
    if (readings, points) != (manifest.readings, manifest.points):
        yield f"{readings} readings and {points} values instead of {manifest.readings} and {manifest.points}"


def _home(scratch: Path, manifest: Manifest) -> Iterator[str]:
    index = scratch / HOME / INDEX
    if not index.exists():
        return
    with closing(sqlite3.connect(index)) as connection:
        found = partitions_in(connection)
    for key in sorted(manifest.partitions.keys() | found.keys()):
        there, here = manifest.partitions.get(key, 0), found.get(key, 0)
        if there != here:
            yield f"Dagster knows {here} partitions of {key} instead of {there}"


def _configuration(scratch: Path, manifest: Manifest, settings: Settings) -> Iterator[str]:
    if manifest.elsewhere:
        return
    secrets = os.environ.get(SECRETS_DIR) or str(settings.config_dir.parent / "secrets")
    moved = {CONFIG_DIR: "", DATA_DIR: str(scratch / DATA), SECRETS_DIR: secrets}
    try:
        load(scratch / CONFIG, {**os.environ, **moved})
    except SettingsError as error:
        yield from (line.rstrip(".") for line in problem_texts(error))
