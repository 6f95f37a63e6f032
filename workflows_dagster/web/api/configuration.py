"""The configuration: read by everyone who may look, changed where the owner allows it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header
from fastapi.responses import JSONResponse

from workflows_dagster.clients.dagster_reload import ask_to_reload
from workflows_dagster.services.configuration_change import (
    ChangedMeanwhileError,
    EntryExistsError,
    NoSuchEntryError,
    add_meter,
    change_meter,
    content_of,
    lines_of,
    may_write,
    remove_meter,
    replace_content,
)
from workflows_dagster.settings.load import ConfigurationFile
from workflows_dagster.web.api.parameters import House, Spoken
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words

router = APIRouter(prefix="/api/v1/config", tags=["configuration"])
_log = logging.getLogger(__name__)
Entry = Annotated[dict[str, Any], Body(description="As the file holds it, days as texts.")]
Mark = Annotated[str | None, Header(alias="If-Match", description="ETag of the file that is changed.")]


@router.get("/meters")
def meters(house: House) -> JSONResponse:
    """Give the entries of meters.yaml as they are written, with the file's ETag."""
    content, mark = content_of(house.settings, "meters")
    return _answer(content.get("meters") or [], mark)


@router.get("/meters/{meter_id}")
def meter(house: House, words: Spoken, meter_id: str) -> JSONResponse:
    """Give one meter's entry as it is written."""
    content, mark = content_of(house.settings, "meters")
    for entry in content.get("meters") or []:
        if entry.get("meter_id") == meter_id:
            return _answer(entry, mark)
    raise _no_meter(words, meter_id)


@router.post("/meters", status_code=201)
def new_meter(house: House, words: Spoken, entry: Entry, mark: Mark = None) -> JSONResponse:
    """Add a meter at the end of meters.yaml."""
    require_editing(house, words, "meters", entry)
    return _written(
        house, words, 201, lambda: add_meter(house.settings, house.environ, entry, _bare(mark)), entry.get("meter_id")
    )


@router.put("/meters/{meter_id}")
def changed_meter(house: House, words: Spoken, meter_id: str, entry: Entry, mark: Mark = None) -> JSONResponse:
    """Replace a meter's entry; comments and order of the file stay."""
    require_editing(house, words, "meters", entry)
    _require_mark(mark, words)
    return _written(
        house, words, 200, lambda: change_meter(house.settings, house.environ, meter_id, entry, _bare(mark)), meter_id
    )


@router.delete("/meters/{meter_id}")
def removed_meter(house: House, words: Spoken, meter_id: str, mark: Mark = None) -> JSONResponse:
    """Remove a meter's entry; its readings and days stay stored."""
    require_editing(house, words, "meters", None)
    _require_mark(mark, words)
    return _written(
        house, words, 200, lambda: remove_meter(house.settings, house.environ, meter_id, _bare(mark)), meter_id
    )


@router.get("/{which}")
def file(house: House, which: Literal["tariffs", "site"]) -> JSONResponse:
    """Give tariffs.yaml, or config.yaml (`site`), as it is written, with the file's ETag."""
    return _answer(*content_of(house.settings, which))


@router.put("/{which}")
def changed_file(
    house: House, words: Spoken, which: Literal["tariffs", "site"], content: Entry, mark: Mark = None
) -> JSONResponse:
    """Replace the content of tariffs.yaml, or of config.yaml (`site`); what stays equal keeps its comments."""
    require_editing(house, words, which, None)
    _require_mark(mark, words)
    return _written(
        house,
        words,
        200,
        lambda: replace_content(house.settings, house.environ, which, content, _bare(mark)),
        house.settings.files[which].name,
    )


def require_editing(house: HouseState, words: Words, which: ConfigurationFile, entry: dict[str, Any] | None) -> None:
    """Check that the owner allows changes and the file may be written.

    Raises:
        RefusedError: It is not so; for a meter, the answer has the lines to paste.
    """
    settings = house.settings
    lines = lines_of(entry) if entry else None
    if not settings.site.house.edit_configuration:
        sentence = words.say(
            "The configuration is not changed from here: house.edit_configuration in config.yaml is false."
        )
        raise RefusedError(403, sentence, lines=lines)
    if not may_write(settings, which):
        sentence = words.say("{file} may not be written by the page.", file=settings.files[which])
        raise RefusedError(403, sentence, lines=lines)


def _require_mark(mark: str | None, words: Words) -> None:
    if mark is None:
        raise RefusedError(428, words.say("Name the file that is changed: If-Match with the ETag that a GET gave."))


def _written(house: HouseState, words: Words, status: int, change: Callable[[], str], about: object) -> JSONResponse:
    with house.writing:
        try:
            mark = change()
        except ChangedMeanwhileError:
            raise RefusedError(412, changed_meanwhile_text(words)) from None
        except NoSuchEntryError:
            raise _no_meter(words, str(about)) from None
        except EntryExistsError:
            sentence = words.say("meters.yaml: there is a meter '{meter}' already.", meter=about)
            raise RefusedError(409, sentence, meter_id=about) from None
        except (ValueError, TypeError, AttributeError):
            raise RefusedError(422, words.say("The content cannot be written as YAML.")) from None
    return _answer({"reloaded": after_change(house, about), "detail": reload_text(house, words)}, mark, status)


def after_change(house: HouseState, about: object) -> bool:
    """Read the settings again, and ask Dagster to; tell whether Dagster took it."""
    house.read_settings_again()
    _log.info("the configuration was changed through the page: %s", about)
    url = house.settings.site.house.dagster_url
    return url is not None and ask_to_reload(url)


def reload_text(house: HouseState, words: Words) -> str:
    """Say what is left to do so that Dagster knows the change too."""
    if house.settings.site.house.dagster_url is None:
        return words.say("Restart the code server, or reload it on Dagster's page, so that Dagster knows it too.")
    return words.say("Dagster was asked to reload. Where its code server runs by itself (Docker, LXC), restart it.")


def changed_meanwhile_text(words: Words) -> str:
    """Say that somebody else has changed the file."""
    return words.say("The file was changed by somebody else meanwhile. Load it again, and repeat the change.")


def _no_meter(words: Words, meter_id: str) -> RefusedError:
    sentence = words.say("no meter '{meter}' in meters.yaml. See `meters check` for all of them.", meter=meter_id)
    return RefusedError(404, sentence, meter_id=meter_id)


def _bare(mark: str | None) -> str | None:
    return None if mark is None or mark.strip() == "*" else mark.strip().removeprefix("W/").strip('"')


def _answer(content: object, mark: str, status: int = 200) -> JSONResponse:
    return JSONResponse(content, status, {"ETag": f'"{mark}"'})
