"""Delivers a message to the owner's addresses, each of which is a secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from workflows_dagster.alerts import apprise_process
from workflows_dagster.settings.problems import Problem, SettingsError
from workflows_dagster.settings.secrets import IN_ENVIRONMENT

# Dagster limits a tick of the sensor to a minute.
TIMEOUT_SECONDS = 20.0
_NO_ANSWER, _NOT_STARTED = "no_answer", "not_started"


@dataclass(frozen=True)
class Message:
    """One message to the owner.

    Attributes:
        title: One line.
        body: Plain text, one line per cause.
        kind: Severity, which some services show as a colour.
    """

    title: str
    body: str
    kind: Literal["warning", "success", "info"] = "warning"


@dataclass(frozen=True)
class Outcome:
    """The result of delivery to one address.

    Attributes:
        position: Which address, from 0.
        schema: The part before `://`, the only part that may be shown.
        result: `sent`, or an error code (`wording/alerts.py`), such as `refused 401`.
    """

    position: int
    schema: str
    result: str

    @property
    def is_sent(self) -> bool:
        """Whether the service accepted the message."""
        return self.result == apprise_process.SENT


def send(addresses: Sequence[SecretStr], message: Message, timeout: float = TIMEOUT_SECONDS) -> list[Outcome]:
    """Send a message to each address.

    A separate process sends it, because apprise's services and their libraries log addresses and tokens, have no common
    time-out, and would stay in memory.

    Args:
        addresses: The addresses, as apprise URLs.
        message: The message.
        timeout: How long to wait for all of them together. [s]

    Returns:
        One outcome per address, in order.
    """
    return _outcomes(addresses, message, timeout)


def require_usable(addresses: Sequence[SecretStr]) -> None:
    """Check that apprise can use each address; nothing is sent.

    Raises:
        SettingsError: Some address is unusable; one problem each, with its schema and position only.
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
    """Run the process; give its outcomes, and the result for addresses without an outcome."""
    command = [sys.executable, "-I", str(Path(apprise_process.__file__))]
    # The addresses come by the standard input, and no other secret concerns it.
    environment = {name: value for name, value in os.environ.items() if name not in IN_ENVIRONMENT}
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env=environment,
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
