"""Remembers reported causes between ticks of the sensor."""

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
        gone: When it was first no longer found, UTC; None while it is found.
    """

    cause: Cause
    at: pd.Timestamp
    gone: pd.Timestamp | None = None


@dataclass
class Memory:
    """The sensor's persistent state, stored as text in its cursor.

    Attributes:
        reported: What has been reported, by the cause's key.
        last_message: When the last message was delivered, UTC.
        failures: Number of consecutive failed deliveries.
        retry_at: Earliest time of the next attempt, UTC.
        store_down: When the store stopped answering, UTC; None while it answers.
        store_version: Version of the results when they were last checked.
        store_causes: Causes found then.
    """

    reported: dict[str, Reported] = field(default_factory=dict)
    last_message: pd.Timestamp | None = None
    failures: int = 0
    retry_at: pd.Timestamp | None = None
    store_down: pd.Timestamp | None = None
    store_version: str = ""
    store_causes: list[Cause] = field(default_factory=list)

    def encode(self) -> str:
        """Encode it as text."""
        return json.dumps(asdict(self), default=pd.Timestamp.isoformat, ensure_ascii=False)

    @classmethod
    def decode(cls, text: str | None) -> Memory:
        """Decode it from text. Unreadable text gives an empty memory, so active causes are reported once more."""
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
