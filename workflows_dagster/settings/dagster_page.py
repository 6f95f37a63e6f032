"""The part of config.yaml about Dagster's page."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator

from workflows_dagster.settings.fields import Frozen, Text
from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.validation import Violation, refusal

_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_ADDRESS_NUMBERS = re.compile(r"[0-9.]+")


def _host(written: str) -> str:
    """Give a name or address as a browser sends it, without port."""
    try:
        return str(ip_address(written.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    try:
        name = written.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name) or _ADDRESS_NUMBERS.fullmatch(name):
        raise refusal(Violation("not_a_host", {"value": shown(written)}))
    return name


class DagsterPage(Frozen):
    """Dagster's page.

    Attributes:
        hosts: Names and addresses under which browsers may reach the page, such as nas.local, beside localhost, the
            address that it listens on, and `webserver`. Requests for any other are refused.
    """

    hosts: tuple[Annotated[Text, AfterValidator(_host)], ...] = ()
