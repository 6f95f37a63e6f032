"""The part of config.yaml about Dagster's page."""

from __future__ import annotations

from workflows_dagster.settings.addresses import Host
from workflows_dagster.settings.fields import Frozen


class DagsterPage(Frozen):
    """Dagster's page.

    Attributes:
        hosts: Names and addresses under which browsers may reach the page, such as nas.local, beside localhost, the
            address that it listens on, and `webserver`. Requests for any other are refused.
    """

    hosts: tuple[Host, ...] = ()
