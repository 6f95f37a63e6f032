"""Builds the application: routes, access, limits, headers, errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from workflows_dagster.web import pages
from workflows_dagster.web.access import Gate, Rules, rules_of
from workflows_dagster.web.api import (
    configuration,
    consumption,
    energy,
    health,
    insight,
    meters,
    readings,
    uploads,
    webhook,
)
from workflows_dagster.web.colours import style_variables
from workflows_dagster.web.middleware import BodyLimit, Doorkeeper, SecurityHeaders
from workflows_dagster.web.problems import add_handlers
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words

STATIC = Path(__file__).with_name("static")
# Each holds a connection to the store; the work is the processor's, of which a small machine has two.
_THREADS = 8
_CACHED = "max-age=600"
_API = (health, meters, readings, uploads, consumption, insight, configuration, energy, webhook)


class Companion(Protocol):
    """Something that runs beside the pages; if it fails, they go on."""

    def notice(self, words: Words) -> tuple[bool, str]:
        """Tell whether it is as it should be, and how it is, as a sentence."""
        ...

    async def run(self) -> None:
        """Run until cancelled."""
        ...


def create_app(house: HouseState, host: str, companion: Companion | None = None) -> FastAPI:
    """Build the application over a house.

    Args:
        house: Settings, store and kept results.
        host: Name or address that it listens on.
        companion: What runs beside it, if anything.
    """

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = _THREADS
        beside = asyncio.create_task(companion.run()) if companion is not None else None
        yield
        if beside is not None:
            beside.cancel()
            with suppress(asyncio.CancelledError):
                await beside
        house.close()

    app = FastAPI(
        title="utility-meters",
        version=version("utility-meters"),
        description="Readings in, trustworthy numbers out: the meters of a house.",
        docs_url=None,
        redoc_url=None,
        lifespan=living,
    )
    app.state.house = house
    app.state.companion = companion
    app.state.gate = gate = Gate(lambda: _rules(house, host))
    for module in _API:
        app.include_router(module.router)
    for router in pages.routers():
        app.include_router(router, include_in_schema=False)
    app.add_api_route("/static/colours.css", colours_css, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    add_handlers(app)
    # The last one added comes first.
    app.add_middleware(BodyLimit)
    app.add_middleware(Doorkeeper, gate=gate)
    app.add_middleware(SecurityHeaders)
    if proxies := house.settings.site.house.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(proxies))
    return app


def colours_css() -> Response:
    """Give the report's colours as variables, light and dark."""
    headers = {"Cache-Control": _CACHED}
    return Response(style_variables(), media_type="text/css; charset=utf-8", headers=headers)


def _rules(house: HouseState, host: str) -> Rules:
    settings = house.settings
    token = settings.secrets.house_token
    return rules_of(token.get_secret_value() if token else None, host, settings.site.house.hosts)
