"""The part of config.yaml about the house page."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from workflows_dagster.settings.addresses import Host, Network, Url
from workflows_dagster.settings.fields import Frozen, Whole


class HousePage(Frozen):
    """The house page and its API.

    Attributes:
        host: Name or address that it listens on. Beyond this machine it needs a token (secrets/house.env).
        port: Port that it listens on.
        hosts: Names and addresses beside localhost under which browsers may read the page without a token, while it
            listens on this machine only.
        trusted_proxies: Addresses or networks of reverse proxies whose X-Forwarded headers are believed.
        edit_configuration: Whether meters, tariffs and settings may be changed through the page.
        dagster_url: Address of Dagster's page, which is asked to reload the meters after a change.
    """

    host: Host = "127.0.0.1"
    port: Annotated[Whole, Field(ge=1, le=65535)] = 8006
    hosts: tuple[Host, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    edit_configuration: bool = False
    dagster_url: Url | None = None
