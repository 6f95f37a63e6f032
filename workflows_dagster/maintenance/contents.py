"""Selects the files of a house that go into a backup, and keeps secrets out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import SecretStr

from workflows_dagster.maintenance.archive import CONFIG, is_known
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.settings.dagster_home import home_folder
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.secrets import Secrets
from workflows_dagster.stores.open import embedded_path

# Of Dagster's home. Logs of single runs (history/runs/<run id>.db) are left out: nothing is computed from them.
INSTANCE_FILE_NAME = "dagster.yaml"
INDEX = "history/runs/index.db"
HOME_DATABASES = ("history/runs.db", "schedules/schedules.db", INDEX)
_POINTERS = ("meters_config", "seasonal_patterns_config", "tariffs_config")
_SHORTEST_SECRET = 6
ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Places:
    """The folders and files of a house.

    Attributes:
        config: Its configuration's folder.
        data: The folder of our own data.
        database: The embedded store's file; None where the store is an InfluxDB.
        home: Dagster's home.
    """

    config: Path
    data: Path
    database: Path | None
    home: Path


def places(settings: Settings) -> Places:
    """Give the places of a house from its settings."""
    database = embedded_path(settings.data_dir) if settings.site.storage.backend == "embedded" else None
    return Places(settings.config_dir, settings.data_dir, database, home_folder(settings.data_dir))


def home_files(home: Path) -> Iterator[tuple[str, Path]]:
    """Give the files of Dagster's home that go into a backup, with their relative names."""
    for name in (INSTANCE_FILE_NAME, *HOME_DATABASES):
        if (home / name).is_file():
            yield name, home / name


def config_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give the configuration's YAML files by their names in a backup, without hidden ones.

    Other files in the folder (tokens, the proxy's password) are left out. Files outside the folder that config.yaml
    names go to `elsewhere/`, under the name of their key.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        # Links are followed, because containers mount each file as a link.
        if is_known(f"{CONFIG}/{name}") and "secret" not in name.lower() and path.is_file():
            yield name, path
    for key, path in files_elsewhere(folder).items():
        yield f"{ELSEWHERE}/{key}.yaml", path


def files_elsewhere(folder: Path) -> Mapping[str, Path]:
    """Give the files that config.yaml names outside the configuration's folder, by its key."""
    try:
        written = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    found = {}
    for key in _POINTERS:
        named = written.get(key) if isinstance(written, dict) else None
        if isinstance(named, str) and named:
            inside, above = folder / named, folder.parent / named
            path = (above if not inside.exists() and above.exists() else inside).resolve()
            if path.is_file() and not path.is_relative_to(folder.resolve()):
                found[key] = path
    return found


def refuse_secrets(files: Sequence[Path], secrets: Secrets) -> None:
    """Check that no text file in a backup holds a secret.

    Raises:
        UpkeepError: One does; the message gives the file and the name of the secret.
    """
    known = dict(_values(secrets))
    for path in files:
        content = path.read_bytes()
        for name, value in known.items():
            if value.encode() in content:
                raise UpkeepError(
                    f"{path.name}: it holds the value of {name}, which belongs into secrets/*.env and into no backup. "
                    "Take it out, then change it where it was issued."
                )


def _values(secrets: Secrets) -> Iterator[tuple[str, str]]:
    for name, value in secrets:
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, SecretStr) and len(one.get_secret_value()) >= _SHORTEST_SECRET:
                yield name.upper(), one.get_secret_value()
