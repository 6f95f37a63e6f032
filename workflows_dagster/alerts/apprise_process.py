"""Sends a message through apprise; runs as a process of its own, see `delivery`.

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
from typing import Any

SENT, UNUSABLE, FAILED, UNREACHABLE, REFUSED = "sent", "unusable", "failed", "unreachable", "refused"
_STATUS = re.compile(r"\berror=(\d{3})\b")


class _Listener(logging.Handler):
    """Keeps the outcome from apprise's log, which may hold addresses: a status, or that nothing was reached."""

    outcome = FAILED

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if status := _STATUS.search(text):
            self.outcome = f"{REFUSED} {status[1]}"
        elif "onnection error" in text:
            self.outcome = UNREACHABLE


def main() -> None:
    """Read an order as JSON from the standard input, and write an outcome a line to the standard output.

    The order has `addresses`, and `message` with `title`, `body` and `kind`, or null to check the addresses only. A
    line is `[position, outcome]`; an address without a line has not answered.
    """
    order = json.load(sys.stdin)
    # What plugins print is dropped; the answers go through a copy of the standard output.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    warnings.simplefilter("ignore")
    import apprise

    logging.getLogger("apprise").propagate = False

    def send(position: int, address: str) -> None:
        outcome = _outcome(apprise, position, address, order["message"])
        answers.write(json.dumps([position, outcome]) + "\n")

    threads = [threading.Thread(target=send, args=each, daemon=True) for each in enumerate(order["addresses"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _outcome(apprise: Any, position: int, address: str, message: dict[str, str] | None) -> str:
    asset = apprise.AppriseAsset(app_id="utility-meters", app_desc="Utility meters", async_mode=False)
    listener = _Listener(logging.WARNING)
    try:
        service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
        if service is None or message is None:
            return UNUSABLE if service is None else SENT
        service.logger = logging.getLogger(f"apprise.address{position}")
        service.logger.addHandler(listener)
        is_sent = apprise.Apprise(service, asset=asset).notify(
            body=message["body"],
            title=message["title"],
            notify_type=apprise.NotifyType(message["kind"]),
            body_format=apprise.NotifyFormat.TEXT,
        )
    except Exception:  # A plugin's own, which may quote the address.
        return FAILED if message else UNUSABLE
    return SENT if is_sent else listener.outcome


if __name__ == "__main__":
    main()
