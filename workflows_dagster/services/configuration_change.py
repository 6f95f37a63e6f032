"""Changes the configuration's files: checked as a whole, comments kept, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from workflows_dagster.reports.monthly import write_whole
from workflows_dagster.settings.load import ConfigurationFile, Settings, load

BEFORE = ".before"
_WIDTH = 118
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NEW_TARIFFS = "tariffs: []\n"


class ChangedMeanwhileError(Exception):
    """The file is not the one that the change was made for."""


class NoSuchEntryError(LookupError):
    """There is no such entry to change."""


class EntryExistsError(LookupError):
    """There is an entry of that name already."""


def text_of(settings: Settings, which: ConfigurationFile) -> tuple[str, str]:
    """Read a file's text and the mark of its content (an ETag).

    Raises:
        OSError: It cannot be read.
    """
    path = settings.files[which]
    text = path.read_text(encoding="utf-8") if path.exists() or which != "tariffs" else _NEW_TARIFFS
    return text, mark_of(text)


def mark_of(text: str) -> str:
    """Give the mark of a text, equal for equal texts only."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def replace_text(
    settings: Settings, environ: Mapping[str, str], which: ConfigurationFile, text: str, mark: str | None
) -> str:
    """Replace a file's text, if the whole configuration is good with it; the text before is kept beside it.

    Args:
        settings: The house as it is.
        environ: Environment variables with the paths of data and secrets.
        which: The file.
        text: Its new text.
        mark: Mark of the text that is replaced; None for any.

    Returns:
        The mark of the new text.

    Raises:
        ChangedMeanwhileError: The file has another mark.
        SettingsError: The configuration would have problems; the error holds all of them.
        OSError: It cannot be written.
    """
    path = settings.files[which]
    before, there = text_of(settings, which)
    if mark is not None and mark != there:
        raise ChangedMeanwhileError
    text = text.replace("\r\n", "\n")
    load(settings.config_dir, environ, drafts={path: text})
    if text == before:
        return there
    # A link stays one.
    target = path.resolve()
    if target.exists():
        write_whole(target.with_name(f"{target.name}{BEFORE}"), before)
    write_whole(target, text)
    return mark_of(text)


def content_of(settings: Settings, which: ConfigurationFile) -> tuple[Any, str]:
    """Read a file as data for JSON, and its mark.

    Raises:
        OSError: It cannot be read.
    """
    text, mark = text_of(settings, which)
    return _plain(_yaml().load(text)), mark


def replace_content(
    settings: Settings,
    environ: Mapping[str, str],
    which: ConfigurationFile,
    content: Mapping[str, Any],
    mark: str | None,
) -> str:
    """Replace a file's content; what stays equal keeps its comments. As `replace_text`."""
    return _edited(settings, environ, which, mark, lambda there: _laid_over(there, content))


def add_meter(settings: Settings, environ: Mapping[str, str], entry: Mapping[str, Any], mark: str | None) -> str:
    """Add an entry at the end of meters.yaml. As `replace_text`.

    Raises:
        EntryExistsError: There is a meter of that id.
    """

    def add(there: CommentedMap) -> None:
        meters = there.setdefault("meters", CommentedSeq())
        if _place(meters, entry.get("meter_id")) is not None:
            raise EntryExistsError
        meters.append(_made(entry))

    return _edited(settings, environ, "meters", mark, add)


def change_meter(
    settings: Settings, environ: Mapping[str, str], meter_id: str, entry: Mapping[str, Any], mark: str | None
) -> str:
    """Replace a meter's entry; what stays equal keeps its comments. As `replace_text`.

    Raises:
        NoSuchEntryError: There is no such meter.
    """

    def change(there: CommentedMap) -> None:
        _laid_over(there["meters"][_required(there, meter_id)], entry)

    return _edited(settings, environ, "meters", mark, change)


