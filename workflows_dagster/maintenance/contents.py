"""What of a house goes into a backup, and what must not."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml
from pydantic import SecretStr

from workflows_dagster.maintenance.copies import is_beside_a_database
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.secrets import Secrets

# Of Dagster's home; what else stands there (logs, files of steps, sockets) is nothing that a house is made of.
HOME_ENTRIES = ("dagster.yaml", "workspace.yaml", "schedules", "history")
RUN_LOGS = "history/runs"
_POINTERS = ("meters_config", "seasonal_patterns_config", "tariffs_config")
_CONFIGURATION = (".yaml", ".yml")
_SHORTEST_SECRET = 6
ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Places:
    """Where a house stands.

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


def home_files(home: Path) -> Iterator[tuple[str, Path]]:
    """Give the files of Dagster's home that make it up, by their names in a backup."""
    for entry in HOME_ENTRIES:
        place = home / entry
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and not path.is_symlink() and not is_beside_a_database(path):
                yield path.relative_to(home).as_posix(), path


def is_run_log(name: str) -> bool:
    """Tell whether a file, by its name within Dagster's home, is the log of one run."""
    path = PurePosixPath(name)
    return str(path.parent) == RUN_LOGS and path.suffix == ".db" and is_run_id(path.stem)


def is_run_id(text: str) -> bool:
    """Tell whether a text is what Dagster makes ids of runs of."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def config_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give the configuration's YAML files by their names in a backup.

    What else may stand in the folder (tokens, the proxy's password) is left out. Files that config.yaml names outside
    the folder come under `elsewhere/`, each under a name of its own; what an earlier restoration put there, and
    config.yaml does not name, is left out.
    """
    named = list(dict.fromkeys(_named(folder)))
    taken = set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") or "secret" in part.lower() for part in name.parts)
        # Followed, because a container mounts each file as a link.
        left = name.parts[0] == ELSEWHERE and path.resolve() not in named
        if path.is_file() and not hidden and not left and path.suffix in _CONFIGURATION:
            taken.add(name.as_posix())
            yield name.as_posix(), path
    for path in named:
        if not path.is_relative_to(folder.resolve()):
            free = _free_name(path, taken)
            taken.add(free)
            yield free, path


def _free_name(path: Path, taken: Collection[str]) -> str:
    numbers = itertools.count(2)
    name = f"{ELSEWHERE}/{path.name}"
    while name in taken:
        name = f"{ELSEWHERE}/{path.stem}-{next(numbers)}{path.suffix}"
    return name


def _named(folder: Path) -> Iterator[Path]:
    """Give the files that config.yaml names, wherever they stand."""
    try:
        written = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError):
        return
    for key in _POINTERS:
        named = written.get(key) if isinstance(written, dict) else None
        if isinstance(named, str) and named:
            inside, above = folder / named, folder.parent / named
            path = (above if not inside.exists() and above.exists() else inside).resolve()
            if path.is_file():
                yield path


def refuse_secrets(files: Sequence[Path], secrets: Secrets) -> None:
    """See that no text that goes into a backup holds a secret.

    Raises:
        UpkeepError: One does; the text names the file and the secret's name.
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


def places_of(settings: Settings, database: Path, home: Path) -> Places:
    """Give the places of a house whose settings are known.

    Args:
        settings: The house.
        database: Where the embedded store is, or would be.
        home: Dagster's home.
    """
    embedded = settings.site.storage.backend == "embedded"
    return Places(settings.config_dir, settings.data_dir, database if embedded else None, home)
