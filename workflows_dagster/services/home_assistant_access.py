"""Opens Home Assistant for the house: a refused token is tried once, and the clocks are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from workflows_dagster.clients.home_assistant.blocking import HomeAssistant, home_assistant
from workflows_dagster.clients.home_assistant.errors import HomeAssistantError, RefusedTokenError
from workflows_dagster.settings.home_assistant import CLOCK_REFUSED
from workflows_dagster.settings.load import Settings

_MEMORY = "home_assistant_refused"


@dataclass(frozen=True)
class Access:
    """Address and token.

    Attributes:
        url: Its address.
        token: The token.
        memory: File that remembers a refused token by its digest.
    """

    url: str
    token: str = field(repr=False)
    memory: Path

    def check(self) -> None:
        """Refuse a token that was refused already: Home Assistant bans addresses that keep guessing.

        Raises:
            RefusedTokenError: It was.
        """
        try:
            refused = self.memory.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return
        if refused == self._digest():
            raise RefusedTokenError(
                "the token was refused and is not tried again until it changes. Write a new one into "
                "secrets/home_assistant.env; `meters check --connect` tries this one once more.",
                passing=False,
            )

    def note(self, error: RefusedTokenError | None) -> None:
        """Remember that the token was refused, or that it is good."""
        if error is None:
            self.memory.unlink(missing_ok=True)
        else:
            self.memory.parent.mkdir(parents=True, exist_ok=True)
            self.memory.write_text(self._digest(), encoding="ascii")

    def _digest(self) -> str:
        return hashlib.blake2b(f"{self.url} {self.token}".encode(), digest_size=8).hexdigest()


def access_of(settings: Settings) -> Access | None:
    """Give address and token; None while Home Assistant is off."""
    url, token = settings.site.home_assistant.url, settings.secrets.home_assistant_token
    if url is None or token is None:
        return None
    return Access(url, token.get_secret_value(), settings.data_dir / _MEMORY)


def check_clock(difference: float) -> None:
    """Refuse a clock that is too far from ours.

    Args:
        difference: How far Home Assistant's is ahead. [s]

    Raises:
        HomeAssistantError: It is more than a minute off.
    """
    if abs(difference) > CLOCK_REFUSED:
        side = "ahead of" if difference > 0 else "behind"
        raise HomeAssistantError(
            f"its clock is {abs(difference):.0f} s {side} this machine's, so its times cannot be used. Let both take "
            "their time from the network (NTP)."
        )


@contextmanager
def opened(settings: Settings, *, again: bool = False) -> Iterator[tuple[HomeAssistant, float]]:
    """Connect to the house's Home Assistant.

    Args:
        settings: The house.
        again: Whether a token that was refused is tried once more.

    Yields:
        Home Assistant, and how far its clock is ahead. [s]

    Raises:
        HomeAssistantError: It is off, cannot be asked, refuses, or its clock is wrong.
    """
    access = access_of(settings)
    if access is None:
        raise HomeAssistantError("it is off. Set home_assistant.url in config.yaml to its address.", passing=False)
    if not again:
        access.check()
    try:
        with home_assistant(access.url, access.token) as assistant:
            access.note(None)
            difference = assistant.clock_difference()
            check_clock(difference)
            yield assistant, difference
    except RefusedTokenError as error:
        access.note(error)
        raise
