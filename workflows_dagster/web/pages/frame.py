"""The frame of every page: templates, navigation, words, notices; finished pages are kept for some seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from workflows_dagster.web.access import COOKIE, Gate
from workflows_dagster.web.language import words_for
from workflows_dagster.web.middleware import asked_of
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.house_page import refusal_text
from workflows_dagster.wording.tables import table_word

# Replaced in a finished page by what is the matter when it is shown again later.
_STALE = "<!-- stale -->"


@cache
def environment() -> Environment:
    """Return the template environment with escaping on."""
    return Environment(
        loader=PackageLoader("workflows_dagster.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def kept_page(
    request: Request, template: str, make: Callable[[Words], Mapping[str, Any]], **keys: object
) -> HTMLResponse:
    """Answer with a page whose content is some seconds old at most.

    Args:
        request: The request.
        template: Name of the template.
        make: Computes its content.
        keys: What the content depends on beside the address, the language and who reads.
    """
    house: HouseState = request.app.state.house
    words = words_for(request)
    key = ("page", request.url.path, str(request.url.query), words.language, is_signed_in(request), *keys.values())
    found = house.kept(key, lambda: rendered(request, template, words, make(words)))
    text = found.value
    if found.problem is not None:
        told = refusal_text("stale", words, problem=found.problem, time=words.format.minute(found.at))
        text = text.replace(_STALE, f'<p class="notice" role="status">{escape(told)}</p>', 1)
    return HTMLResponse(text)


def page(request: Request, template: str, content: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Answer with a page made now."""
    return HTMLResponse(rendered(request, template, words_for(request), content), status)


def rendered(request: Request, template: str, words: Words, content: Mapping[str, Any]) -> str:
    """Render a template with what every page has."""
    house: HouseState = request.app.state.house
    common = {
        "say": words.say,
        "say_as": words.say_as,
        "say_count": words.say_count,
        "fmt": words.format,
        "word": lambda name: table_word(name, words),
        "language": words.language,
        "here": request.url.path,
        "signed_in": is_signed_in(request),
        "has_token": house.settings.secrets.house_token is not None,
        "has_power": house.settings.site.home_assistant.url is not None,
        "no_token": refusal_text("no_token", words),
        "notices": house.notices(words),
        "stale": Markup(_STALE),
        "made_at": words.format.minute(_now()),
    }
    return environment().get_template(template).render(**common, **content)


def problem_page(request: Request, status: int, detail: str, headers: Mapping[str, str] | None) -> HTMLResponse:
    """Answer with a page that says what is the matter."""
    answer = page(request, "problem.html", {"detail": detail, "status": status}, status)
    for name, value in (headers or {}).items():
        answer.headers[name] = value
    return answer


def is_signed_in(request: Request) -> bool:
    """Tell whether a request carries our cookie or the token, so that it may write."""
    if COOKIE not in request.cookies and "authorization" not in request.headers:
        return False
    gate: Gate = request.app.state.gate
    return gate.is_known(asked_of(request.scope)) is True


def _now() -> Any:
    import pandas as pd

    return pd.Timestamp.now("UTC")
