"""The page of the settings: meters, prices, connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from workflows_dagster.services.configuration_change import ChangedMeanwhileError, may_write, replace_text, text_of
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.stores.open import embedded_path
from workflows_dagster.web.api.configuration import after_change, changed_meanwhile_text, reload_text, require_editing
from workflows_dagster.web.api.parameters import House, Spoken
from workflows_dagster.web.language import words_for
from workflows_dagster.web.pages.frame import kept_page, page
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.house_page import made_from_text
from workflows_dagster.wording.problems import problem_text, problem_texts

router = APIRouter()
Editable = Literal["meters", "tariffs", "site"]
_EDITABLE: tuple[Editable, ...] = get_args(Editable)
_MOST_CHARACTERS = 1_000_000


@router.get("/settings")
def settings(request: Request, house: House) -> Response:
    """Show how the house is set up."""

    def make(words: Words) -> Mapping[str, Any]:
        found = house.settings
        site = found.site
        if site.storage.backend == "influxdb":
            where = f"InfluxDB, {site.influxdb.url}: {site.influxdb.bucket_raw}, {site.influxdb.bucket_processed}"
        else:
            where = str(embedded_path(found.data_dir))
        return {
            "meters": [(meter, made_from_text(meter, words)) for meter in found.meters],
            "tariffs": [
                {
                    "of": tariff.meter or tariff.utility or "",
                    "prices": [
                        (words.format.day(price.valid_from), words.format.number(price.unit_price, 5))
                        for price in tariff.prices
                    ],
                }
                for tariff in found.tariffs.tariffs
            ],
            "facts": [
                (words.say("Time zone"), site.timezone),
                (words.say("Storage"), where),
                (words.say("Configuration"), str(found.config_dir)),
            ],
            "hints": [problem_text(hint, words) for hint in found.hints],
            "files": [(which, found.files[which].name) for which in _EDITABLE] if may_edit(house) else [],
        }

    return kept_page(request, "settings.html", make)


@router.get("/settings/{which}")
def file(request: Request, house: House, which: Editable) -> Response:
    """Show a file of the configuration in a form."""
    require_page_editing(house, request, which)
    text, mark = text_of(house.settings, which)
    return page(request, "edit.html", _form(house, which, text, mark))


@router.post("/settings/{which}")
def change(
    request: Request,
    house: House,
    words: Spoken,
    which: Editable,
    text: Annotated[str, Form(max_length=_MOST_CHARACTERS)] = "",
    mark: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Check a changed file as a whole, and write it if the configuration is good with it."""
    require_page_editing(house, request, which)
    with house.writing:
        try:
            mark = replace_text(house.settings, house.environ, which, text, mark)
        except SettingsError as error:
            told = problem_texts(error, words)
            return page(request, "edit.html", _form(house, which, text, mark) | {"problems": told}, 422)
        except ChangedMeanwhileError:
            told = [changed_meanwhile_text(words)]
            return page(request, "edit.html", _form(house, which, text, mark) | {"problems": told}, 412)
    after_change(house, house.settings.files[which].name)
    saved = _form(house, which, text_of(house.settings, which)[0], mark) | {"saved": reload_text(house, words)}
    return page(request, "edit.html", saved)


def may_edit(house: HouseState) -> bool:
    """Tell whether the configuration may be changed from here."""
    settings = house.settings
    return settings.site.house.edit_configuration and all(may_write(settings, which) for which in _EDITABLE)


def require_page_editing(house: HouseState, request: Request, which: Editable) -> None:
    """Check that the file may be changed.

    Raises:
        RefusedError: It may not.
    """
    require_editing(house, words_for(request), which, None)


def _form(house: HouseState, which: Editable, text: str, mark: str) -> dict[str, Any]:
    name = house.settings.files[which].name
    return {"which": which, "name": name, "text": text, "mark": mark, "problems": [], "saved": None}
