"""The house's settings as a log plan; also a program that prints one for `workflows_dagster.logs.plan`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError

from workflows_dagster.logs.plan import LogPlan
from workflows_dagster.settings.documents import Document, read_document
from workflows_dagster.settings.load import CONFIG_DIR, DATA_DIR, Settings, load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.settings.site import Logging

# Variables of other programs in the same environment, such as a database's password.
_SECRET_NAME = re.compile(r"TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|APPRISE", re.IGNORECASE)
_NOT_A_SECRET = re.compile(r"_(FILE|DIR|PATH)$", re.IGNORECASE)
_SHORTEST_GUESS = 8


def plan_of(settings: Settings, environ: Mapping[str, str] = os.environ) -> LogPlan:
    """Give what the settings say about logging, with all secrets there are.

    Args:
        settings: The house. A relative `logging.file` is relative to its data folder, which every service may write.
        environ: The environment.
    """
    return _plan(settings.site.logging, settings.data_dir, (*_secrets_in(settings.secrets), *_guessed(environ)))


def plan_of_house(environ: Mapping[str, str] = os.environ) -> LogPlan:
    """Read the settings for their log plan; where they cannot be loaded, take what config.yaml alone says about it."""
    try:
        return plan_of(load(environ=environ), environ)
    except SettingsError as error:
        others = f" and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
        problem = f"{error.problems[0]}{others}." if error.problems else str(error)
        plan = _plan(_logging_alone(environ), _data_folder(environ), tuple(_guessed(environ)))
        return LogPlan(**{**vars(plan), "problem": problem})


def secrets_in(settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Give every secret that the settings or the environment hold, for `masking.know`."""
    return (*_secrets_in(settings.secrets), *_guessed(environ))


def main() -> None:
    """Print the plan of the house, to another process only: it holds the secrets."""
    if sys.stdout.isatty():
        sys.exit("This prints the house's secrets for another process. See config.yaml for how the house logs.")
    sys.stdout.write(plan_of_house().encode())


def _plan(logging: Logging, data_dir: Path, secrets: tuple[str, ...]) -> LogPlan:
    return LogPlan(
        level=logging.level,
        form=logging.format,
        file=data_dir / Path(logging.file).expanduser() if logging.file else None,
        max_bytes=logging.max_bytes,
        backup_count=logging.backup_count,
        secrets=secrets,
    )


def _secrets_in(value: object) -> Iterator[str]:
    """Find every secret in the settings, whatever its name: what is added there later is masked from its first day."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets_in(each)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from _secrets_in(each)


def _guessed(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and not _NOT_A_SECRET.search(name) and len(value) >= _SHORTEST_GUESS:
            yield value


def _logging_alone(environ: Mapping[str, str]) -> Logging:
    if not environ.get(CONFIG_DIR):
        return Logging()
    found = read_document(Path(environ[CONFIG_DIR]).expanduser() / "config.yaml", "config_missing", "config_empty")
    if not isinstance(found, Document):
        return Logging()
    try:
        return Logging.model_validate(found.content.get("logging") or {})
    except ValidationError:
        return Logging()


def _data_folder(environ: Mapping[str, str]) -> Path:
    given = environ.get(DATA_DIR)
    return Path(given).expanduser() if given else Path(environ.get(CONFIG_DIR) or "config").expanduser().parent / "data"


if __name__ == "__main__":
    main()
