"""Configuration files broken in one place each, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from workflows_dagster.settings.load import load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.wording import Words
from workflows_dagster.wording.problems import problem_texts

ODD = (
    None,
    True,
    -1,
    0,
    1e400,
    "",
    "\x00\n",
    [],
    [None],
    [[1]],
    {},
    {1: 2},
    {"a": {}},
    date(1, 1, 1),
    b"\xff",
    10**400,
)


def places(content: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from places(value, (*path, key))


def replaced(content: Any, path: tuple[str | int, ...], value: object) -> Any:
    if not path:
        return value
    changed = content.copy()
    changed[path[0]] = replaced(content[path[0]], path[1:], value)
    return changed


def lines(folder: Path) -> list[str]:
    try:
        load(folder, {})
    except SettingsError as error:
        return problem_texts(error, Words("en"))
    return []
