"""The one gate before everything that uses private names of Dagster.

Dagster promises nothing about them, so each use is verified against one minor version, which pyproject.toml pins. With
any other version Dagster's own behaviour takes over.
"""

import logging
from functools import cache

import dagster

TESTED_MINOR = "1.13"
"""The minor version of Dagster that everything in this folder was verified with."""

_log = logging.getLogger(__name__)


def is_tested(version: str = dagster.__version__) -> bool:
    """Tell whether the private names of a version of Dagster are known here; where they are not, it is logged once."""
    if version.split(".")[:2] == TESTED_MINOR.split("."):
        return True
    _warn(version)
    return False


def unknown_version(version: str = dagster.__version__) -> str:
    """Give the sentence that says what an unknown version means and what to do."""
    return (
        f"Dagster {version} is installed but only {TESTED_MINOR} was tested, so Dagster's own storage is used: "
        "backfills take minutes instead of seconds, Dagster's home is not tidied, and failing sensors and schedules "
        f"raise no alert. Install Dagster {TESTED_MINOR} to get them back."
    )


@cache
def _warn(version: str) -> None:
    _log.warning(unknown_version(version))
