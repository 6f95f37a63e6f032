"""Why Home Assistant could not be asked, or refused."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import aiohttp

from workflows_dagster.domain.printable import printable

_KEY = "Correct home_assistant.url in config.yaml."
_RUNS = "Look whether Home Assistant runs, and whether home_assistant.url in config.yaml is its address."


class HomeAssistantError(RuntimeError):
    """Home Assistant cannot be asked, or refuses. The text names the fact and the remedy, and holds no secret.

    Attributes:
        passing: It may be good by itself later.
    """

    def __init__(self, text: str, *, passing: bool = True) -> None:
        super().__init__(f"Home Assistant: {text}")
        self.passing = passing


class RefusedTokenError(HomeAssistantError):
    """The token is not one of Home Assistant's, or not an administrator's."""


class CommandRefusedError(HomeAssistantError):
    """Home Assistant refused a command.

    Attributes:
        code: Its word for why, such as `unauthorized` or `invalid_format`.
    """

    def __init__(self, command: str, code: str, message: str) -> None:
        said = printable(message)[:300]
        super().__init__(f"the command {command} is refused ({printable(code)[:60]}): {said}", passing=False)
        self.code = code


def unreached(url: str, error: BaseException, timeout: float) -> HomeAssistantError:
    """Give the error for a failed connection."""
    causes = list(_chain(error))
    host = urlsplit(url).hostname
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return HomeAssistantError(f"{url} answers {error.status} instead of a WebSocket. {_KEY}")
    if isinstance(error, TimeoutError):
        return HomeAssistantError(f"no answer from {url} within {timeout:g} s. {_RUNS}")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        remedy = "Use its http:// address within the house, or give this machine the authority's certificate."
        return HomeAssistantError(f"the certificate of {url} cannot be verified. {remedy}", passing=False)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return HomeAssistantError(f"the host {host} is not known. {_KEY}")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return HomeAssistantError(f"{url} refuses the connection. {_RUNS}")
    return HomeAssistantError(f"the connection to {url} broke ({type(error).__name__}). {_RUNS}")


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = getattr(error, "os_error", None) or error.__cause__ or error.__context__
    return found
