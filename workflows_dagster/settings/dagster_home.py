"""Locates Dagster's home without importing Dagster, because backup and restore copy it as files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from workflows_dagster.settings.paths import expanded

HOME_VARIABLE = "DAGSTER_HOME"


def home_folder(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where Dagster's home is: `DAGSTER_HOME`, or else `dagster_home` in the data folder.

    Args:
        data_dir: The folder of our own data.
        environ: Environment variables. An empty `DAGSTER_HOME` counts as unset, as it does for Dagster.

    Returns:
        An absolute path, as Dagster requires; it need not exist.
    """
    named = environ.get(HOME_VARIABLE)
    return (expanded(named) if named else data_dir / "dagster_home").absolute()
