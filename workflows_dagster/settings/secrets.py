"""Reads tokens from the environment and from secrets/*.env; messages never show them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr

from workflows_dagster.settings.fields import Frozen
from workflows_dagster.settings.problems import Problem, SettingsError

NAMES = ("INFLUX_TOKEN", "INFLUX_ORG", "TIBBER_API_TOKEN", "APPRISE_URLS", "HOUSE_TOKEN", "HOME_ASSISTANT_TOKEN")
# What an add-on of Home Assistant is given, in its environment.
_SUPERVISOR = "SUPERVISOR_TOKEN"
# Shorter ones can be guessed. [characters]
SHORTEST_HOUSE_TOKEN = 16
# Also what Dagster's instance file reads there.
IN_ENVIRONMENT = frozenset({*NAMES, "DAGSTER_PG_PASSWORD"})
_FILE = "_FILE"
_ENVIRONMENT = "environment"
# Separates addresses; a comma may also occur within one, between recipients.
_SCHEMA = r"[A-Za-z][A-Za-z0-9+.-]*://"
_SEPARATOR = re.compile(rf"[\s,]*\s[\s,]*|,(?={_SCHEMA})")


class Secrets(Frozen):
    """The secrets of the house.

    Attributes:
        influx_token: InfluxDB's API token.
        influx_org: InfluxDB's organisation.
        tibber_api_token: Tibber's access token.
        apprise_urls: Where alerts go, as apprise URLs.
        house_token: What a person or program must show to the house page.
        home_assistant_token: Long-lived access token of an administrator of Home Assistant.
    """

    influx_token: SecretStr | None = None
    influx_org: str | None = None
    tibber_api_token: SecretStr | None = None
    apprise_urls: tuple[SecretStr, ...] = ()
    house_token: SecretStr | None = None
    home_assistant_token: SecretStr | None = None


@dataclass(frozen=True)
class _Place:
    """A source of values: the environment, or one .env file."""

    name: str
    folder: Path
    values: Mapping[str, str | None]


def load_secrets(folder: Path, environ: Mapping[str, str]) -> Secrets:
    """Read the secrets; the environment wins over the files.

    Each name may also be given as `<NAME>_FILE`, the path of a file with the value, as for Docker secrets. An empty
    value counts as unset. Examples (`*.env.example`) are not read.

    Args:
        folder: Folder of the `*.env` files; it need not exist.
        environ: The environment.

    Raises:
        SettingsError: A file cannot be read, a value is not a possible token, or two files disagree.
    """
    problems: list[Problem] = []
    environment = _Place(_ENVIRONMENT, Path(), environ)
    files = list(_files(folder, problems))
    found: dict[str, str | None] = {}
    for name in NAMES:
        values = {place.name: value for place in files if (value := _value(place, name, problems))}
        if (given := _value(environment, name, problems)) is None and len(set(values.values())) > 1:
            problems.append(Problem(list(values)[-1], name, "secret_files_disagree", {"files": tuple(values)}))
        found[name] = given or next(reversed(values.values()), None)
    if problems:
        raise SettingsError(problems)
    influx, tibber, house = (found[name] for name in ("INFLUX_TOKEN", "TIBBER_API_TOKEN", "HOUSE_TOKEN"))
    assistant = found["HOME_ASSISTANT_TOKEN"] or environ.get(_SUPERVISOR)
    return Secrets(
        influx_token=SecretStr(influx) if influx else None,
        influx_org=found["INFLUX_ORG"],
        tibber_api_token=SecretStr(tibber) if tibber else None,
        apprise_urls=tuple(SecretStr(url) for url in _addresses(found["APPRISE_URLS"] or "")),
        house_token=SecretStr(house) if house else None,
        home_assistant_token=SecretStr(assistant) if assistant else None,
    )


def _addresses(value: str) -> list[str]:
    return [part for part in _SEPARATOR.split(value.strip(", \t\r\n")) if part]


def _files(folder: Path, problems: list[Problem]) -> Iterator[_Place]:
    try:
        paths = sorted(folder.glob("*.env"))
    except OSError as error:
        problems.append(_unreadable(folder.name, "", folder, error))
        return
    for path in paths:
        try:
            # Without interpolation, since a token may contain a dollar sign.
            values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
        except OSError as error:
            problems.append(_unreadable(path.name, "", path, error))
        except UnicodeDecodeError:
            problems.append(Problem(path.name, "", "not_utf8"))
        else:
            yield _Place(path.name, path.parent, values)


def _value(place: _Place, name: str, problems: list[Problem]) -> str | None:
    value, key = (place.values.get(name) or "").strip(), name
    pointer = (place.values.get(name + _FILE) or "").strip()
    if not value and pointer:
        key, path = name + _FILE, place.folder / pointer
        try:
            value = path.read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            problems.append(_unreadable(place.name, key, path, error))
            return None
        except UnicodeDecodeError:
            problems.append(Problem(place.name, key, "secret_file_not_utf8", {"path": str(path)}))
            return None
        except ValueError:
            problems.append(Problem(place.name, key, "impossible_path"))
            return None
        if not value:
            problems.append(Problem(place.name, key, "secret_file_empty", {"path": str(path)}))
    if name == "APPRISE_URLS":
        return _addresses_checked(value, place, key, problems)
    # An organisation's name may contain blanks and umlauts; a token is sent in a header, which allows neither.
    if any(not character.isprintable() for character in value) or (
        name != "INFLUX_ORG" and not (value.isascii() and " " not in value)
    ):
        problems.append(Problem(place.name, key, "not_a_token", {"characters": len(value)}))
        return None
    if name == "HOUSE_TOKEN" and value and len(value) < SHORTEST_HOUSE_TOKEN:
        figures = {"characters": len(value), "least": SHORTEST_HOUSE_TOKEN}
        problems.append(Problem(place.name, key, "house_token_short", figures))
        return None
    return value or None


def _addresses_checked(value: str, place: _Place, key: str, problems: list[Problem]) -> str | None:
    addresses = _addresses(value)
    wrong = False
    for position, address in enumerate(addresses):
        if not re.match(_SCHEMA, address) or not address.isprintable():
            figures = {"characters": len(address)}
            problems.append(Problem(place.name, f"{key}[{position}]", "not_an_alert_address", figures))
            wrong = True
    return None if wrong else "\n".join(addresses) or None


def _unreadable(file: str, key: str, path: Path, error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem(file, key, "secret_file_missing", {"path": str(path)})
    reason = (error.strerror or type(error).__name__).lower()
    return Problem(file, key, "secret_file_unreadable", {"path": str(path), "reason": reason})