def remove_meter(settings: Settings, environ: Mapping[str, str], meter_id: str, mark: str | None) -> str:
    """Remove a meter's entry; its readings and days stay stored. As `replace_text`.

    Raises:
        NoSuchEntryError: There is no such meter.
    """

    def remove(there: CommentedMap) -> None:
        del there["meters"][_required(there, meter_id)]

    return _edited(settings, environ, "meters", mark, remove)


def edited(settings: Settings, which: ConfigurationFile, edit: Callable[[CommentedMap], object]) -> str:
    """Give a file's text after an edit, with its comments; nothing is checked or written."""
    document = _yaml().load(text_of(settings, which)[0])
    edit(document)
    return _dumped(document)


def entry_of(there: CommentedMap, meter_id: str) -> CommentedMap:
    """Give a meter's entry in meters.yaml.

    Raises:
        NoSuchEntryError: There is no such meter.
    """
    entry: CommentedMap = there["meters"][_required(there, meter_id)]
    return entry


def written_lines(text: str, meter_ids: list[str]) -> str:
    """Write the entries of some meters of a text of meters.yaml, as they stand there but without comments."""
    plain = [entry for entry in YAML(typ="safe", pure=True).load(text)["meters"] if entry["meter_id"] in meter_ids]
    return "".join(lines_of(entry) for entry in plain)


def lines_of(entry: Mapping[str, Any]) -> str:
    """Write a meter's entry as the lines to be placed below `meters:`."""
    text = _dumped(CommentedMap({"meters": CommentedSeq([_made(entry)])}))
    return text.partition("\n")[2]


def _edited(
    settings: Settings,
    environ: Mapping[str, str],
    which: ConfigurationFile,
    mark: str | None,
    edit: Callable[[CommentedMap], object],
) -> str:
    there = text_of(settings, which)[1]
    if mark is not None and mark != there:
        raise ChangedMeanwhileError
    return replace_text(settings, environ, which, edited(settings, which, edit), there)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def _dumped(document: CommentedMap) -> str:
    written = io.StringIO()
    try:
        _yaml().dump(document, written)
    except YAMLError as error:
        raise ValueError("the content cannot be written as YAML") from error
    return written.getvalue()


def _place(meters: CommentedSeq, meter_id: object) -> int | None:
    named = [
        place for place, entry in enumerate(meters) if isinstance(entry, dict) and entry.get("meter_id") == meter_id
    ]
    return named[0] if named else None


def _required(there: CommentedMap, meter_id: str) -> int:
    place = _place(there.get("meters") or CommentedSeq(), meter_id)
    if place is None:
        raise NoSuchEntryError
    return place


def _laid_over(there: CommentedMap, wanted: Mapping[str, Any]) -> None:
    """Make a mapping equal to another, touching only what differs."""
    for key in [key for key in there if key not in wanted]:
        del there[key]
    for key, value in wanted.items():
        if key in there and _plain(there[key]) == value:
            continue
        if isinstance(there.get(key), CommentedMap) and isinstance(value, Mapping):
            _laid_over(there[key], value)
        elif isinstance(there.get(key), CommentedSeq) and isinstance(value, list):
            _listed_over(there[key], value)
        else:
            there[key] = _made(value)


def _listed_over(there: CommentedSeq, wanted: list[Any]) -> None:
    for place, value in enumerate(wanted):
        if place >= len(there):
            there.append(_made(value))
        elif _plain(there[place]) == value:
            continue
        elif isinstance(there[place], CommentedMap) and isinstance(value, Mapping):
            _laid_over(there[place], value)
        else:
            there[place] = _made(value)
    del there[len(wanted) :]


def _made(value: Any) -> Any:
    """Make a value as the file would hold it: a text that is a day becomes one."""
    if isinstance(value, Mapping):
        return CommentedMap({key: _made(one) for key, one in value.items()})
    if isinstance(value, list):
        return CommentedSeq([_made(one) for one in value])
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value


def _plain(value: Any) -> Any:
    """Give a value for JSON: days and instants as texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str(value)


def may_write(settings: Settings, which: ConfigurationFile) -> bool:
    """Tell whether a file and its folder may be written."""
    path: Path = settings.files[which]
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
