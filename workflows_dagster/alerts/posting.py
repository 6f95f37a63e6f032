"""Sends a message through apprise; runs as a program of its own, see `sending`.

It imports nothing of ours, so that it starts by its path in an isolated interpreter.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

SENT, UNUSABLE, FAILED, UNREACHABLE, REFUSED = "sent", "unusable", "failed", "unreachable", "refused"
_STATUS = re.compile(r"\berror=(\d{3})\b")


class _Ear(logging.Handler):
    """Hears apprise's log, which may hold addresses, and keeps of it what may be said: a status, or no connection."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._heard: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        status = _STATUS.search(text)
        if status:
            self._heard[record.name] = f"{REFUSED} {status[1]}"
        elif "onnection error" in text:
            self._heard[record.name] = UNREACHABLE

    def outcome(self, position: int) -> str:
        """What was heard of an address."""
        return self._heard.get(_logger_of(position), FAILED)


def _logger_of(position: int) -> str:
    return f"apprise.address{position}"


def main() -> None:
    """Read an order as JSON from the standard input, and write an outcome a line to the standard output.

    The order has `addresses`, and `message` with `title`, `body` and `kind`, or null to only look at the addresses. A
    line is `[position, outcome]`; an address without a line has not answered.
    """
    order = json.load(sys.stdin)
    # Whatever plugins print goes nowhere; the answers go through a copy that only we know.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    lock = threading.Lock()

    def answer(position: int, outcome: str) -> None:
        with lock:
            answers.write(json.dumps([position, outcome]) + "\n")
            answers.flush()

    _carry_out(order, answer)
    answers.flush()


def _carry_out(order: dict[str, Any], answer: Callable[[int, str], None]) -> None:
    warnings.simplefilter("ignore")
    import apprise

    ear = _Ear()
    log = logging.getLogger("apprise")
    log.propagate = False
    log.handlers[:] = [ear]
    asset = apprise.AppriseAsset(app_id="utility-meters", app_desc="Utility meters", async_mode=False)
    posts: list[threading.Thread] = []
    for position, address in enumerate(order["addresses"]):
        try:
            service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
        except Exception:  # A plugin's own, which may quote the address.
            service = None
        if service is None:
            answer(position, UNUSABLE)
        elif order["message"] is None:
            answer(position, SENT)
        else:
            # Apprise sends in threads of its own; by its logger each address is known.
            service.logger = logging.getLogger(_logger_of(position))
            post = threading.Thread(
                target=_post, args=(apprise, asset, service, order["message"], position, ear, answer), daemon=True
            )
            post.start()
            posts.append(post)
    for post in posts:
        post.join()


def _post(
    apprise: Any,
    asset: Any,
    service: Any,
    message: dict[str, str],
    position: int,
    ear: _Ear,
    answer: Callable[[int, str], None],
) -> None:
    try:
        courier = apprise.Apprise(service, asset=asset)
        is_sent = bool(
            courier.notify(
                body=message["body"],
                title=message["title"],
                notify_type=apprise.NotifyType(message["kind"]),
                body_format=apprise.NotifyFormat.TEXT,
            )
        )
    except Exception:  # Likewise.
        is_sent = False
    answer(position, SENT if is_sent else ear.outcome(position))


if __name__ == "__main__":
    main()
