"""What has been told and what has not, from one look to the next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pandas as pd

from workflows_dagster.alerts.cause import Cause

Kind = Literal["warning", "success", "info"]


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
    kind: Kind = "warning"


@dataclass(frozen=True)
class Trials:
    """How often something was tried in vain.

    Attributes:
        failed: How many times in a row.
        next_try: Not before this is it tried again, UTC.
    """

    failed: int = 0
    next_try: pd.Timestamp | None = None


@dataclass(frozen=True)
class Letter:
    """A message that some addresses have taken and others not yet.

    Attributes:
        message: The message.
        since: When it was first sent, UTC.
        left: Positions of the addresses that have not taken it, from 0.
        of: How many addresses there were.
        trials: How often it was sent to them in vain.
    """

    message: Message
    since: pd.Timestamp
    left: tuple[int, ...]
    of: int
    trials: Trials


@dataclass(frozen=True)
class Told:
    """What the owner knows of a cause.

    Attributes:
        at: When it was last told, UTC.
        sentence: What was said.
        lasts: Whether it is a state.
        since: The cause's `since` as it was told.
        gone: Since when it is not so any more, UTC; None while it stands.
    """

    at: pd.Timestamp
    sentence: str
    lasts: bool = True
    since: pd.Timestamp | None = None
    gone: pd.Timestamp | None = None


@dataclass
class Memory:
    """All that must outlive a restart; as text it is the sensor's cursor.

    Attributes:
        told: What has been told, by the cause's key.
        last_message: When the last message went out, UTC.
        letters: Messages that some addresses have not taken yet.
        trials: How often sending to all addresses has failed.
        store_away: Since when the store does not answer, UTC; None while it does.
        store_seen: What the store was last looked through for.
        store_causes: What was found there then.
    """

    told: dict[str, Told] = field(default_factory=dict)
    last_message: pd.Timestamp | None = None
    letters: list[Letter] = field(default_factory=list)
    trials: Trials = Trials()
    store_away: pd.Timestamp | None = None
    store_seen: str = ""
    store_causes: list[Cause] = field(default_factory=list)

    def encode(self) -> str:
        """Write it as text."""
        return json.dumps(asdict(self), default=pd.Timestamp.isoformat, ensure_ascii=False)

    @classmethod
    def decode(cls, text: str | None) -> Memory:
        """Read it from text; from anything else comes an empty memory, which tells what stands once more."""
        try:
            return cls._from(json.loads(text)) if text else cls()
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    @classmethod
    def _from(cls, kept: dict[str, Any]) -> Memory:
        letters = [
            Letter(
                Message(**one["message"]),
                pd.Timestamp(one["since"]),
                tuple(one["left"]),
                one["of"],
                _trials(one["trials"]),
            )
            for one in kept.pop("letters")
        ]
        told = {key: Told(**_instants(one, "at", "since", "gone")) for key, one in kept.pop("told").items()}
        causes = [Cause(**_instants(one, "since")) for one in kept.pop("store_causes")]
        trials = _trials(kept.pop("trials"))
        rest = _instants(kept, "last_message", "store_away")
        return cls(told=told, letters=letters, trials=trials, store_causes=causes, **rest)


def _trials(kept: dict[str, Any]) -> Trials:
    return Trials(**_instants(kept, "next_try"))


def _instants(kept: dict[str, Any], *names: str) -> dict[str, Any]:
    return kept | {name: None if kept[name] is None else pd.Timestamp(kept[name]) for name in names}
