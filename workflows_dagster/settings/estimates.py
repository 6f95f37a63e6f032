"""What the time between two readings of a meter follows, as meters.yaml says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator

from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.validation import Violation, refusal

Base = Literal["season", "weather", "even"]
AUTO = "auto"
_BASES: tuple[str, ...] = get_args(Base)


@dataclass(frozen=True)
class Estimate:
    """What the time between two readings may follow.

    Attributes:
        bases: What may be followed; empty leaves it to the readings left out.
        like: The meter whose use is followed, as it is where this one contains it, else by a fitted share; or None.
    """

    bases: tuple[Base, ...] = ()
    like: str | None = None

    @property
    def is_auto(self) -> bool:
        """Whether meters.yaml leaves it open."""
        return not self.bases and self.like is None

    @property
    def is_even(self) -> bool:
        """Whether nothing but time counts."""
        return self.bases == ("even",)

    @property
    def is_weather(self) -> bool:
        """Whether the weather is followed without a choice."""
        return "weather" in self.bases and "season" not in self.bases

    def __str__(self) -> str:
        return AUTO if self.is_auto else ", ".join([*self.bases, *([f"like: {self.like}"] if self.like else [])])


def _parsed(written: Any) -> Estimate:
    if isinstance(written, Estimate):
        return written
    if written == AUTO:
        return Estimate()
    bases: list[Any] = []
    like: list[str] = []
    for each in written if isinstance(written, list) else [written]:
        if isinstance(each, str) and each in _BASES:
            bases.append(each)
        elif isinstance(each, dict) and list(each) == ["like"] and isinstance(each["like"], str):
            like.append(each["like"])
        else:
            raise refusal(Violation("no_estimate", {"value": shown(each)}))
    if not bases and not like:
        raise refusal(Violation("no_estimate", {"value": shown(written)}))
    if len(like) > 1:
        raise refusal(Violation("two_likes", {"first": like[0], "second": like[1]}))
    return Estimate(tuple(dict.fromkeys(bases)), like[0] if like else None)


def like_of(written: object) -> str | None:
    """Give the meter that an `estimate` as written follows, as far as it is readable."""
    for each in written if isinstance(written, Sequence) and not isinstance(written, str) else [written]:
        if isinstance(each, dict) and isinstance(each.get("like"), str):
            return str(each["like"])
    return None


EstimateField = Annotated[Estimate, BeforeValidator(_parsed)]
