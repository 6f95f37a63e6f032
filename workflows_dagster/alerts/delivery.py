"""Delivers a message to the owner's addresses, each of which is a secret."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from workflows_dagster.alerts import apprise_process
from workflows_dagster.settings.problems import Problem, SettingsError

# A tick of the sensor may take a minute in all.
TIMEOUT_SECONDS = 20.0
_NO_ANSWER, _NOT_STARTED = "no_answer", "not_started"


@dataclass(frozen=True)
class Message:
    """One message to the owner.

    Attributes:
        title: One line.
        body: Plain text, a line a cause.
        kind: How services that know colours show it.
    """

    title: str
    body: str
    kind: Literal["warning", "success", "info"] = "warning"


@dataclass(frozen=True)
class Outcome:
    """What came of a message at one address.

    Attributes:
        position: Which address, from 0.
        schema: What is before `://` in it: all that may be shown of it.
        result: `sent`, or a code of why not (`wording/alerts.py`), such as `refused 401`.
    """

    position: int
    schema: str
    result: str

    @property
    def is_sent(self) -> bool:
        """Whether the service took it."""
        return self.result == apprise_process.SENT


def send(addresses: Sequence[SecretStr], message: Message, timeout: float = TIMEOUT_SECONDS) -> list[Outcome]:
    """Send a message to each address.

    A process of its own does it: apprise's services and the libraries under them log addresses and tokens, have
    no common time-out, and would stay in memory.

    Args:
        addresses: Where to, as apprise URLs.
        message: What.
        timeout: How long to wait for all of them together. [s]

    Returns:
        An outcome an address, in order.
    """
    return _outcomes(addresses, message, timeout)


def require_usable(addresses: Sequence[SecretStr]) -> None:
    """Check that apprise can use each address; nothing is sent.

    Raises:
        SettingsError: It cannot; a problem an address, naming its schema and position only.
    """
    problems = [
        Problem("secrets", f"APPRISE_URLS[{outcome.position}]", "alert_address_unusable", {"schema": outcome.schema})
        for outcome in _outcomes(addresses, None, TIMEOUT_SECONDS)
        if not outcome.is_sent
    ]
    if problems:
        raise SettingsError(problems)


def _outcomes(addresses: Sequence[SecretStr], message: Message | None, timeout: float) -> list[Outcome]:
    if not addresses:
        return []
    urls = [address.get_secret_value() for address in addresses]
    order = json.dumps({"addresses": urls, "message": asdict(message) if message else None})
    answers, otherwise = _answers(order, timeout)
    return [
        Outcome(position, url.partition("://")[0].lower(), answers.get(position, otherwise))
        for position, url in enumerate(urls)
    ]


def _answers(order: str, timeout: float) -> tuple[dict[int, str], str]:
    """Run the process; give its answers, and the result of an address that it gave none for."""
    command = [sys.executable, "-I", str(Path(apprise_process.__file__))]
    try:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        ) as process:
            try:
                written, _ = process.communicate(order, timeout=timeout)
                otherwise = _NOT_STARTED if process.returncode else apprise_process.FAILED
            except subprocess.TimeoutExpired:
                process.kill()
                written, _ = process.communicate()
                otherwise = _NO_ANSWER
    except OSError:
        return {}, _NOT_STARTED
    return dict(json.loads(line) for line in written.splitlines()), otherwise
