"""Builds the log configuration from the settings; run as a program, it prints it for another process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError

from workflows_dagster.logs.config import LogConfig
from workflows_dagster.settings.documents import Document, read_document
from workflows_dagster.settings.load import CONFIG_DIR, DATA_DIR, SECRETS_DIR, Settings, load
from workflows_dagster.settings.paths import expanded
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.settings.secrets import load_secrets
from workflows_dagster.settings.site import Logging

# Secrets that Dagster's instance file reads from the environment, not the settings.
_OTHER_SECRETS = ("DAGSTER_PG_PASSWORD",)


def log_config(settings: Settings, environ: Mapping[str, str] = os.environ) -> LogConfig:
    """Build the log configuration from the settings.

    Args:
        settings: The house. A relative `logging.file` is relative to its data folder.
        environ: The environment.
    """
    return _config(settings.site.logging, settings.data_dir, secrets_in(settings, environ))


def load_log_config(environ: Mapping[str, str] = os.environ) -> LogConfig:
    """Load the log configuration; if the settings are unusable, read the logging part of config.yaml alone."""
    try:
        return log_config(load(environ=environ), environ)
    except SettingsError as error:
        others = f" and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
        folder = expanded(environ.get(CONFIG_DIR) or "config")
        data = expanded(environ.get(DATA_DIR) or folder.parent / "data")
        secrets = _readable_secrets(expanded(environ.get(SECRETS_DIR) or folder.parent / "secrets"), environ)
        return replace(_config(_logging_alone(folder), data, secrets), problem=f"{error.problems[0]}{others}.")


def secrets_in(settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Give every secret that the settings or the environment hold, for `masking.know`."""
    return (*_secrets_in(settings.secrets), *_others(environ))


def main() -> None:
    """Print the log configuration, with secrets, for another process; refuse a terminal."""
    if sys.stdout.isatty():
        sys.exit("This prints secrets for another process. See config.yaml for how the house logs.")
    sys.stdout.write(load_log_config().encode())


def _config(logging: Logging, data_dir: Path, secrets: tuple[str, ...]) -> LogConfig:
    return LogConfig(
        level=logging.level,
        form=logging.format,
        file=data_dir / expanded(logging.file) if logging.file else None,
        max_bytes=logging.max_bytes,
        backup_count=logging.backup_count,
        secrets=secrets,
    )


def _secrets_in(value: object) -> Iterator[str]:
    """Find every secret by its type, so that secrets added to the settings later are masked too."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for _, each in value:
            yield from _secrets_in(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from _secrets_in(each)


def _others(environ: Mapping[str, str]) -> Iterator[str]:
    yield from (environ[name] for name in _OTHER_SECRETS if name in environ)


def _readable_secrets(folder: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return (*_secrets_in(load_secrets(folder, environ)), *_others(environ))
    except SettingsError:
        return tuple(_others(environ))


def _logging_alone(folder: Path) -> Logging:
    document = read_document(folder / "config.yaml", "config_missing", "config_empty")
    found = document.content.get("logging") if isinstance(document, Document) else None
    try:
        return Logging.model_validate(found or {})
    except ValidationError:
        return Logging()


if __name__ == "__main__":
    main()
