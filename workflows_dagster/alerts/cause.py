"""Causes of alerts, and the checks that find them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

Figure = str | float | list[str]
"""What JSON can hold; instants and days are ISO texts."""


@dataclass(frozen=True)
class Cause:
    """One reason for an alert: a code with figures.

    Attributes:
        key: Identity of the cause: `<name of its check>:<rest>`.
        code: Key of its sentence in `wording/alerts.py`.
        figures: Values of the sentence.
        since: When the state began; for an event, when it last happened. UTC.
        lasts: Whether it is a state, which is repeated while it is active and reported when it is resolved. An event,
            such as an unusual day, is reported once.
    """

    key: str
    code: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    since: pd.Timestamp | None = None
    lasts: bool = True

    @property
    def check(self) -> str:
        """Name of the check that found it."""
        return self.key.partition(":")[0]


Check = Callable[[], Iterable[Cause]]


@dataclass(frozen=True)
class CheckResults:
    """The results of several checks.

    Attributes:
        causes: All causes.
        failed: Names of the checks that failed, so that their causes are unknown.
        errors: Reason of the failure, by name of the check.
    """

    causes: tuple[Cause, ...]
    failed: frozenset[str] = frozenset()
    errors: Mapping[str, Exception] = field(default_factory=dict)


def run_checks(checks: Mapping[str, Check]) -> CheckResults:
    """Run all checks. A check that raises becomes a cause itself, and the others still run.

    Args:
        checks: By name, which is the first part of their causes' keys.
    """
    causes: list[Cause] = []
    errors: dict[str, Exception] = {}
    for name, check in checks.items():
        try:
            causes.extend(list(check()))
        except Exception as error:  # Any error: the other checks must still run.
            errors[name] = error
            causes.append(Cause(f"check:{name}", "check_failed", {"check": name, "error": type(error).__name__}))
    return CheckResults(tuple(causes), frozenset(errors), errors)
