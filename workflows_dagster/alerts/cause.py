"""What a person is told: causes, and looks that find them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Cause:
    """One thing that needs a look.

    Attributes:
        key: What it is, stable while it lasts: the name of its look, a colon, and the rest.
        sentence: The fact and what to do, a line of its own for a house owner; no traceback, no secret.
        since: Since when it is so; of what does not last, when it last happened. UTC.
        lasts: Whether it is a state, which is told again while it stands, and whose end is told. What merely happened,
            such as a day that stands out, is told once.
    """

    key: str
    sentence: str
    since: pd.Timestamp | None = None
    lasts: bool = True

    @property
    def look(self) -> str:
        """The name of its look."""
        return self.key.partition(":")[0]


Look = Callable[[], Iterable[Cause]]


@dataclass(frozen=True)
class Seen:
    """What several looks found.

    Attributes:
        causes: All causes.
        blind: Names of the looks that could not be taken: of what they would find nothing is known.
        failures: What stood in the way, by name of the look.
    """

    causes: tuple[Cause, ...]
    blind: frozenset[str] = frozenset()
    failures: Mapping[str, Exception] | None = None


def look_around(looks: Mapping[str, Look]) -> Seen:
    """Take all looks; one that fails becomes a cause itself, and leaves the others alone.

    Args:
        looks: By name, which is the first part of their causes' keys.
    """
    causes: list[Cause] = []
    failures: dict[str, Exception] = {}
    for name, look in looks.items():
        try:
            found = list(look())
        except Exception as error:  # Whatever it is: the other alarms must go on.
            failures[name] = error
            sentence = (
                f"The look for '{name}' failed ({type(error).__name__}). The log of the sensor 'alerts' says why."
            )
            causes.append(Cause(f"look:{name}", sentence))
        else:
            causes.extend(found)
    return Seen(tuple(causes), frozenset(failures), failures)
