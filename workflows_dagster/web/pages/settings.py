"""The page of the settings: meters, prices, connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from workflows_dagster.stores.open import embedded_path
from workflows_dagster.web.api.parameters import House
from workflows_dagster.web.pages.frame import kept_page
from workflows_dagster.wording import Words
from workflows_dagster.wording.house_page import made_from_text
from workflows_dagster.wording.problems import problem_text

router = APIRouter()


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
            "may_edit": site.house.edit_configuration,
        }

    return kept_page(request, "settings.html", make)
