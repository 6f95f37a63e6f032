"""The reader's language: the browser's wish, else the house's."""

from __future__ import annotations

from babel.core import negotiate_locale
from starlette.requests import HTTPConnection

from workflows_dagster.settings.language import Language
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words

_SPOKEN: tuple[Language, ...] = ("en", "de")
_LONGEST = 200


def words_for(request: HTTPConnection) -> Words:
    """Give the words for the reader of a request."""
    house: HouseState = request.app.state.house
    return house.words(language_of(request.headers.get("accept-language", "")))


def language_of(header: str) -> Language | None:
    """Give the language that a browser likes best of ours; None if it names none.

    Args:
        header: Its header `Accept-Language`: `de-AT,de;q=0.9,en;q=0.5`.
    """
    wished = []
    for position, part in enumerate(header[:_LONGEST].split(",")):
        name, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if quality > 0 and name:
            wished.append((-quality, position, name.split("-")[0].lower()))
    found = negotiate_locale([name for _, _, name in sorted(wished)], _SPOKEN)
    return next((language for language in _SPOKEN if language == found), None)
