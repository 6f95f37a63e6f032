"""The pages, a module per subject; every page works without JavaScript."""

from __future__ import annotations

from fastapi import APIRouter

from workflows_dagster.web.pages import (
    api_page,
    energy,
    house,
    insight,
    meters,
    readings,
    replace_meter,
    settings,
    sign_in,
    upload,
)


def routers() -> tuple[APIRouter, ...]:
    """Give the routers of all pages."""
    modules = (house, energy, meters, readings, replace_meter, upload, insight, settings, sign_in, api_page)
    return tuple(module.router for module in modules)
