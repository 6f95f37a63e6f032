"""What has been reported, kept from one tick of the sensor to the next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from workflows_dagster.alerts.cause import Cause


@dataclass(frozen=True)
class Reported:
    """A cause that was reported.

    Attributes:
        cause: The cause as it was reported.
        at: When it was last reported, UTC.
        gone: Since when it is no longer found, UTC; None while it is.
    """

    cause: Cause
    at: pd.Timestamp
    gone: pd.Timestamp | None = None


@dataclass
class Memory:
    """All that must outlive a restart; as text it is the sensor's cursor.

    Attributes:
        reported: What has been reported, by the cause's key.
        last_message: When the last message was delivered, UTC.
        failures: How often in a row no address took a message.
        retry_at: Not before this is it sent again, UTC.
        store_down: Since when the store does not answer, UTC; None while it does.
        store_version: What was known of the store when it was last checked.
        store_causes: What was found there then.
    """

    reported: dict[str, Reported] = field(default_factory=dict)
    last_message: pd.Timestamp | None = None
    failures: int = 0
    retry_at: pd.Timestamp | None = None
    store_down: pd.Timestamp | None = None
    store_version: str = ""
    store_causes: list[Cause] = field(default_factory=list)

    def encode(self) -> str:
        """Write it as text."""
        return json.dumps(asdict(self), default=pd.Timestamp.isoformat, ensure_ascii=False)

    @classmethod
    def decode(cls, text: str | None) -> Memory:
        """Read it from text. Anything else gives an empty memory, which reports what is active once more."""
        try:
            kept = json.loads(text or "{}")
            reported = {
                key: Reported(_cause(one["cause"]), pd.Timestamp(one["at"]), _instant(one["gone"]))
                for key, one in kept.pop("reported", {}).items()
            }
            causes = [_cause(one) for one in kept.pop("store_causes", [])]
            instants: dict[str, Any] = {
                name: _instant(kept.pop(name, None)) for name in ("last_message", "retry_at", "store_down")
            }
            return cls(reported=reported, store_causes=causes, **instants, **kept)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()


def _cause(kept: dict[str, Any]) -> Cause:
    return Cause(**kept | {"since": _instant(kept["since"])})


def _instant(text: str | None) -> pd.Timestamp | None:
    return None if text is None else pd.Timestamp(text)
