"""Retries transient failures, timed by a monotonic clock."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Clock(Protocol):
    """Time that only goes forward."""

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary instant."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; may return early."""
        ...


class SystemClock:
    """The machine's monotonic clock: it does not jump when somebody sets the time."""

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary instant."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def wait(clock: Clock, seconds: float) -> None:
    """Wait until the clock has advanced this long, even if a sleep ends early. [s]"""  # noqa: D415
    due = clock.monotonic() + seconds
    while (left := due - clock.monotonic()) > 0:
        clock.sleep(left)


class TransientError(Exception):
    """A transient failure, worth a retry.

    Attributes:
        fact: What happened, for a person.
        remedy: What to do if it persists.
        wait: Wait that the server asked for, if any. [s]
    """

    def __init__(self, fact: str, remedy: str, wait: float | None = None) -> None:
        super().__init__(fact)
        self.fact = fact
        self.remedy = remedy
        self.wait = wait


class GaveUpError(Exception):
    """The failure persisted through all retries.

    Attributes:
        last: The last failure.
        effort: Number and duration of the tries, such as `3 tries in 3 s`.
    """

    def __init__(self, last: TransientError, effort: str) -> None:
        super().__init__(last.fact)
        self.last = last
        self.effort = effort


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to retry.

    Attributes:
        retries: Tries after the first one failed.
        first_wait: Wait before the first retry; it doubles with each. [s]
        longest_wait: Upper limit of the doubled wait; a longer wait that the server asks for is respected. [s]
        longest_total: No retry begins later than this after the first try. [s]
        clock: The clock to wait on.
    """

    retries: int
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_total: float = math.inf
    clock: Clock = field(default_factory=SystemClock)

    def run(self, what: str, call: Callable[[], _Result]) -> _Result:
        """Call until it works.

        Args:
            what: What is tried, for the log.
            call: Raises `TransientError` for a failure worth a retry; any other exception is passed on at once.

        Raises:
            GaveUpError: The retries or the time are used up.
        """
        began = self.clock.monotonic()
        for retry in range(self.retries + 1):
            try:
                return call()
            except TransientError as failure:
                spent = self.clock.monotonic() - began
                pause = max(min(self.first_wait * 2.0**retry, self.longest_wait), failure.wait or 0.0)
                if retry == self.retries or spent + pause > self.longest_total:
                    effort = f"{retry + 1} tries in {spent:.0f} s" if retry else "1 try"
                    raise GaveUpError(failure, effort) from None
                _log.warning("%s: %s; trying again in %.0f s", what, failure.fact, pause)
            wait(self.clock, pause)
        raise AssertionError("unreachable")
