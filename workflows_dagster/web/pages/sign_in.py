"""The page that takes the token once and keeps a signed cookie."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from workflows_dagster.web.access import COOKIE, COOKIE_SECONDS, Gate, new_cookie
from workflows_dagster.web.api.parameters import House, Spoken
from workflows_dagster.web.middleware import asked_of
from workflows_dagster.web.pages.frame import page
from workflows_dagster.wording.house_page import refusal_status, refusal_text

router = APIRouter()
_LONGEST = 500
Goal = Annotated[str, Query(alias="next", max_length=_LONGEST)]


@router.get("/sign-in")
def ask(request: Request, goal: Goal = "/") -> Response:
    """Ask for the token."""
    return page(request, "sign_in.html", {"goal": _own(goal), "refusal": None})


@router.post("/sign-in")
def take(
    request: Request,
    house: House,
    words: Spoken,
    token: Annotated[str, Form(max_length=_LONGEST)] = "",
    goal: Annotated[str, Form(max_length=_LONGEST)] = "/",
) -> Response:
    """Compare the token, and keep a cookie if it is right."""
    gate: Gate = request.app.state.gate
    asked = asked_of(request.scope)
    refusal = gate.tried(asked.peer, token.strip())
    secret = house.settings.secrets.house_token
    if refusal is not None or secret is None:
        code = refusal or "no_token"
        told = refusal_text(code, words, seconds=gate.wait(asked.peer))
        return page(request, "sign_in.html", {"goal": _own(goal), "refusal": told}, refusal_status(code))
    answer = RedirectResponse(_own(goal), 303)
    answer.set_cookie(
        COOKIE,
        new_cookie(secret.get_secret_value()),
        max_age=COOKIE_SECONDS,
        secure=asked.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/sign-out")
def leave() -> Response:
    """Forget the cookie."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _own(goal: str) -> str:
    """Give a path of our own pages, whatever was asked for."""
    try:
        parts = urlsplit(goal)
    except ValueError:
        return "/"
    is_ours = goal.startswith("/") and not goal.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return goal if is_ours and goal.isprintable() else "/"
