"""Fields of the settings that hold addresses of programs and machines."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from workflows_dagster.settings.fields import Text
from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.validation import Violation, refusal

_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_ADDRESS_NUMBERS = re.compile(r"[0-9.]+")


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, login = parts.hostname, parts.username or parts.password
        _ = parts.port
    except ValueError:
        raise refusal(Violation("not_an_address")) from None
    if login:
        raise refusal(Violation("address_with_login"))
    if parts.scheme not in ("http", "https") or not host:
        raise refusal(Violation("address_without_scheme", {"value": shown(text.partition("?")[0])}))
    return text.rstrip("/")


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


def _network(written: str) -> str:
    try:
        return str(ip_network(written))
    except ValueError:
        raise refusal(Violation("not_a_network", {"value": shown(written)})) from None


Url = Annotated[str, AfterValidator(_url)]
Host = Annotated[Text, AfterValidator(_host)]
Network = Annotated[Text, AfterValidator(_network)]
