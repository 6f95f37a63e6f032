"""Checks the Dagster version before private names of Dagster are used.

Private names may change, so each use is tested with one minor version, which pyproject.toml pins. With any other
version Dagster's own behaviour applies.
"""

import logging
from functools import cache

import dagster

TESTED_MINOR = "1.13"
"""The minor version of Dagster that everything in this folder was verified with."""

_log = logging.getLogger(__name__)


def is_tested(version: str = dagster.__version__) -> bool:
    """Tell whether a version of Dagster is the tested one; another version is logged once."""
    if version.split(".")[:2] == TESTED_MINOR.split("."):
        return True
    _warn(version)
    return False


def unknown_version(version: str = dagster.__version__) -> str:
    """Write what an untested version means and what to do."""
    return (
        f"Dagster {version} is installed but only {TESTED_MINOR} was tested, so Dagster's own storage is used: "
        "backfills take minutes instead of seconds, Dagster's home is not tidied, and failing sensors and schedules "
        f"raise no alert. Install Dagster {TESTED_MINOR} to get them back."
    )


@cache
def _warn(version: str) -> None:
    _log.warning(unknown_version(version))
