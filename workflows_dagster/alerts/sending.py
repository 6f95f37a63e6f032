"""Sends a message to the owner's addresses, each of which is a secret."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import SecretStr

from workflows_dagster.alerts import posting
from workflows_dagster.alerts.memory import Message
from workflows_dagster.settings.problems import Problem, SettingsError

# A sensor's look may take a minute in all.
TIMEOUT_SECONDS = 20.0
_NO_ANSWER = "no answer"
_NOT_STARTED = "not started"
_REASONS = {
    posting.UNUSABLE: "apprise cannot use it. Compare it with the examples in secrets/alerts.env.example",
    posting.UNREACHABLE: "the service could not be reached. Is it up, and the host in the address right?",
    posting.FAILED: "the service did not take it. Is every part of the address right?",
    _NO_ANSWER: f"no answer within {TIMEOUT_SECONDS:g} seconds. Is the service up?",
    _NOT_STARTED: "apprise could not be started. Is it installed beside this program?",
}


@dataclass(frozen=True)
class Outcome:
    """What became of a message at one address.

    Attributes:
        position: Which address, from 0.
        schema: What stands before `://` in it: all that may be said of it.
        reason: Why it did not go, None where it did.
    """

    position: int
    schema: str
    reason: str | None = None

    @property
    def is_sent(self) -> bool:
        """Whether the service took it."""
        return self.reason is None

    @property
    def name(self) -> str:
        """The address in words that give nothing away."""
        return f"{self.schema} ({ordinal(self.position)} address)"


def send(addresses: Sequence[SecretStr], message: Message, timeout: float = TIMEOUT_SECONDS) -> list[Outcome]:
    """Send a message to each address.

    It is done by a process of its own: apprise's services and the libraries under them log addresses and tokens, have
    no common time-out, and would stay in memory.

    Args:
        addresses: Where to, as apprise URLs.
        message: What.
        timeout: How long to wait for all of them together. [s]

    Returns:
        What became of it, an outcome an address, in order.
    """
    return _ordered(addresses, message, timeout)


def require_usable(addresses: Sequence[SecretStr]) -> None:
    """Check that apprise can make something of each address; nothing is sent.

    Raises:
        SettingsError: It cannot; a problem an address, naming its schema and position only.
    """
    outcomes = _ordered(addresses, None, TIMEOUT_SECONDS)
    problems = [
        Problem(
            "secrets",
            f"APPRISE_URLS[{outcome.position}]",
            "alert_address_unusable",
            {"schema": outcome.schema, "reason": (outcome.reason or "").partition(". ")[0]},
        )
        for outcome in outcomes
        if not outcome.is_sent
    ]
    if problems:
        raise SettingsError(problems)


def _ordered(addresses: Sequence[SecretStr], message: Message | None, timeout: float) -> list[Outcome]:
    if not addresses:
        return []
    order = {
        "addresses": [address.get_secret_value() for address in addresses],
        "message": None if message is None else asdict(message),
    }
    answers, otherwise = _answers(json.dumps(order), timeout)
    return [
        Outcome(position, schema_of(address), _reason(answers.get(position, otherwise)))
        for position, address in enumerate(addresses)
    ]


def _answers(order: str, timeout: float) -> tuple[dict[int, str], str]:
    """Let the program work; give what it answered, and what holds of an address that it did not answer for."""
    command = [sys.executable, "-I", str(Path(posting.__file__))]
    try:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        ) as program:
            try:
                written, _ = program.communicate(order, timeout=timeout)
                otherwise = _NOT_STARTED if program.returncode else posting.FAILED
            except subprocess.TimeoutExpired:
                program.kill()
                written, _ = program.communicate()
                otherwise = _NO_ANSWER
    except OSError:
        return {}, _NOT_STARTED
    return dict(json.loads(line) for line in written.splitlines()), otherwise


def _reason(outcome: str) -> str | None:
    if outcome == posting.SENT:
        return None
    if outcome.startswith(posting.REFUSED):
        status = outcome.removeprefix(posting.REFUSED).strip()
        return f"the service answered with HTTP {status}. Is every part of the address right?"
    return _REASONS.get(outcome, _REASONS[posting.FAILED])


def schema_of(address: SecretStr) -> str:
    """Give what stands before `://` in an address."""
    return address.get_secret_value().partition("://")[0].lower()


def ordinal(position: int) -> str:
    """Say a position, counted from 0, as a person does: 1st, 2nd, 3rd."""
    number = position + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
