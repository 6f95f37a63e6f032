"""Sends a message through apprise, in a separate process (see `delivery`).

It imports nothing of this package, so that an isolated interpreter can run it by its path.
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
    """Extracts the outcome from apprise's log, which may hold addresses: an HTTP status, or a failure."""

    outcome = FAILED

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if status := _STATUS.search(text):
            self.outcome = f"{REFUSED} {status[1]}"
        elif "onnection error" in text:
            self.outcome = UNREACHABLE


def main() -> None:
    """Read an order as JSON from standard input, and write one outcome per line to standard output.

    The order has `addresses`, and `message` with `title`, `body` and `kind`, or null to check the addresses only. A
    line is `[position, outcome]`; an address without a line has not answered.
    """
    order = json.load(sys.stdin)
    # Output printed by plugins is dropped; the outcomes are written to a copy of standard output.
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
